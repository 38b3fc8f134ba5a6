"""Measure files outside of a run and give what is known of each as one document, for ``reelhouse probe``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from typing import Any

from tasks.core.clock import utc_now
from tasks.core.paths import as_text
from tasks.core.settings import ProbeSettings
from tasks.probe.batch import FAILURES
from tasks.probe.engines import measure
from tasks.probe.facts import Facts
from tasks.probe.normalise import rows


def probe_files(paths: Iterable[str | bytes], settings: ProbeSettings) -> Iterator[dict[str, Any]]:
    """One document a path, in the order of ``paths``, ready to be written as JSON; unknown values are ``None``.

    The keys are the columns of ``probes`` without the file's id, ``path``, ``cause`` (kind of failure, see
    ``tasks.core.errors``, or ``None``), and the lists ``video_streams``, ``audio_streams``, ``subtitle_streams``,
    ``chapters`` and ``attachments``. ``status`` is ``unreadable`` for whatever reason there are no facts.

    Raises:
        ProbeEngineBroken: no worker process can be started.
    """
    raw = [os.path.abspath(os.fsencode(path)) for path in paths]  # noqa: PTH100 - bytes; links stay what they are
    waiting: dict[int, dict[str, Any]] = {}
    following = 0
    for index, facts in measure(raw, settings):
        waiting[index] = document(raw[index], facts)
        while following in waiting:
            yield waiting.pop(following)
            following += 1


def document(path: bytes, facts: Facts) -> dict[str, Any]:
    """What ``facts`` say of the file at ``path``, in the words of our tables."""
    failure = facts.get("failure")
    seen = "size_bytes" in facts
    blank = {"size_bytes": 0, "mtime_ns": 0, "ctime_ns": 0, "inode": 0}
    complete: Facts = {**blank, **facts}  # type: ignore[typeddict-item]
    found = rows(complete, file_id="", probed_at=utc_now())
    probe = found.probe
    cause = failure["cause"] if failure else "unreadable" if probe["status"] == "unreadable" else None
    probe["tags"] = json.loads(probe["tags"]) if probe["tags"] else {}
    probe["probed_at"] = probe["probed_at"].isoformat()
    if not seen:
        probe.update(dict.fromkeys(blank))
    return {
        "path": as_text(path),
        "status": probe["status"],
        "error": probe["error"],
        "cause": FAILURES[cause].__name__ if cause else None,
        **_without_id(probe),
        "video_streams": [_without_id(row) for row in found.video_streams],
        "audio_streams": [_without_id(row) for row in found.audio_streams],
        "subtitle_streams": [_without_id(row) for row in found.subtitle_streams],
        "chapters": [_without_id(row) for row in found.chapters],
        "attachments": [_without_id(row) for row in found.attachments],
    }


def _without_id(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "file_id"}
