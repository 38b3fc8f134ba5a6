"""Staged rows become files that can be loaded, and an account of what cannot."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tasks.collect.collect import collect
from tasks.collect.task import collect as door
from tasks.core.errors import ProbeTimedOut, UnreadableVideo
from tasks.schema.files import Files, Purges
from tasks.schema.probes import Probes, VideoStreams
from tasks.schema.runs import Failures, Quarantine
from tasks.staging import Batch, Ledger, Outcome, cut, write_staged
from tests.schema.builders import a_file, a_probe, a_video_stream

ODD = "we[i]rd*?=1 \N{FILM FRAMES}\n[red] \"quoted\" 'x'"
"""A name with everything that patterns, terminals and SQL may trip over."""


@pytest.fixture(params=["plain", ODD])
def staging(tmp_path, request) -> Path:
    return tmp_path / request.param / "run"


def a_batch(staging: Path, *file_ids: str, stage: str = "probe") -> Batch:
    items = pl.DataFrame({"file_id": list(file_ids), "path": [f"/videos/{i}.mkv" for i in file_ids]})
    [batch] = cut(items, stage=stage, staging=staging, id_column="file_id", batch_size=100, max_batches=1)
    return batch


def done(file_id: str) -> Outcome:
    return Outcome(file_id, f"/videos/{file_id}.mkv", "done")


def collected_rows(collected, table) -> pl.DataFrame:
    path = collected.path(table)
    return pl.read_parquet(path, glob=False) if path.exists() else table.frame()


def test_good_rows_are_written_as_they_were_staged(staging):
    """
    What a step saved is what can be loaded, table by table, and counted.
    """
    rows = {Probes: [a_probe("a"), a_probe("b")], VideoStreams: [a_video_stream("a")]}
    Ledger(a_batch(staging, "a", "b"), id_column="file_id").save(rows, [done("a"), done("b")])

    collected = collect(staging, run_id="r")

    assert {"probes": 2, "video_streams": 1} == collected.rows
    assert ({}, 0) == (collected.quarantined, collected.failed_count)
    assert Probes.frame(rows[Probes]).equals(collected_rows(collected, Probes))


def test_a_refused_row_is_quarantined_with_its_parts(staging):
    """
    Row key, the item for people and the reason stand in quarantine; the good file is not touched.
    """
    rows = {
        Probes: [a_probe("bad", duration_s=-1.0), a_probe("good")],
        VideoStreams: [a_video_stream("bad", 0), a_video_stream("good", 0)],
    }
    Ledger(a_batch(staging, "bad", "good"), id_column="file_id").save(rows, [done("bad"), done("good")])

    collected = collect(staging, run_id="r")

    reason = "duration_s=-1.0 fails greater_than(0)"
    part = f"part of a row of probes that was refused: {reason}"
    assert [
        ("r", "probes", "bad", "/videos/bad.mkv", reason, None, None),
        ("r", "video_streams", "bad/0", "/videos/bad.mkv", part, None, None),
    ] == collected_rows(collected, Quarantine).rows()
    assert {"probes": 1, "video_streams": 1, "quarantine": 2} == collected.rows
    assert {"probes": 1, "video_streams": 1} == collected.quarantined


def test_failures_and_given_up_items_come_from_the_last_attempt(staging):
    """
    a fails twice, b fails once and then is done, c is given up: one failure after two attempts, one row set aside.
    """
    batch = a_batch(staging, "a", "b", "c")

    def slow(name):
        return Outcome(name, name, "failed", ProbeTimedOut(item=name, reason="no answer within 30 s"))

    given_up = Outcome("c", "c", "quarantined", UnreadableVideo(item="c", reason="moov atom not found"))
    Ledger(batch, id_column="file_id").save({}, [slow("a"), slow("b"), given_up])
    Ledger(batch, id_column="file_id").save({Probes: [a_probe("b")]}, [slow("a"), done("b")])

    collected = collect(staging, run_id="r")

    assert [("r", "probe", "a", "a", "ProbeTimedOut", "no answer within 30 s", True, 2)] == collected_rows(
        collected, Failures
    ).rows()
    set_aside = ("r", "probe", "c", "c", "moov atom not found", "UnreadableVideo", 1)
    assert [set_aside] == collected_rows(collected, Quarantine).rows()
    assert ({"probe": 1}, 1) == (collected.quarantined, collected.failed_count)


def test_a_file_that_was_saved_twice_keeps_no_part_of_the_first_save(staging):
    """
    A batch can be executed twice. The first measured two streams, the second one: one stream is what the file has.
    """
    batch = a_batch(staging, "a", "b")
    first = {
        Probes: [a_probe("a", size_bytes=1), a_probe("b")],
        VideoStreams: [a_video_stream("a", 0), a_video_stream("a", 1), a_video_stream("b", 0)],
    }
    second = {Probes: [a_probe("a", size_bytes=2)], VideoStreams: [a_video_stream("a", 0, codec="hevc")]}
    Ledger(batch, id_column="file_id").save(first, [done("a"), done("b")])
    Ledger(batch, id_column="file_id").save(second, [done("a")])

    collected = collect(staging, run_id="r")

    streams = collected_rows(collected, VideoStreams).sort("file_id").select("file_id", "stream_index", "codec")
    assert [("a", 0, "hevc"), ("b", 0, "h264")] == streams.rows()
    assert {"a": 2, "b": 1} == dict(collected_rows(collected, Probes).select("file_id", "size_bytes").rows())


def test_rows_whose_key_is_a_hole_are_all_in_quarantine(staging):
    """
    Two rows that cannot be told apart by their key are two rows in quarantine, with keys of their own.
    """
    rows = {Probes: [a_probe(None), a_probe(None)]}
    Ledger(a_batch(staging, "a"), id_column="file_id").save(rows, [])

    quarantine = collected_rows(collect(staging, run_id="r"), Quarantine)

    assert ["null", "null#2"] == quarantine["row_key"].to_list()


def test_collecting_twice_gives_the_same(staging):
    """
    The step may be executed twice; counts and digest of the content are equal.
    """
    Ledger(a_batch(staging, "a"), id_column="file_id").save({Probes: [a_probe("a", duration_s=-1.0)]}, [done("a")])

    assert collect(staging, run_id="r") == collect(staging, run_id="r")


def test_collecting_anew_leaves_nothing_of_the_first_time(staging):
    """
    After a retry that mended everything there is no file of failures any more; other rows have another digest.
    """
    batch = a_batch(staging, "a")
    failed = Outcome("a", "a", "failed", ProbeTimedOut(item="a", reason="slow"))
    Ledger(batch, id_column="file_id").save({}, [failed])
    before = collect(staging, run_id="r")
    Ledger(batch, id_column="file_id").save({Probes: [a_probe("a")]}, [done("a")])

    after = collect(staging, run_id="r")

    assert ({"failures": 1}, {"probes": 1}) == (before.rows, after.rows)
    assert ["probes.parquet"] == [path.name for path in Path(after.folder).iterdir()]
    assert before.content != after.content


def test_purges_are_carried_along(staging):
    """
    Files whose rows go are handed on, each once, also where there is nothing else to load.
    """
    purges = Purges.frame([{"file_id": "a"}, {"file_id": "b"}, {"file_id": "a"}])
    write_staged({Purges: purges}, staging=staging, stage="plan")

    collected = collect(staging, run_id="r")

    assert {"purges": 2} == collected.rows
    assert ["a", "b"] == collected_rows(collected, Purges)["file_id"].to_list()


def test_a_file_that_was_found_again_is_not_purged(staging):
    """
    The same run staged a row of files for it: it stays.
    """
    purges = Purges.frame([{"file_id": "a"}])
    write_staged({Purges: purges, Files: Files.frame([a_file("a")])}, staging=staging, stage="plan")

    assert {"files": 1} == collect(staging, run_id="r").rows


def test_nothing_staged_is_nothing_to_load(staging):
    """
    An unchanged library leaves no rows: no file is written.
    """
    collected = collect(staging, run_id="r")

    assert {} == collected.rows
    assert not Path(collected.folder).exists()


def test_the_door_needs_nothing_but_names(staging):
    """
    The step takes plain values and gives what the room gives.
    """
    Ledger(a_batch(staging, "a"), id_column="file_id").save({Probes: [a_probe("a")]}, [done("a")])

    assert collect(staging, run_id="r") == door.fn(str(staging), "r", (None,))
