"""The door of the match room."""

from __future__ import annotations

from tasks.core.errors import KeyRefused
from tasks.core.progress import progress
from tasks.core.settings import ScrapeSettings
from tasks.match.lookup import Settled, deferred, look_up, questions
from tasks.providers.provider import merged
from tasks.providers.tmdb import Tmdb, tmdb_in
from tasks.staging import Batch, BatchResult, Ledger
from tasks.step import step

PART = 200
"""Titles that are saved together: ``kill -9`` loses at most so many decisions, and no answer."""


@step("match", run_name="match {batch.name}")
def match(batch: Batch, settings: ScrapeSettings, data_dir: str) -> BatchResult:
    """Decide for every title key of ``batch`` which title of TMDB it is.

    Without a token, or with one that TMDB refuses, what is left of the batch is deferred and counted as
    ``key_refused``.

    Raises:
        BatchIncomplete: TMDB did not answer for some; the others are saved.
        StorageFull: there is no room for answers or rows.
    """
    ledger = Ledger(batch, id_column="title_key")
    asked = questions(ledger.open_items().to_dicts())
    settled_keys: set[str] = set()
    provider: Tmdb | None = None
    part: list[Settled] = []
    try:
        provider = tmdb_in(data_dir, settings, max_age_days=settings.unmatched_retry_days)
        for settled in look_up(provider, asked, window=2 * settings.connections):
            part.append(settled)
            settled_keys.add(settled.outcome.item_id)
            progress.advance(batch.stage, failed=settled.outcome.outcome != "done")
            if len(part) >= PART:
                _save(ledger, provider, part)
    except KeyRefused as refused:
        ledger.count("key_refused")
        left = deferred(asked, settled_keys, str(refused))
        part += [Settled(outcome, {}) for outcome in left]
        progress.advance(batch.stage, len(left))
    finally:
        if provider is not None:
            provider.flush()
    _save(ledger, provider, part)
    return ledger.close()


def _save(ledger: Ledger, provider: Tmdb | None, part: list[Settled]) -> None:
    if provider is not None:
        for counter, amount in provider.usage.taken().items():
            ledger.count(counter, amount)
    if part:
        ledger.save(merged(settled.rows for settled in part), [settled.outcome for settled in part])
        part.clear()
