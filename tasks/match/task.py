"""The door of the match room."""

from __future__ import annotations

from tasks.core.settings import ScrapeSettings
from tasks.http.loop import window_of
from tasks.match.lookup import label, look_up, questions
from tasks.providers.batch import work_through
from tasks.providers.tmdb import tmdb_in
from tasks.staging import Batch, BatchResult, Ledger
from tasks.step import step

PART = 200
"""Titles that are saved together."""


@step("match", run_name="match {batch.name} (titles: {batch.item_count})")
def match(batch: Batch, settings: ScrapeSettings, data_dir: str) -> BatchResult:
    """Decide for every title key of ``batch`` which title of TMDB it is.

    Raises:
        BatchIncomplete: TMDB did not answer for some; the others are saved.
        StorageFull: there is no room for answers or rows.
    """
    ledger = Ledger(batch, id_column="title_key")
    asked = questions(ledger.open_items().to_dicts())
    return work_through(
        ledger,
        {question.title_key: label(question.wanted) for question in asked},
        connect=lambda: tmdb_in(data_dir, settings, max_age_days=settings.unmatched_retry_days),
        settle=lambda provider: look_up(provider, asked, window=window_of(settings.connections)),
        part=PART,
    )
