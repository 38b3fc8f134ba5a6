"""Walk the top folders of a batch and leave what was found in staging."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from tasks.core.errors import FileNotPermitted, ItemError, ReadFailed, RootOffline
from tasks.core.paths import as_text
from tasks.core.progress import progress
from tasks.core.settings import DiscoverySettings
from tasks.core.stopwatch import record_duration
from tasks.core.units import printable
from tasks.discovery.appearance import appearance
from tasks.discovery.folder import Listing, Tally, Unlisted
from tasks.discovery.roots import Scope, top_entries
from tasks.discovery.walk import Crew, Piece, Start, threads_for
from tasks.schema.files import ListingErrors, Listings, RootListings, Skips
from tasks.staging import Batch, BatchResult, Ledger, Outcome, cut

PART_FILES = 50_000
"""Listings a part holds: about 25 MB of memory, and 20 parts for a library of a million files."""

MOST_BATCHES = {"local": 16, "remote": 8}
"""Most batches of entries by profile. A batch costs some 3 ms of its own, as long as 1,000 files; and on a share it
needs many folders, so that many can be listed at once."""

STAGE = "discover"
Entry = dict[str, Any]
"""A row of ``roots.top_entries``."""


_ENTRY = {
    "entry_id": pl.String,
    "root": pl.String,
    "root_bytes": pl.Binary,
    "folder_bytes": pl.Binary,
    "recursive": pl.Boolean,
    "profile": pl.String,
    "profile_reason": pl.String,
    "problem": pl.String,
}


def entries_of(scopes: Sequence[Scope], settings: DiscoverySettings) -> pl.DataFrame:
    """The rows of :func:`tasks.discovery.roots.top_entries` of all ``scopes``, in their order."""
    return pl.DataFrame([row for scope in scopes for row in top_entries(scope, settings)], schema=_ENTRY)


def batches_of(entries: pl.DataFrame, *, staging: Path) -> list[Batch]:
    """Cut the rows of :func:`entries_of` into batches; few and large ones where a share is among them."""
    is_remote = (entries["profile"] == "remote").any()
    return cut(
        entries,
        stage=STAGE,
        staging=staging,
        id_column="entry_id",
        batch_size=1,
        max_batches=MOST_BATCHES["remote" if is_remote else "local"],
    )


def list_entries(batch: Batch, settings: DiscoverySettings) -> BatchResult:
    """Walk the entries of ``batch`` (rows of ``roots.top_entries``) that no earlier attempt has settled.

    An entry with a folder that could not be listed is failed, with all else that was found below it saved. Its skips
    are counted when it is settled, so that another attempt does not count them twice; its ``listing_errors`` stay, also
    when a later attempt goes well: what was in doubt once stays unknown for this run.

    Entries on a network share are walked several at once; the entries of one root and profile always are one walk.

    Raises:
        BatchIncomplete: an entry failed in a way that may pass.
    """
    ledger = Ledger(batch, id_column="entry_id")
    part = _Part(ledger)
    entries = list(ledger.open_items().iter_rows(named=True))
    for entry in entries:
        if entry["problem"] is not None:
            part.offline(entry)
    for together in _by_root([entry for entry in entries if entry["problem"] is None]):
        first = together[0]
        if not all(entry["recursive"] for entry in together):
            part.appearance(first, settings)
        starts = [Start(e["root_bytes"], e["folder_bytes"], e["recursive"]) for e in together]
        counts = [0] * len(starts)
        for piece in Crew(starts, settings, threads=threads_for(first["profile"], settings)):
            entry = together[piece.start]
            counts[piece.start] += len(piece.files)
            part.files(entry["root"], piece.files)
            if piece.end is not None:
                part.end(entry, piece, piece.end, file_count=counts[piece.start])
    part.save()
    return ledger.close()


def _by_root(entries: list[Entry]) -> list[list[Entry]]:
    """The entries of one root and profile together, in order."""
    together: dict[tuple[bytes, str], list[Entry]] = {}
    for entry in entries:
        together.setdefault((entry["root_bytes"], entry["profile"]), []).append(entry)
    return list(together.values())


@dataclass
class _Part:
    """What waits to be saved together."""

    ledger: Ledger
    found: list[tuple[str, list[Listing]]] = field(default_factory=list)
    file_count: int = 0
    roots: list[dict[str, Any]] = field(default_factory=list)
    errors: list[tuple[str, Unlisted]] = field(default_factory=list)
    skips: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)

    def appearance(self, entry: Entry, settings: DiscoverySettings) -> None:
        """Note what a root looks like; one that cannot be listed has no row, and the walk says why."""
        with suppress(OSError):
            row = appearance(entry["root_bytes"], settings)
            self.roots.append({**row, "profile": entry["profile"], "profile_reason": entry["profile_reason"]})

    def offline(self, entry: Entry) -> None:
        """Note a scope that cannot be read."""
        folder, problem = entry["folder_bytes"], entry["problem"]
        item = printable(as_text(folder))
        reason = problem.removeprefix(f"{item} ")  # an item and its reason stand side by side
        self.errors.append((entry["root"], Unlisted(folder, OSError(errno.EIO, reason))))
        error = RootOffline(item=item, reason=f"{reason}; its files are kept as they were")
        self.outcomes.append(Outcome(entry["entry_id"], as_text(folder), "failed", error))

    def files(self, root: str, files: list[Listing]) -> None:
        """Keep files; save when they are many."""
        if not files:
            return
        self.found.append((root, files))
        self.file_count += len(files)
        progress.advance(STAGE, len(files))
        if self.file_count >= PART_FILES:
            self.save()

    def end(self, entry: Entry, piece: Piece, end: Tally, *, file_count: int) -> None:
        """Note what an entry has come to."""
        root, item = entry["root"], as_text(entry["folder_bytes"])
        unlisted = end.unlisted
        record_duration(
            "discover.folder",
            piece.duration_s,
            started_ns=piece.began_ns,
            item=item,
            attributes={"files": file_count},
        )
        self.ledger.count("folder_listings", end.folder_count)
        self.ledger.count("stat_calls", end.stat_count)
        self.errors += [(root, one) for one in unlisted]
        error = _error(unlisted)
        if not isinstance(error, ReadFailed):
            for reason, skip in end.skips.items():
                earlier = self.skips.get((root, reason))
                total = skip.entry_count + (earlier[0] if earlier else 0)
                self.skips[root, reason] = (total, earlier[1] if earlier else as_text(skip.example))
        self.outcomes.append(Outcome(entry["entry_id"], item, "failed" if error else "done", error))

    def save(self) -> None:
        """Write what waits."""
        if not (self.found or self.outcomes):
            return
        self.ledger.save(
            {
                Listings: _listings(self.found),
                RootListings: self.roots,
                Skips: _skips(self.skips),
                ListingErrors: _errors(self.errors),
            },
            self.outcomes,
        )
        self.file_count = 0
        for kept in (self.found, self.roots, self.errors, self.skips, self.outcomes):
            kept.clear()


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


def _listings(found: list[tuple[str, list[Listing]]]) -> pl.DataFrame:
    listings = [listing for _, files in found for listing in files]
    columns = {
        "path": [as_text(listing[0]) for listing in listings],
        "path_bytes": [listing[0] for listing in listings],
        "root": [root for root, files in found for _ in files],
        "extension": [listing[1].decode() for listing in listings],
        "size_bytes": [listing[2] for listing in listings],
        "mtime_ns": [listing[3] for listing in listings],
        "ctime_ns": [listing[4] for listing in listings],
        "inode": [listing[5] for listing in listings],
        "device": [listing[6] for listing in listings],
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
