"""Walk the top folders of a batch and leave what was found in staging."""

from __future__ import annotations

import polars as pl

from tasks.core.errors import FileNotPermitted, ItemError, ReadFailed
from tasks.core.paths import as_text
from tasks.core.progress import progress
from tasks.core.settings import DiscoverySettings
from tasks.core.stopwatch import span
from tasks.core.units import printable
from tasks.discovery.walk import Listing, Unlisted, Walk
from tasks.schema.files import ListingErrors, Listings, Skips
from tasks.staging import Batch, BatchResult, Ledger, Outcome

PART_FILES = 50_000
"""Listings a part holds: about 25 MB of memory, and 20 parts for a library of a million files."""

STAGE = "discover"
_REPORT_FILES = 2_000


def list_entries(batch: Batch, settings: DiscoverySettings) -> BatchResult:
    """Walk the entries of ``batch`` (rows of ``roots.top_entries``) that no earlier attempt has settled.

    An entry with a folder that could not be listed is failed, with all else that was found below it saved. Its skips
    are counted when it is settled, so that another attempt does not count them twice; its ``listing_errors`` stay, also
    when a later attempt goes well: what was in doubt once stays unknown for this run.

    Raises:
        BatchIncomplete: an entry failed in a way that may pass.
    """
    ledger = Ledger(batch, id_column="entry_id")
    found: list[tuple[str, Listing]] = []
    errors: list[tuple[str, Unlisted]] = []
    skips: dict[tuple[str, str], tuple[int, str]] = {}
    outcomes: list[Outcome] = []

    def save() -> None:
        ledger.save(
            {Listings: _listings(found), Skips: _skips(skips), ListingErrors: _errors(errors)},
            outcomes,
        )
        for kept in (found, errors, skips, outcomes):
            kept.clear()

    for entry in ledger.open_items().iter_rows(named=True):
        root: str = entry["root"]
        walk = Walk(entry["root_bytes"], settings)
        with span("discover.folder", item=as_text(entry["folder_bytes"])) as timing:
            count = reported = 0
            for listing in walk.files(entry["folder_bytes"], recursive=entry["recursive"]):
                found.append((root, listing))
                count += 1
                if count - reported == _REPORT_FILES:
                    progress.advance(STAGE, count - reported)
                    reported = count
                if len(found) >= PART_FILES:
                    save()
            progress.advance(STAGE, count - reported)
            timing.note(files=count)
        errors += [(root, unlisted) for unlisted in walk.unlisted]
        error = _error(walk.unlisted)
        if not isinstance(error, ReadFailed):
            for reason, skip in walk.skips.items():
                earlier = skips.get((root, reason))
                total = skip.entry_count + (earlier[0] if earlier else 0)
                skips[root, reason] = (total, earlier[1] if earlier else as_text(skip.example))
        outcomes.append(
            Outcome(entry["entry_id"], as_text(entry["folder_bytes"]), "failed" if error else "done", error)
        )
    if found or outcomes:
        save()
    return ledger.close()


def _error(unlisted: list[Unlisted]) -> ItemError | None:
    """The failure of an entry: one that may pass goes before one that will not, as it is worth another try."""
    if not unlisted:
        return None
    passing = [u for u in unlisted if not isinstance(u.error, PermissionError)]
    first = (passing or unlisted)[0]
    more = f", and {len(unlisted) - 1} more folder(s)" if len(unlisted) > 1 else ""
    kind = ReadFailed if passing else FileNotPermitted
    return kind(
        item=printable(as_text(first.folder)),
        reason=f"folder could not be listed: {first.error.strerror}{more}; what lies below is unknown",
    )


def _listings(found: list[tuple[str, Listing]]) -> pl.DataFrame:
    columns = {
        "path": [as_text(listing[0]) for _, listing in found],
        "path_bytes": [listing[0] for _, listing in found],
        "root": [root for root, _ in found],
        "extension": [listing[1].decode() for _, listing in found],
        "size_bytes": [listing[2] for _, listing in found],
        "mtime_ns": [listing[3] for _, listing in found],
        "ctime_ns": [listing[4] for _, listing in found],
        "inode": [listing[5] for _, listing in found],
        "device": [listing[6] for _, listing in found],
    }
    return pl.DataFrame(columns, schema=Listings.dtypes())


def _skips(skips: dict[tuple[str, str], tuple[int, str]]) -> pl.DataFrame:
    return Skips.frame(
        {"root": root, "reason": reason, "skip_count": count, "example_path": example}
        for (root, reason), (count, example) in skips.items()
    )


def _errors(errors: list[tuple[str, Unlisted]]) -> pl.DataFrame:
    return ListingErrors.frame(
        {
            "path": as_text(unlisted.folder),
            "path_bytes": unlisted.folder,
            "root": root,
            "reason": unlisted.error.strerror or str(unlisted.error),
        }
        for root, unlisted in errors
    )
