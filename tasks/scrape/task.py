"""The doors of the scrape room."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tasks.core.settings import ScrapeSettings
from tasks.http.loop import run, window_of
from tasks.providers.batch import Settled, work_through
from tasks.providers.tmdb import tmdb_in
from tasks.schema.runs import Costs
from tasks.scrape import fetch
from tasks.scrape.fetch import Item
from tasks.staging import Batch, BatchResult, Ledger, write_staged
from tasks.step import step

PART = 100
"""Items that are saved together."""
IMAGE_ADDRESS = "image_address"
"""Stage under which the cost of asking for the address of the pictures is kept."""


@step("scrape", run_name="scrape {batch.name} (titles: {batch.item_count})")
def scrape_titles(batch: Batch, settings: ScrapeSettings, data_dir: str) -> BatchResult:
    """Fetch the titles of ``batch`` and write rows of every table that belongs to them.

    Raises:
        BatchIncomplete: TMDB did not answer for some; the others are saved.
        StorageFull: there is no room for answers or rows.
    """
    return _scrape(batch, settings, data_dir, id_column="title_id", settle=fetch.titles)


@step("collections", run_name="collections {batch.name} (collections: {batch.item_count})")
def scrape_collections(batch: Batch, settings: ScrapeSettings, data_dir: str) -> BatchResult:
    """Fetch the collections of ``batch``; otherwise as :func:`scrape_titles`.

    Raises:
        BatchIncomplete: TMDB did not answer for some; the others are saved.
        StorageFull: there is no room for answers or rows.
    """
    return _scrape(batch, settings, data_dir, id_column="collection_id", settle=fetch.collections)


@step("image address")
def image_base_url(settings: ScrapeSettings, data_dir: str, staging: str) -> str:
    """Address of TMDB's pictures, from its configuration: one call a run, none while the answer kept is young.

    What it cost is left in ``staging``.

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
        spent = [
            {"stage": IMAGE_ADDRESS, "counter": counter, "amount": amount}
            for counter, amount in provider.usage.taken().items()
        ]
        write_staged({Costs: Costs.frame(spent)}, staging=Path(staging), stage=IMAGE_ADDRESS)


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
    return work_through(
        ledger,
        {item[id_column]: item[id_column] for item in items},
        connect=lambda: tmdb_in(data_dir, settings, max_age_days=settings.max_age_days),
        settle=lambda provider: settle(provider, items, window=window_of(settings.connections)),
        part=PART,
    )
