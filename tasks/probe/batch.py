"""Measure the files of a batch and leave rows and outcomes in staging."""

from __future__ import annotations

from typing import Any

from tasks.core.clock import utc_now
from tasks.core.errors import (
    FileNotPermitted,
    FileVanished,
    ItemError,
    ProbeCrashed,
    ProbeTimedOut,
    ReadFailed,
    UnreadableVideo,
)
from tasks.core.progress import progress
from tasks.core.settings import ProbeSettings
from tasks.core.stopwatch import record_duration, record_value
from tasks.core.units import printable
from tasks.probe.engines import measure
from tasks.probe.facts import Facts
from tasks.probe.normalise import Rows, rows
from tasks.schema.probes import Attachments, AudioStreams, Chapters, Probes, SubtitleStreams, VideoStreams
from tasks.schema.table import Table
from tasks.staging import Batch, BatchResult, Ledger, Outcome

STAGE = "probe"

PART_FILES = 250
"""Files whose rows are saved together: a kill loses at most these, about 0.2 s of work for each core."""

FAILURES: dict[str, type[ItemError]] = {
    "unreadable": UnreadableVideo,
    "vanished": FileVanished,
    "not_permitted": FileNotPermitted,
    "read_failed": ReadFailed,
    "timed_out": ProbeTimedOut,
    "crashed": ProbeCrashed,
}
SET_ASIDE = (UnreadableVideo, ProbeCrashed)
"""Failures that will be the same until the file changes: it gets a row that says so, and is not tried again."""


def probe_batch(batch: Batch, settings: ProbeSettings) -> BatchResult:
    """Measure the files of ``batch`` that no earlier attempt has settled.

    Items have the columns ``file_id``, ``path``, ``path_bytes``, ``size_bytes``, ``mtime_ns``, ``ctime_ns``, ``inode``.

    Raises:
        BatchIncomplete: files failed in a way that may pass; all others are saved.
        ProbeEngineBroken: the engine is not there, or no worker process can be started.
        StorageFull: no space left for the rows.
    """
    ledger = Ledger(batch, id_column="file_id")
    part = _Part()
    items = ledger.open_items().to_dicts()
    peak_memory_bytes = program_calls = 0
    for index, facts in measure(
        [item["path_bytes"] for item in items], settings, sizes_bytes=[item["size_bytes"] for item in items]
    ):
        item = items[index]
        peak_memory_bytes = max(peak_memory_bytes, facts.get("peak_memory_bytes", 0))
        called = facts.get("program_calls", 0)
        program_calls += called
        if called:
            ledger.count("ffprobe_calls", called)
        outcome, found = settle(item, facts)
        part.add(outcome, found)
        record_duration(
            "probe.file",
            facts["wall_s"],
            started_ns=facts["started_ns"],
            item=item["path"],
            ok=outcome.error is None,
            attributes={
                "engine": facts["engine"],
                "bytes": facts.get("size_bytes"),
                "status": found.probe["status"] if found else outcome.outcome,
                "calls": facts.get("program_calls"),
            },
        )
        progress.advance(STAGE, failed=int(outcome.outcome == "failed"))
        if len(part.outcomes) >= PART_FILES:
            ledger.save(part.rows, part.outcomes)
            part = _Part()
    if part.outcomes:
        ledger.save(part.rows, part.outcomes)
    if items:
        record_value("probe.program_calls", program_calls)
    if peak_memory_bytes:
        record_value("probe.worker_memory", peak_memory_bytes, unit="byte")
    return ledger.close()


def settle(item: dict[str, Any], facts: Facts) -> tuple[Outcome, Rows | None]:
    """What became of one file, and its rows: none for a failure that says nothing about the file itself."""
    failure = facts.get("failure")
    kind = FAILURES[failure["cause"]] if failure else None
    found = None
    if kind is None or kind in SET_ASIDE:
        found = rows(_completed(facts, item), file_id=item["file_id"], probed_at=utc_now())
        if found.probe["status"] == "unreadable":
            kind = kind or UnreadableVideo
    if kind is None:
        return Outcome(item["file_id"], item["path"], "done"), found
    reason = found.probe["error"] if found else failure["reason"] if failure else ""
    error = kind(item=printable(item["path"]), reason=reason)
    return Outcome(item["file_id"], item["path"], "quarantined" if found else "failed", error), found


def _completed(facts: Facts, item: dict[str, Any]) -> Facts:
    """The facts with what the walk saw, where the engine died before it could say what it opened.

    They name the engine that should have measured it.
    """
    if "size_bytes" in facts:
        return facts
    return {
        **facts,
        "size_bytes": item["size_bytes"],
        "mtime_ns": item["mtime_ns"],
        "ctime_ns": item["ctime_ns"],
        "inode": item["inode"],
    }


class _Part:
    """Rows and outcomes that are saved together."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.rows: dict[type[Table], list[dict[str, Any]]] = {
            Probes: [], VideoStreams: [], AudioStreams: [], SubtitleStreams: [], Chapters: [], Attachments: [],
        }  # fmt: skip

    def add(self, outcome: Outcome, found: Rows | None) -> None:
        """Take in one file."""
        self.outcomes.append(outcome)
        if found is not None:
            self.rows[Probes].append(found.probe)
            self.rows[VideoStreams] += found.video_streams
            self.rows[AudioStreams] += found.audio_streams
            self.rows[SubtitleStreams] += found.subtitle_streams
            self.rows[Chapters] += found.chapters
            self.rows[Attachments] += found.attachments
