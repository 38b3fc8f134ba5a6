"""The door of the probe: what a batch leaves in staging, and what a retry does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tasks.core import stopwatch
from tasks.core.errors import BatchIncomplete
from tasks.core.ids import file_id
from tasks.core.paths import as_text
from tasks.core.progress import progress
from tasks.core.settings import ProbeSettings
from tasks.probe.batch import settle
from tasks.probe.document import probe_files
from tasks.probe.engines import engine_pool
from tasks.probe.task import close_pool, peak_worker_memory_bytes, probe
from tasks.schema.probes import (
    HOW_MEASURED,
    Attachments,
    AudioStreams,
    Chapters,
    Probes,
    SubtitleStreams,
    VideoStreams,
)
from tasks.schema.runs import Outcomes
from tasks.staging import Batch, cut, latest_outcomes, read_staged

SETTINGS = ProbeSettings(workers=2, chunk_size=4)
PARTS = (Probes, VideoStreams, AudioStreams, SubtitleStreams, Chapters, Attachments)
needs_ffprobe = pytest.mark.skipif(not shutil.which("ffprobe"), reason="ffprobe is not installed")


def an_item(path: Path | bytes) -> dict[str, Any]:
    raw = os.fsencode(path)
    return {
        "file_id": file_id(raw),
        "path": as_text(raw),
        "path_bytes": raw,
        "size_bytes": 11,
        "mtime_ns": 12,
        "ctime_ns": 13,
        "inode": 14,
    }


def a_batch(staging: Path, *paths: Path | bytes) -> Batch:
    frame = pl.DataFrame([an_item(path) for path in paths])
    [batch] = cut(frame, stage="probe", staging=staging, id_column="file_id", batch_size=9_999, max_batches=1)
    return batch


@pytest.fixture
def a_folder(clips, tmp_path) -> dict[str, Path]:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("rich.mkv", "hdr10.mkv", "plain.avi"):
        shutil.copyfile(clips[name], folder / name)
    (folder / "cut.mkv").write_bytes(clips["rich.mkv"].read_bytes()[:-3_000])
    (folder / "empty.mkv").touch()
    (folder / "text.mkv").write_text("no film", encoding="utf-8")
    os.mkfifo(folder / "pipe.mkv")
    return {path.name: path for path in folder.iterdir()} | {"gone.mkv": folder / "gone.mkv"}


def test_every_file_has_an_outcome_and_its_rows(a_folder, tmp_path):
    """
    Films are done, also without their end; what is no film is set aside with a row; what is gone failed without one.
    """
    progress.reset()

    result = probe.fn(a_batch(tmp_path, *a_folder.values()), SETTINGS)

    outcomes = latest_outcomes(read_staged(Outcomes, staging=tmp_path))
    ends = {
        Path(item).name: (outcome, cause) for item, outcome, cause in outcomes.select("item", "outcome", "cause").rows()
    }
    assert {
        "rich.mkv": ("done", None),
        "hdr10.mkv": ("done", None),
        "plain.avi": ("done", None),
        "cut.mkv": ("done", None),
        "empty.mkv": ("quarantined", "UnreadableVideo"),
        "text.mkv": ("quarantined", "UnreadableVideo"),
        "pipe.mkv": ("quarantined", "UnreadableVideo"),
        "gone.mkv": ("failed", "FileVanished"),
    } == ends
    assert (4, 3, 1) == (result.done_count, result.quarantined_count, result.failed_count)
    probes = read_staged(Probes, staging=tmp_path)
    assert {"ok": 3, "partial": 1, "unreadable": 3} == dict(probes.group_by("status").len().iter_rows())
    assert [(8, 1)] == [(s.done, s.failed) for s in progress.snapshot() if s.stage == "probe"]


def test_the_rows_pass_the_checks_of_their_tables(a_folder, tmp_path):
    """
    What is staged is what the warehouse takes.
    """
    probe.fn(a_batch(tmp_path, *a_folder.values()), SETTINGS)

    for table in (Probes, VideoStreams, AudioStreams, SubtitleStreams, Chapters):
        frame = read_staged(table, staging=tmp_path)
        table.validate(frame)
        assert frame.height


def test_a_row_tells_the_file_that_was_opened(a_folder, tmp_path):
    """
    A file may change between walk and probe: size, times and inode are those of the moment it was measured.
    """
    at = a_folder["rich.mkv"].stat()

    probe.fn(a_batch(tmp_path, a_folder["rich.mkv"]), SETTINGS)

    columns = ["size_bytes", "mtime_ns", "ctime_ns", "inode"]
    assert [(at.st_size, at.st_mtime_ns, at.st_ctime_ns, at.st_ino)] == (
        read_staged(Probes, staging=tmp_path).select(columns).rows()
    )


def test_a_batch_that_is_run_again_measures_nothing_twice(a_folder, tmp_path):
    """
    What is settled stays: the second attempt adds no row.
    """
    batch = a_batch(tmp_path, *a_folder.values())
    first = probe.fn(batch, SETTINGS)

    second = probe.fn(batch, SETTINGS)

    assert first == second
    assert 7 == read_staged(Probes, staging=tmp_path).height


def test_a_file_that_does_not_answer_is_tried_again(clips, tmp_path):
    """
    A deadline that passed is a passing failure: all others are saved, and the retry measures this file alone.
    """
    paths = [tmp_path / f"{number}.mkv" for number in range(4)]
    for path in paths:
        shutil.copyfile(clips["rich.mkv"], path)
    settings = ProbeSettings(workers=1, chunk_size=4, deadline_s=1)
    batch = a_batch(tmp_path / "staging", *paths)
    list(probe_files([clips["rich.mkv"].as_posix()], settings))
    [pid] = engine_pool(settings).pids()
    os.kill(pid, signal.SIGSTOP)

    with pytest.raises(BatchIncomplete, match="no answer within 1 s"):
        probe.fn(batch, settings)
    saved = read_staged(Probes, staging=tmp_path / "staging").height
    result = probe.fn(batch, settings)

    assert (3, 4) == (saved, result.done_count)


def test_a_kill_loses_little(clips, tmp_path, monkeypatch):
    """
    Rows are saved on the way: when the step dies in the middle, the next attempt begins there.
    """
    monkeypatch.setattr("tasks.probe.batch.PART_FILES", 2)
    paths = [tmp_path / f"{number}.mkv" for number in range(12)]
    for path in paths:
        os.link(clips["rich.mkv"], path)
    batch = a_batch(tmp_path / "staging", *paths)
    saved = []

    def stop_in_the_middle(record: stopwatch.Record) -> None:
        saved.append(record.name)
        if len(saved) == 7:
            raise KeyboardInterrupt

    before = stopwatch.listen(stop_in_the_middle)
    try:
        with pytest.raises(KeyboardInterrupt):
            probe.fn(batch, SETTINGS)
    finally:
        stopwatch.listen(before)
    kept = read_staged(Probes, staging=tmp_path / "staging").height
    result = probe.fn(batch, SETTINGS)

    assert (6, 12) == (kept, result.done_count)
    assert 12 == read_staged(Probes, staging=tmp_path / "staging").height


def test_every_file_is_timed_where_it_was_measured(a_folder, tmp_path, records):
    """
    The time of a file is that of the worker, with its size and what became of it.
    """
    probe.fn(a_batch(tmp_path, a_folder["rich.mkv"], a_folder["empty.mkv"]), SETTINGS)

    files = {Path(r.item or "").name: r for r in records if r.name == "probe.file"}
    assert {"rich.mkv", "empty.mkv"} == set(files)
    assert (True, "ok", a_folder["rich.mkv"].stat().st_size) == (
        files["rich.mkv"].ok, files["rich.mkv"].attributes["status"], files["rich.mkv"].attributes["bytes"]
    )  # fmt: skip
    assert (False, "unreadable") == (files["empty.mkv"].ok, files["empty.mkv"].attributes["status"])
    assert (0, 0) == tuple(files[name].attributes["calls"] for name in ("rich.mkv", "empty.mkv"))
    assert 0 < files["rich.mkv"].value < 5


@needs_ffprobe
@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        (1, {"rich.mkv": 1, "hdr10.mkv": 2, "text.mkv": 1, "empty.mkv": 0}),
        (3, {"rich.mkv": 3, "hdr10.mkv": 4, "text.mkv": 1, "empty.mkv": 0}),
    ],
)
def test_calls_of_ffprobe_are_counted(a_folder, tmp_path, calls, expected, records):
    """
    Per file and for the batch: one or three, and one for a frame; one for what is refused, none for an empty file. The
    batch's result has them for the record and the report of the run.
    """
    settings = ProbeSettings(workers=1, engine="ffprobe", ffprobe_calls=calls)
    result = probe.fn(a_batch(tmp_path, *(a_folder[name] for name in expected)), settings)

    assert {"ffprobe_calls": sum(expected.values())} == result.counters
    found = {Path(r.item or "").name: r.attributes["calls"] for r in records if r.name == "probe.file"}
    assert expected == found
    assert [sum(expected.values())] == [r.value for r in records if r.name == "probe.program_calls"]


@needs_ffprobe
def test_how_a_file_was_measured_changes_nothing_in_what_is_known_of_it(toy_library, tmp_path):
    """
    PyAV, ffprobe in one call and in three give equal tables of the toy library, but for the columns that say how and
    when it was measured. Versions of libavformat round lengths differently: PyAV's own may be a millisecond off, and so
    the mean rate.
    """
    paths = sorted(path for path in toy_library.rglob("*") if path.is_file())
    ways = {"pyav": {}, "one": {"engine": "ffprobe"}, "three": {"engine": "ffprobe", "ffprobe_calls": 3}}
    tables: dict[str, list[pl.DataFrame]] = {}
    for way, settings in ways.items():
        staging = tmp_path / way
        probe.fn(a_batch(staging, *paths), ProbeSettings(workers=2, **settings))
        found = {table: read_staged(table, staging=staging).sort(table.key()) for table in PARTS}
        found[Probes] = found[Probes].drop(HOW_MEASURED)
        tables[way] = list(found.values())

    assert 16 == tables["pyav"][0].height
    for one, other, third in zip(tables["pyav"], tables["one"], tables["three"], strict=True):
        rounded = pl.col("^(duration_s|bitrate_bps)$").cast(pl.Float64)
        assert_frame_equal(one.with_columns(rounded), other.with_columns(rounded), rel_tol=0.001)
        assert_frame_equal(other, third)


def test_the_memory_of_the_workers_is_recorded(a_folder, tmp_path, records):
    """
    Each batch leaves the largest that a worker has had, in bytes; the run can ask for the largest of all.
    """
    close_pool()
    for number, name in enumerate(("rich.mkv", "hdr10.mkv")):
        probe.fn(a_batch(tmp_path / str(number), a_folder[name]), SETTINGS)

    found = [r for r in records if r.name == "probe.worker_memory"]
    assert [("value", {"unit": "byte"})] * 2 == [(r.kind, r.attributes) for r in found]
    assert max(r.value for r in found) == peak_worker_memory_bytes()


def test_a_crash_is_set_aside_with_what_the_walk_saw():
    """
    The engine died before it could say anything: the row holds what the listing said, so that it is not tried again.
    """
    failure = {"cause": "crashed", "reason": "signal 11"}
    facts = {"failure": failure, "wall_s": 0.0, "started_ns": 0, "engine": "ffprobe", "engine_version": "ffprobe 5"}

    outcome, found = settle(an_item(b"/x/a.mkv"), facts)  # type: ignore[arg-type]

    assert ("quarantined", "ProbeCrashed") == (outcome.outcome, type(outcome.error).__name__)
    assert found is not None
    assert ("unreadable", "signal 11", 11, 12, 13, 14, "ffprobe", "ffprobe 5") == tuple(
        found.probe[c]
        for c in ("status", "error", "size_bytes", "mtime_ns", "ctime_ns", "inode", "engine", "engine_version")
    )


def test_batches_share_the_workers(clips, tmp_path):
    """
    Four steps at the same time use the same two processes, and each gets its own files back.
    """
    paths = [tmp_path / f"{number}.mkv" for number in range(40)]
    for path in paths:
        os.link(clips["rich.mkv"], path)
    batches = [a_batch(tmp_path / f"staging{n}", *paths[n * 10 : n * 10 + 10]) for n in range(4)]
    results: list[int] = []
    threads = [threading.Thread(target=lambda b=b: results.append(probe.fn(b, SETTINGS).done_count)) for b in batches]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert [10] * 4 == results
    assert len(engine_pool(SETTINGS).pids()) <= 2


def test_a_document_a_file(a_folder):
    """
    The command line gets one JSON document for each path, in order, with all keys whatever the file is.
    """
    paths = [str(a_folder[name]) for name in ("rich.mkv", "empty.mkv", "gone.mkv", "plain.avi")]

    documents = list(probe_files(paths, SETTINGS))

    assert paths == [d["path"] for d in documents]
    assert [None, "UnreadableVideo", "FileVanished", None] == [d["cause"] for d in documents]
    assert 1 == len({tuple(d) for d in documents})
    assert json.loads(json.dumps(documents)) == documents
    assert (3, 2, "A Film", None) == (
        len(documents[0]["audio_streams"]), len(documents[0]["chapters"]), documents[0]["tags"]["title"],
        documents[0]["video_streams"][0]["hdr_format"],
    )  # fmt: skip


def test_paths_are_taken_as_they_are_typed(clips, tmp_path, monkeypatch):
    """
    A relative path is one of the folder the command is given in, also after the workers were started elsewhere.
    """
    list(probe_files([str(clips["rich.mkv"])], SETTINGS))
    shutil.copyfile(clips["rich.mkv"], os.fsencode(tmp_path) + b"/-caf\xe9.mkv")
    monkeypatch.chdir(tmp_path)

    [found] = probe_files([b"-caf\xe9.mkv"], SETTINGS)

    assert ("ok", f"{tmp_path}/-caf\\xe9.mkv") == (found["status"], found["path"])


def test_a_small_batch_is_quick(clips, tmp_path):
    """
    A file or two cost the start of a worker, not more.
    """
    began = time.monotonic()

    probe.fn(a_batch(tmp_path, clips["rich.mkv"]), SETTINGS)

    assert time.monotonic() - began < 10
