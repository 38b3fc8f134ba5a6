"""The doors of the discovery room."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.core.paths import Confirmed, Folders, as_parameter, as_text, from_parameter
from tasks.core.settings import DiscoverySettings
from tasks.discovery.listing import batches_of, entries_of, list_entries
from tasks.discovery.roots import check_roots
from tasks.schema.files import Roots
from tasks.staging import Batch, BatchResult, read_known
from tasks.step import step


@dataclass(frozen=True)
class DiscoveryPlan:
    """Where a run looks for files."""

    folders: Folders
    confirmed: Confirmed
    """As they were given, but spelt as the walk knows the folders."""
    notes: tuple[str, ...]
    """Sentences for people about roots that are not walked as they were given, or are empty."""
    entry_count: int
    batches: tuple[Batch, ...]


@step("plan discovery")
def plan_discovery(
    staging: str, roots: Sequence[str], confirmed: Confirmed, settings: DiscoverySettings
) -> DiscoveryPlan:
    """Check the roots and cut them into batches of folders; a retry of the run looks in the same places.

    Args:
        staging: of the run, with what is known (``snapshot``).
        roots: as parameters (``tasks.core.paths``).
        confirmed: those of ``roots`` of which a person has said that what is not there is gone.

    Raises:
        RootRefused: a root is no folder, or none of them can be read.
    """
    known = read_known(Roots, staging=Path(staging))["path_bytes"].to_list()
    meant = {from_parameter(path): count for path, count in confirmed}
    given = [os.fsdecode(from_parameter(root)) for root in roots]
    found = check_roots(given, settings, known_roots=known, confirmed=meant)
    spelt = {
        as_parameter(scope.folder): count
        for path, count in meant.items()
        for scope in check_roots([os.fsdecode(path)], settings, known_roots=known, confirmed=[path]).scopes
    }
    entries = entries_of(found.scopes, settings)
    return DiscoveryPlan(
        folders=tuple((as_parameter(scope.root), as_parameter(scope.folder)) for scope in found.scopes),
        confirmed=tuple(spelt.items()),
        notes=(*found.merged, *(f"{as_text(root)} is empty: is its disk mounted?" for root in found.empty)),
        entry_count=entries.height,
        batches=tuple(batches_of(entries, staging=Path(staging))),
    )


@step("discover", run_name="discover {batch.name} (folders: {batch.item_count})")
def discover(batch: Batch, settings: DiscoverySettings) -> BatchResult:
    """List the video files below the top folders of ``batch``.

    Raises:
        BatchIncomplete: a folder could not be listed, for a reason that may pass.
    """
    return list_entries(batch, settings)
