"""The doors of the scrape room."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tasks.core.errors import KeyRefused
from tasks.core.progress import progress
from tasks.core.settings import ScrapeSettings
from tasks.http.loop import run
from tasks.providers.provider import merged
from tasks.providers.tmdb import Tmdb, tmdb_in
from tasks.scrape import fetch
from tasks.scrape.fetch import Item, Settled
from tasks.staging import Batch, BatchResult, Ledger, Outcome
from tasks.step import step

PART = 100
"""Items that are saved together: ``kill -9`` loses the rows of at most so many, and no answer."""


@step("scrape", run_name="scrape {batch.name}")
def scrape_titles(batch: Batch, settings: ScrapeSettings, data_dir: str) -> BatchResult:
    """Fetch the titles of ``batch`` and write rows of every table that belongs to them.

    Without a token, or with one that TMDB refuses, what is left of the batch is deferred and counted as
    ``key_refused``.

    Raises:
        BatchIncomplete: TMDB did not answer for some; the others are saved.
        StorageFull: there is no room for answers or rows.
    """
    return _scrape(batch, settings, data_dir, id_column="title_id", settle=fetch.titles)


@step("collections", run_name="collections {batch.name}")
def scrape_collections(batch: Batch, settings: ScrapeSettings, data_dir: str) -> BatchResult:
    """Fetch the collections of ``batch``; otherwise as :func:`scrape_titles`.

    Raises:
        BatchIncomplete: TMDB did not answer for some; the others are saved.
        StorageFull: there is no room for answers or rows.
    """
    return _scrape(batch, settings, data_dir, id_column="collection_id", settle=fetch.collections)


@step("image address")
def image_base_url(settings: ScrapeSettings, data_dir: str) -> str:
    """Address of TMDB's pictures, from its configuration: one call a run, none while the answer kept is young.

    Raises:
        KeyRefused: there is no token, or TMDB refuses it.
        ProviderUnavailable: TMDB does not answer.
        AnswerInvalid: the configuration names no address.
    """
    provider = tmdb_in(data_dir, settings, max_age_days=settings.max_age_days)
    try:
        return provider.image_base_url(run(provider.configuration()))
    finally:
        provider.flush()


def _scrape(
    batch: Batch,
    settings: ScrapeSettings,
    data_dir: str,
    *,
    id_column: str,
    settle: Callable[..., Iterator[Settled]],
) -> BatchResult:
    ledger = Ledger(batch, id_column=id_column)
    items: Sequence[Item] = ledger.open_items().to_dicts()
    settled_ids: set[str] = set()
    provider: Tmdb | None = None
    part: list[Settled] = []
    try:
        provider = tmdb_in(data_dir, settings, max_age_days=settings.max_age_days)
        for settled in settle(provider, items, window=2 * settings.connections):
            part.append(settled)
            settled_ids.add(settled.outcome.item_id)
            progress.advance(batch.stage, failed=settled.outcome.outcome != "done")
            if len(part) >= PART:
                _save(ledger, provider, part)
    except KeyRefused as refused:
        ledger.count("key_refused")
        left = [item[id_column] for item in items if item[id_column] not in settled_ids]
        part += [Settled(Outcome(item_id, item_id, "deferred", reason=str(refused)), {}) for item_id in left]
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
