"""The doors of the artwork room."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tasks.artwork.fetch import Settled, fetch, wanted_pictures
from tasks.artwork.plan import plan
from tasks.core.progress import progress
from tasks.core.settings import ArtworkSettings, FlowSettings
from tasks.http.client import Usage
from tasks.schema.titles import Artwork
from tasks.staging import Batch, BatchResult, Ledger, Results, StagePlan, cut
from tasks.step import step

PART = 25
"""Pictures whose rows are saved together, at most."""
SAVE_AFTER_S = 1.0
"""Rows wait no longer than this for others when a picture comes: ``kill -9`` costs the downloads of the last second."""


@step("plan artwork")
def plan_artwork(
    staging: str,
    scraped: Results,  # noqa: ARG001
    artwork: ArtworkSettings,
    language: str,
    settings: FlowSettings,
    data_dir: str,
) -> StagePlan:
    """Choose the pictures of what was scraped, and cut those that are not on disk into batches."""
    folder = Path(staging)
    total_count, missing = plan(folder, artwork, language=language, data_dir=Path(data_dir))
    batches = cut(
        missing,
        stage="artwork",
        staging=folder,
        id_column="artwork_id",
        batch_size=settings.batch_size_of("artwork"),
        max_batches=settings.most_batches_of("artwork"),
    )
    return StagePlan(total_count, tuple(batches))


@step("artwork", run_name="artwork {batch.name} (pictures: {batch.item_count})")
def fetch_artwork(batch: Batch, settings: ArtworkSettings, image_base_url: str, data_dir: str) -> BatchResult:
    """Download the pictures of ``batch`` and write a row of ``artwork`` for every place that wants one.

    Raises:
        BatchIncomplete: some downloads failed in a way that may pass; the others are saved.
        StorageFull: there is no room for pictures or rows.
    """
    ledger = Ledger(batch, id_column="artwork_id")
    usage = Usage()
    pictures = wanted_pictures(ledger.open_items().to_dicts(), image_base_url=image_base_url, size=settings.size)
    part: list[Settled] = []
    saved_s = time.monotonic()
    try:
        for settled in fetch(pictures, settings, data_dir=Path(data_dir), usage=usage):
            part.append(settled)
            ledger.count("downloads", 1 if settled.rows else 0)
            failed_count = sum(outcome.outcome == "failed" for outcome in settled.outcomes)
            progress.advance(batch.stage, len(settled.outcomes), failed=failed_count)
            if len(part) >= PART or time.monotonic() - saved_s >= SAVE_AFTER_S:
                _save(ledger, part, usage)
                saved_s = time.monotonic()
    finally:
        _save(ledger, part, usage)
    return ledger.close()


def _save(ledger: Ledger, part: list[Settled], usage: Usage) -> None:
    for counter, amount in usage.taken().items():
        ledger.count("image_requests" if counter == "calls" else counter, amount)
    if part:
        rows: list[dict[str, Any]] = [row for settled in part for row in settled.rows.get(Artwork, [])]
        ledger.save({Artwork: rows}, [outcome for settled in part for outcome in settled.outcomes])
        part.clear()
