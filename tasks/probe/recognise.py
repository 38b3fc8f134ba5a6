"""Read the contents of files, in part or whole, and leave in staging what they say who they are.

Two stages: ``fingerprint`` reads a little of files that may be known ones in a new place; ``hash`` reads every byte of
files whose owner wants to be certain, one file after the other: a disk with two readers is slower than with one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from tasks.core.clock import utc_now
from tasks.core.progress import progress
from tasks.core.settings import ProbeSettings
from tasks.core.stopwatch import record_duration
from tasks.core.units import printable
from tasks.probe.batch import FAILURES, PART_FILES, SET_ASIDE
from tasks.probe.hashing import Content
from tasks.probe.pool import Pool, shared_pool
from tasks.schema.files import Fingerprints
from tasks.schema.probes import ContentHashes
from tasks.schema.table import Table
from tasks.staging import Batch, BatchResult, Ledger, Outcome

PART_BYTES = 8 * 1024**3
"""Content whose hashes are saved together: a kill loses at most what a disk reads in a minute or two."""

MOST_DISKS = 16
"""Files that are read whole at the same time, each for a batch of its own."""

_ENGINE = "tasks.probe.hashing"


def recognise_batch(batch: Batch, settings: ProbeSettings) -> BatchResult:
    """Read the fingerprints of the files of ``batch``, and the hash of all content of those with ``is_whole``.

    Items have the columns ``path_id``, ``path``, ``path_bytes``, ``size_bytes``, ``mtime_ns``, ``inode``, ``is_whole``.
    A file that has changed since it was listed has no row, and is deferred.

    Raises:
        BatchIncomplete: files failed in a way that may pass; all others are saved.
        ProbeEngineBroken: no worker process can be started.
        StorageFull: no space left for the rows.
    """
    work = _Work(batch, table=Fingerprints, id_column="path_id")
    items = work.ledger.open_items()
    work.read(items.filter(~items["is_whole"]).to_dicts(), settings, is_whole=False)
    work.read(items.filter(items["is_whole"]).to_dicts(), settings, is_whole=True)
    return work.close()


def hash_batch(batch: Batch, settings: ProbeSettings) -> BatchResult:
    """Hash the files of ``batch``, which lie on one disk, one after the other.

    Items have the columns ``file_id``, ``path``, ``path_bytes``, ``size_bytes``, ``mtime_ns``. A file that has changed
    since it was listed has no row, and is deferred.

    Raises:
        BatchIncomplete: files failed in a way that may pass; all others are saved.
        ProbeEngineBroken: no worker process can be started.
        StorageFull: no space left for the rows.
    """
    work = _Work(batch, table=ContentHashes, id_column="file_id")
    work.read(work.ledger.open_items().to_dicts(), settings, is_whole=True)
    return work.close()


class _Work:
    """A batch whose files are read: rows and outcomes are saved in parts."""

    def __init__(self, batch: Batch, *, table: type[Table], id_column: str) -> None:
        self.ledger = Ledger(batch, id_column=id_column)
        self._stage = batch.stage
        self._table = table
        self._id_column = id_column
        self._rows: list[dict[str, Any]] = []
        self._outcomes: list[Outcome] = []
        self._part_bytes = 0

    def read(self, items: Sequence[dict[str, Any]], settings: ProbeSettings, *, is_whole: bool) -> None:
        """Read ``items`` and save what they come to; the deadline is that of a file or, read whole, of each block."""
        for index, facts in _pool(settings, is_whole=is_whole).measure(
            [item["path_bytes"] for item in items],
            deadline_s=settings.deadline_s,
            chunk_size=1 if is_whole else settings.chunk_size,
            most_at_once=1 if is_whole else None,
            is_whole=is_whole,
        ):
            self._settle(items[index], cast(Content, facts))
            if len(self._outcomes) >= PART_FILES or self._part_bytes >= PART_BYTES:
                self._save()

    def close(self) -> BatchResult:
        """Save what is left and count.

        Raises:
            BatchIncomplete: files failed in a way that may pass; all others are saved.
        """
        if self._outcomes:
            self._save()
        return self.ledger.close()

    def _settle(self, item: dict[str, Any], content: Content) -> None:
        outcome = settle(item, content, id_column=self._id_column)
        self._outcomes.append(outcome)
        if outcome.outcome == "done":
            self._rows.append(_row(self._table, item, content))
        hashed_bytes = content["size_bytes"] if content.get("content_hash") else 0
        if hashed_bytes:
            self.ledger.count("hashed_bytes", hashed_bytes)
            self._part_bytes += hashed_bytes
        record_duration(
            f"{self._stage}.file",
            content["wall_s"],
            started_ns=content["started_ns"],
            item=item["path"],
            ok=outcome.error is None,
            attributes={"bytes": hashed_bytes or None, "status": outcome.outcome},
        )
        progress.advance(self._stage, failed=int(outcome.outcome == "failed"))

    def _save(self) -> None:
        self.ledger.save({self._table: self._rows}, self._outcomes)
        self._rows, self._outcomes, self._part_bytes = [], [], 0


def settle(item: dict[str, Any], content: Content, *, id_column: str) -> Outcome:
    """What became of one file: ``done`` only if it is still as it was listed."""
    item_id, label = item[id_column], item["path"]
    failure = content.get("failure")
    if failure:
        kind = FAILURES[failure["cause"]]
        error = kind(item=printable(label), reason=failure["reason"])
        return Outcome(item_id, label, "quarantined" if kind in SET_ASIDE else "failed", error)
    if (content["size_bytes"], content["mtime_ns"]) != (item["size_bytes"], item["mtime_ns"]):
        return Outcome(item_id, label, "deferred", reason="it has changed since it was listed; the next run reads it")
    return Outcome(item_id, label, "done")


def _row(table: type[Table], item: dict[str, Any], content: Content) -> dict[str, Any]:
    at = {column: content[column] for column in ("size_bytes", "mtime_ns", "inode")}
    if table is Fingerprints:
        read = {"fingerprint": content["fingerprint"], "content_hash": content["content_hash"]}
        return {"path_bytes": item["path_bytes"], **at, **read}
    return {"file_id": item["file_id"], **at, "content_hash": content["content_hash"], "hashed_at": utc_now()}


def _pool(settings: ProbeSettings, *, is_whole: bool) -> Pool:
    """Many short reads share the workers; whole files have workers of their own, or the short would wait for hours."""
    workers = MOST_DISKS if is_whole else settings.workers
    return shared_pool(workers, _ENGINE, settings.worker_memory_bytes)
