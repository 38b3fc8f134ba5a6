"""The doors that read contents: what a batch leaves in staging, and what a file in motion, a hang and a retry do."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.core import stopwatch
from tasks.core.errors import BatchIncomplete
from tasks.core.ids import file_id
from tasks.core.paths import as_text
from tasks.core.progress import progress
from tasks.core.settings import ProbeSettings
from tasks.probe.fingerprint import fingerprint
from tasks.probe.hashing import measure
from tasks.probe.pool import shared_pool
from tasks.probe.task import hash_content, probe, recognise
from tasks.schema.files import Fingerprints
from tasks.schema.probes import ContentHashes, Probes
from tasks.schema.runs import Costs, Outcomes
from tasks.staging import Batch, cut, latest_outcomes, read_staged

SETTINGS = ProbeSettings(workers=2, chunk_size=4)
GONE = {"st_size": 11, "st_mtime_ns": 12, "st_ctime_ns": 13, "st_ino": 14, "st_dev": 15}


def an_item(path: Path | bytes, *, is_whole: bool = False) -> dict[str, Any]:
    """A file as a walk lists it."""
    raw = os.fsencode(path)
    at = os.stat(raw) if os.path.exists(raw) else None  # noqa: PTH110, PTH116 - bytes
    values = {name: getattr(at, name, value) for name, value in GONE.items()}
    return {
        "path_id": file_id(raw),
        "file_id": file_id(raw),
        "path": as_text(raw),
        "path_bytes": raw,
        "size_bytes": values["st_size"],
        "mtime_ns": values["st_mtime_ns"],
        "ctime_ns": values["st_ctime_ns"],
        "inode": values["st_ino"],
        "device": values["st_dev"],
        "is_whole": is_whole,
    }


def a_batch(staging: Path, items: Sequence[dict[str, Any]], *, stage: str = "fingerprint") -> Batch:
    id_column = "file_id" if stage == "hash" else "path_id"
    [batch] = cut(
        pl.DataFrame(items), stage=stage, staging=staging, id_column=id_column, batch_size=99_999, max_batches=1
    )
    return batch


def films(folder: Path, count: int, *, size: int = 50_000) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / f"film {number}.mkv" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(random.Random(number).randbytes(size))
    return paths


def outcomes_of(staging: Path) -> dict[str, tuple[str, str | None]]:
    outcomes = latest_outcomes(read_staged(Outcomes, staging=staging))
    return {Path(i).name: (outcome, cause) for i, outcome, cause in outcomes.select("item", "outcome", "cause").rows()}


def b2sum(path: Path) -> str:
    """The hash as coreutils compute it."""
    done = subprocess.run(["b2sum", "-l", "128", path], capture_output=True, text=True, check=True)
    return done.stdout.split()[0].lstrip("\\")


def test_every_file_has_an_outcome_and_a_row_if_it_was_read(tmp_path):
    """
    Also with names that are no UTF-8 or look like markup. What has no content is set aside, what is gone failed.
    """
    progress.reset()
    folder = tmp_path / "folder"
    paths = films(folder, 3)
    odd = [os.fsencode(folder) + name for name in (b"/caf\xe9.mkv", b"/[red]x.mkv", b"/two\nlines.mkv", b"/-n")]
    for raw in odd:
        shutil.copyfile(paths[0], raw)
    (folder / "empty.mkv").touch()
    os.mkfifo(folder / "pipe.mkv")
    (folder / "folder.mkv").mkdir()
    (folder / "device.mkv").symlink_to("/dev/zero")
    bad = [folder / name for name in ("empty.mkv", "pipe.mkv", "folder.mkv", "device.mkv", "gone.mkv")]
    items = [an_item(path) for path in [*paths, *odd, *bad]]

    result = recognise.fn(a_batch(tmp_path, items), SETTINGS)

    assert (7, 4, 1, 0) == (
        result.done_count, result.quarantined_count, result.failed_count, result.deferred_count
    )  # fmt: skip
    ends = outcomes_of(tmp_path)
    assert ("failed", "FileVanished") == ends["gone.mkv"]
    assert {("quarantined", "UnreadableVideo")} == {ends[path.name] for path in bad[:-1]}
    rows = read_staged(Fingerprints, staging=tmp_path)
    Fingerprints.validate(rows)
    assert {os.fsencode(path) for path in [*paths, *odd]} == set(rows["path_bytes"])
    assert (3, [None]) == (rows["fingerprint"].n_unique(), rows["content_hash"].unique().to_list())
    assert [(12, 1)] == [(s.done, s.failed) for s in progress.snapshot() if s.stage == "fingerprint"]


def test_a_row_is_what_the_disk_says(tmp_path):
    """
    Fingerprint, size, time and inode are those of the file; the hash of all content, where asked for, is b2sum's.
    """
    [small, large] = [*films(tmp_path / "small", 1, size=100), *films(tmp_path / "large", 1, size=20_000_001)]

    result = recognise.fn(a_batch(tmp_path, [an_item(small), an_item(large, is_whole=True)]), SETTINGS)

    rows = {Path(os.fsdecode(row["path_bytes"])): row for row in read_staged(Fingerprints, staging=tmp_path).to_dicts()}
    for path in (small, large):
        content, at = path.read_bytes(), path.stat()
        expected = fingerprint(lambda size, offset, c=content: c[offset : offset + size], len(content))
        assert (expected, at.st_size, at.st_mtime_ns, at.st_ino) == tuple(
            rows[path][column] for column in ("fingerprint", "size_bytes", "mtime_ns", "inode")
        )
    assert (None, b2sum(large)) == (rows[small]["content_hash"], rows[large]["content_hash"])
    assert {"hashed_bytes": 20_000_001} == dict(result.counters)


@pytest.mark.parametrize("engine", ["pyav", "ffprobe"])
def test_it_is_the_fingerprint_of_the_probe(clips, tmp_path, engine):
    """
    A film that was measured yesterday and lies elsewhere today is known by it.
    """
    if engine == "ffprobe" and shutil.which("ffprobe") is None:
        pytest.skip("ffprobe is not installed")
    item = an_item(clips["rich.mkv"])
    probe.fn(a_batch(tmp_path, [item], stage="probe"), ProbeSettings(workers=1, engine=engine))

    recognise.fn(a_batch(tmp_path, [item]), SETTINGS)

    assert (
        read_staged(Probes, staging=tmp_path)["fingerprint"].to_list()
        == read_staged(Fingerprints, staging=tmp_path)["fingerprint"].to_list()
    )


def test_ten_thousand_files(tmp_path):
    """
    Each has its row, and no two of them the same fingerprint.
    """
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(10_000):
        (folder / f"{number}.mkv").write_bytes(b"film %d" % number)

    result = recognise.fn(a_batch(tmp_path, [an_item(path) for path in folder.iterdir()]), ProbeSettings(workers=2))

    assert 10_000 == result.done_count
    assert 10_000 == read_staged(Fingerprints, staging=tmp_path)["fingerprint"].n_unique()


@pytest.mark.parametrize("stage", ["fingerprint", "hash"])
def test_a_file_that_changed_since_it_was_listed_has_no_row(tmp_path, stage):
    """
    Grown, or written anew with the same size: what was listed is not what was read, so nothing is said of it.
    """
    paths = films(tmp_path / "folder", 3)
    items = [an_item(path, is_whole=True) for path in paths]
    with paths[0].open("ab") as file:
        file.write(b"more")
    os.utime(paths[1], ns=(0, 1_000_000_000))
    door, table = (recognise, Fingerprints) if stage == "fingerprint" else (hash_content, ContentHashes)

    result = door.fn(a_batch(tmp_path, items, stage=stage), SETTINGS)

    assert (1, 2) == (result.done_count, result.deferred_count)
    assert 1 == read_staged(table, staging=tmp_path).height
    assert {"film 0.mkv": ("deferred", None), "film 1.mkv": ("deferred", None), "film 2.mkv": ("done", None)} == (
        outcomes_of(tmp_path)
    )


def test_a_file_that_grows_while_it_is_read_has_no_row(tmp_path):
    """
    A recording is hashed when it is finished; reading it ends although it does not.
    """
    [path] = films(tmp_path / "folder", 1, size=30_000_000)
    batch = a_batch(tmp_path, [an_item(path)], stage="hash")
    is_over = threading.Event()

    def record() -> None:
        with path.open("ab", buffering=0) as file:
            while not is_over.is_set():
                file.write(bytes(100_000))
                time.sleep(0.001)

    recording = threading.Thread(target=record)
    recording.start()
    try:
        result = hash_content.fn(batch, SETTINGS)
    finally:
        is_over.set()
        recording.join()

    assert (0, 1) == (result.done_count, result.deferred_count)
    assert read_staged(ContentHashes, staging=tmp_path).is_empty()


def test_the_engine_tells_which_file_it_has_read(tmp_path):
    """
    Size, times and inode are those of the file that was open, so that they can be compared with the listing.
    """
    [path] = films(tmp_path / "folder", 1)
    at = path.stat()

    content = measure(os.fsencode(path), is_whole=True)

    assert (at.st_size, at.st_mtime_ns, at.st_ctime_ns, at.st_ino) == (
        content["size_bytes"], content["mtime_ns"], content["ctime_ns"], content["inode"]
    )  # fmt: skip
    assert hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest() == content["content_hash"]


@pytest.mark.usefixtures("without_privileges")
def test_a_file_that_may_not_be_read_is_told(tmp_path):
    """
    The failure names the right that is missing.
    """
    [path] = films(tmp_path / "folder", 1)
    path.chmod(0)

    facts = measure(os.fsencode(path), is_whole=False)

    assert "not_permitted" == (facts["failure"] or {})["cause"]


def test_a_long_file_tells_that_it_gets_on(tmp_path):
    """
    After each 8 MiB of a file that is read whole: no deadline has to fit files of every size. A fingerprint does not.
    """
    [path] = films(tmp_path / "folder", 1, size=20_000_001)
    beats: list[bool] = []

    for is_whole in (True, False):
        measure(os.fsencode(path), is_whole=is_whole, beat=lambda is_whole=is_whole: beats.append(is_whole))

    assert [True] * 3 == beats


def test_a_disk_that_does_not_answer_costs_its_file(tmp_path):
    """
    A worker that hangs is given up at the deadline; the retry reads this file alone.
    """
    paths = films(tmp_path / "folder", 4)
    settings = ProbeSettings(workers=1, chunk_size=4, deadline_s=1)
    batch = a_batch(tmp_path, [an_item(path) for path in paths])
    pool = shared_pool(1, "tasks.probe.hashing", settings.worker_memory_bytes)
    list(pool.measure([os.fsencode(paths[0])], deadline_s=20, chunk_size=1, is_whole=False))
    os.kill(pool.pids()[0], signal.SIGSTOP)

    with pytest.raises(BatchIncomplete, match="no answer within 1 s"):
        recognise.fn(batch, settings)
    saved = read_staged(Fingerprints, staging=tmp_path).height
    result = recognise.fn(batch, settings)

    assert (3, 4) == (saved, result.done_count)


def test_content_is_hashed_once(tmp_path):
    """
    The rows are those of the table, the bytes are counted, and a second attempt reads nothing.
    """
    paths = films(tmp_path / "folder", 3, size=1_000_000)
    batch = a_batch(tmp_path, [an_item(path) for path in paths], stage="hash")
    first = hash_content.fn(batch, SETTINGS)

    second = hash_content.fn(batch, SETTINGS)

    rows = read_staged(ContentHashes, staging=tmp_path)
    ContentHashes.validate(rows)
    assert {file_id(os.fsencode(path)): b2sum(path) for path in paths} == dict(
        rows.select("file_id", "content_hash").iter_rows()
    )
    assert first == second
    assert (3, {"hashed_bytes": 3_000_000}) == (second.done_count, dict(second.counters))


def test_a_kill_loses_little_of_what_was_hashed(tmp_path, monkeypatch):
    """
    Hashes are saved by the bytes they cost: when the step dies in the middle, the next attempt begins there.
    """
    monkeypatch.setattr("tasks.probe.recognise.PART_BYTES", 2_000_000)
    paths = films(tmp_path / "folder", 8, size=1_000_000)
    batch = a_batch(tmp_path, [an_item(path) for path in paths], stage="hash")
    read = []

    def stop_in_the_middle(record: stopwatch.Record) -> None:
        read.append(record.name)
        if read.count("hash.file") == 5:
            raise KeyboardInterrupt

    before = stopwatch.listen(stop_in_the_middle)
    try:
        with pytest.raises(KeyboardInterrupt):
            hash_content.fn(batch, SETTINGS)
    finally:
        stopwatch.listen(before)
    kept = read_staged(ContentHashes, staging=tmp_path).height
    result = hash_content.fn(batch, SETTINGS)

    assert (4, 8) == (kept, result.done_count)
    assert 8_000_000 == read_staged(Costs, staging=tmp_path)["amount"].sum()


def test_batches_of_several_disks_are_read_at_the_same_time(tmp_path):
    """
    Three batches, three readers: none waits for another, and each gets its own files back.
    """
    paths = films(tmp_path / "folder", 12, size=200_000)
    batches = [
        a_batch(tmp_path / f"staging{n}", [an_item(path) for path in paths[n * 4 : n * 4 + 4]], stage="hash")
        for n in range(3)
    ]
    counts: list[int] = []
    threads = [
        threading.Thread(target=lambda b=batch: counts.append(hash_content.fn(b, SETTINGS).done_count))
        for batch in batches
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert [4, 4, 4] == counts
    for number in range(3):
        hashes = read_staged(ContentHashes, staging=tmp_path / f"staging{number}")
        assert {b2sum(path) for path in paths[number * 4 : number * 4 + 4]} == set(hashes["content_hash"])
