"""Work through a batch of items that a metadata service answers: what match and scrape do alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tasks.core.errors import KeyRefused
from tasks.core.progress import progress
from tasks.providers.provider import Facts, merged
from tasks.providers.tmdb import Tmdb
from tasks.staging import BatchResult, Ledger, Outcome


@dataclass(frozen=True)
class Settled:
    """What one item came to: its outcome and rows."""

    outcome: Outcome
    rows: Facts


def work_through(
    ledger: Ledger,
    items: Mapping[str, str],
    *,
    connect: Callable[[], Tmdb],
    settle: Callable[[Tmdb], Iterator[Settled]],
    part: int,
) -> BatchResult:
    """Settle the open items of a batch, and save them ``part`` at a time with what they cost.

    Without a token, or with one that the service refuses, what is left of the batch is deferred and counted as
    ``key_refused``.

    Args:
        items: id of each open item -> the item for people.
        connect: gives the service.
        settle: asks it; items in the order in which answers come.
        part: items that are saved together: ``kill -9`` loses the rows of at most so many, and no answer.

    Raises:
        BatchIncomplete: the service did not answer for some; the others are saved.
        StorageFull: there is no room for answers or rows.
    """
    left = dict(items)
    pending: list[Settled] = []
    provider: Tmdb | None = None
    try:
        provider = connect()
        for settled in settle(provider):
            pending.append(settled)
            left.pop(settled.outcome.item_id, None)
            progress.advance(ledger.batch.stage, failed=int(settled.outcome.outcome == "failed"))
            if len(pending) >= part:
                _save(ledger, provider, pending)
    except KeyRefused as refused:
        ledger.count("key_refused")
        pending += [Settled(Outcome(key, item, "deferred", reason=str(refused)), {}) for key, item in left.items()]
        progress.advance(ledger.batch.stage, len(left))
    finally:
        if provider is not None:
            provider.flush()
    _save(ledger, provider, pending)
    return ledger.close()


def _save(ledger: Ledger, provider: Tmdb | None, pending: list[Settled]) -> None:
    if provider is not None:
        for counter, amount in provider.usage.taken().items():
            ledger.count(counter, amount)
    if pending:
        ledger.save(merged(settled.rows for settled in pending), [settled.outcome for settled in pending])
        pending.clear()
