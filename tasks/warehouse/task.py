"""The doors of the warehouse room."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from tasks.core.atomic import write_bytes
from tasks.core.clock import utc_now
from tasks.core.settings import WarehouseSettings
from tasks.schema.files import Files, Identities, Roots
from tasks.schema.probes import ContentHashes, Probes
from tasks.schema.titles import Artwork, ArtworkWanted, Collections, Matches, Titles
from tasks.staging import Collected
from tasks.step import step
from tasks.warehouse import load as room
from tasks.warehouse.load import LoadResult
from tasks.warehouse.snapshot import write_snapshot

_PLANNED_WITH = (Roots, Files, Probes, ContentHashes, Identities, Matches, Titles, Collections, ArtworkWanted, Artwork)


@step("snapshot")
def snapshot(warehouse: str, staging: str) -> datetime:
    """Keep what the warehouse knows now for the plans of this run; return the time that counts as now in all of it.

    A retry of the run plans with the same knowledge and the same time: what was kept is kept, also where Prefect has
    lost the result of this step.

    Raises:
        WarehouseDamaged: the file is no DuckDB database.
        WarehouseTooNew: it was written by a newer version of this program.
    """
    taken = Path(staging, "known", "taken-at")
    if taken.exists():
        return datetime.fromisoformat(taken.read_text(encoding="ascii"))
    now = utc_now()
    write_snapshot(Path(warehouse), _PLANNED_WITH, staging=Path(staging))
    write_bytes(taken, now.isoformat().encode())  # last: the snapshot is whole
    return now


@step("load")
def load(collected: Collected, warehouse: str, data_dir: str, settings: WarehouseSettings | None = None) -> LoadResult:
    """Publish the warehouse with what was collected; nothing is written where nothing was."""
    return room.load(collected, Path(warehouse), data_dir=Path(data_dir), settings=settings or WarehouseSettings())
