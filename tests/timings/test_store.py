"""What is measured lies on disk, whatever ends the run."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tasks.core.stopwatch import record_duration, record_value, span
from tasks.schema.timings import Timings
from tasks.timings import read_timings, recording, runs
from tasks.timings.store import flush, scan_timings

PROJECT = Path(__file__).parents[2]
NEVER_S = 3600.0


def parts(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.parquet"))


def wait_for(condition, timeout_s=30.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def start(folder: Path, body: str) -> subprocess.Popen[str]:
    """A process that records into ``folder``; ``body`` is indented into the recording."""
    program = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from tasks.core.stopwatch import record_value, span
        from tasks.timings import recording
        with recording(Path(sys.argv[1]), "run", float(sys.argv[2])):
        """
    ) + textwrap.indent(textwrap.dedent(body), "    ")
    return subprocess.Popen(
        [sys.executable, "-c", program, str(folder), "0.2"], stdout=subprocess.PIPE, text=True, cwd=PROJECT
    )


def test_a_record_becomes_a_valid_row(tmp_path):
    """
    Every column of the table is filled as it says: common attributes in their own columns, the rest as JSON.
    """
    with recording(tmp_path, "run", NEVER_S), span("probe.step") as step:
        with span("artwork.download", item="poster", host="images", status=200, tries=2) as timing:
            timing.note(bytes=1234)
        record_value("artwork.size", 1234, unit="byte")

    frame = read_timings(tmp_path, "run")
    Timings.validate(frame)
    download = frame.row(by_predicate=pl.col("name") == "artwork.download", named=True)
    outer = frame.row(by_predicate=pl.col("name") == "probe.step", named=True)
    assert ("run", "duration", "s", True, "poster") == tuple(
        download[c] for c in ("run_id", "kind", "unit", "ok", "item")
    )
    assert ("images", 1234, 200, None, '{"tries":2}') == tuple(
        download[c] for c in ("host", "bytes", "status", "engine", "attributes")
    )
    assert (outer["span_id"], os.getpid()) == (download["parent_id"], download["pid"])
    assert download["started_at"].timestamp() == pytest.approx(step.started_ns / 1e9, abs=1)
    assert [("value", 1234.0, "byte")] == frame.filter(pl.col("kind") == "value").select("kind", "value", "unit").rows()


def test_hostile_attributes_cost_nothing(tmp_path):
    """
    Bytes that are no UTF-8, numbers beyond 64 bits, NaN, newlines: the record is kept, in a valid file.
    """
    with (
        recording(tmp_path, "run", NEVER_S),
        span("a", item="caf\udce9\n[red]", host="\udcff", bytes=2**80, x="\ud800"),
    ):
        record_value("b", float("nan"), huge=10**30, nothing=float("inf"), status="not a number")

    frame = read_timings(tmp_path)
    assert {("a", False), ("b", True)} == set(frame.select("name", pl.col("value").is_null()).rows())
    assert "caf\\udce9\n[red]" == frame.filter(name="a")["item"].item()
    Timings.validate(frame)
    attributes = [json.loads(text) for text in frame["attributes"].drop_nulls()]
    assert [{"x": "\\ud800"}, {"huge": str(10**30), "nothing": None}] == attributes


def test_no_record_is_lost_among_threads(tmp_path):
    """
    64 threads with 10,000 records each, written in many parts meanwhile, come to 640,000 rows with as many ids.
    """

    def work() -> None:
        for number in range(10_000):
            record_value("hammer", number)

    threads = [threading.Thread(target=work) for _ in range(64)]
    with recording(tmp_path, "run", 0.2):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    found = duckdb.sql(
        f"SELECT count(*), count(DISTINCT span_id), sum(value)::BIGINT FROM '{tmp_path}/*/*.parquet'"
    ).fetchall()
    assert [(640_000, 640_000, 64 * 9_999 * 10_000 // 2)] == found


def test_parts_appear_while_the_run_works_and_become_one(tmp_path):
    """
    What was measured can be read a moment later, and the end leaves one file.
    """
    with recording(tmp_path, "run", 0.05):
        for number in range(3):
            record_value("a", number)
            wait_for(lambda seen=number: read_timings(tmp_path).height == seen + 1)
        during = parts(tmp_path)

    assert 3 == len(during)
    assert 1 == len(parts(tmp_path))
    assert [0.0, 1.0, 2.0] == read_timings(tmp_path)["value"].to_list()


def test_a_long_run_keeps_few_parts(tmp_path):
    """
    Parts are merged on the way too: 70 flushes never leave 70 files, and nothing comes twice.
    """
    most = 0
    with recording(tmp_path, "run", 0.002):
        for number in range(70):
            record_value("a", number)
            before = parts(tmp_path)
            wait_for(lambda: parts(tmp_path) != before)  # noqa: B023 - called within the turn
            most = max(most, len(before))

    assert most < 70
    assert list(range(70)) == read_timings(tmp_path)["value"].to_list()


def test_an_exception_leaves_the_timings(tmp_path):
    """
    The run fails with its own error, and what was measured until then is there.
    """
    with pytest.raises(ZeroDivisionError), recording(tmp_path, "run", NEVER_S), span("fails"):
        raise ZeroDivisionError

    assert [("fails", False)] == read_timings(tmp_path).select("name", "ok").rows()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
def test_sigterm_leaves_the_timings(tmp_path):
    """
    A run that is told to end writes what it has, open scopes included, and ends with 128 + 15.
    """
    process = start(tmp_path, "with span('open'):\n    print('ready', flush=True)\n    time.sleep(60)")
    assert process.stdout
    with process:
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)

    assert 143 == process.returncode
    assert [("open", False)] == read_timings(tmp_path).select("name", "ok").rows()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot kill -9")
def test_kill_9_loses_at_most_one_interval(tmp_path):
    """
    Killed without warning: all that was recorded up to 0.2 s (and the time of a write) before is there.
    """
    process = start(
        tmp_path,
        """
        for number in range(10**9):
            record_value("tick", number)
            print(number, flush=True)
            time.sleep(0.01)
        """,
    )
    assert process.stdout
    with process:
        wait_for(lambda: len(parts(tmp_path)) >= 3)
        process.kill()
        ticks = process.stdout.read().split()

    frame = read_timings(tmp_path)
    kept, recorded = frame["value"].to_list(), [float(t) for t in ticks]
    lost = len(recorded) - len(kept)
    assert recorded[: len(kept)] == kept
    assert lost <= 100, "a second's worth: the interval, and room for a slow disk"


def test_two_runs_of_one_process_are_apart(tmp_path):
    """
    Each run has its own rows, the newest comes first, and ids with any characters are names.
    """
    for number, run_id in enumerate(["first", "../a b/[second]"]):
        with recording(tmp_path, run_id, NEVER_S):
            record_value("number", number)
        os.utime(next(tmp_path.glob(f"*{'first' if number == 0 else 'second'}*/*.parquet")), (number, number))

    assert ["../a b/[second]", "first"] == runs(tmp_path)
    assert [1.0] == read_timings(tmp_path)["value"].to_list()
    assert [0.0] == read_timings(tmp_path, "first")["value"].to_list()
    assert 2 == len(list(tmp_path.iterdir()))


def test_a_run_that_goes_on_in_another_process_adds_to_its_timings(tmp_path):
    """
    Records of all attempts of a run are kept, with ids that differ, also under the same process id.
    """
    for attempt in range(2):
        with recording(tmp_path, "run", NEVER_S):
            record_duration("attempt", attempt, started_ns=attempt * 1_000_000)

    frame = read_timings(tmp_path)
    assert [0.0, 1.0] == frame["value"].to_list()
    assert 2 == frame["span_id"].n_unique()


def test_the_outer_recording_goes_on_after_an_inner_one(tmp_path):
    """
    A recording inside another takes its records and gives back.
    """
    with recording(tmp_path, "outer", NEVER_S):
        with recording(tmp_path, "inner", NEVER_S):
            record_value("in", 1)
        record_value("out", 1)

    assert ["in"] == read_timings(tmp_path, "inner")["name"].to_list()
    assert ["out"] == read_timings(tmp_path, "outer")["name"].to_list()


def test_a_part_cut_by_a_crash_is_left_out_and_said(tmp_path, caplog):
    """
    Half a file (a copy that broke off) costs its rows, not the others, and a warning names it.
    """
    with recording(tmp_path, "run", NEVER_S):
        record_value("kept", 1)
    (whole,) = tmp_path.rglob("*.parquet")
    for number, size in enumerate([0, 3, 100, whole.stat().st_size - 5]):
        whole.with_name(f"part-{number}-000000-000000-000000.parquet").write_bytes(whole.read_bytes()[:size])

    assert ["kept"] == read_timings(tmp_path)["name"].to_list()
    assert 4 == len([r for r in caplog.records if r.levelno == logging.WARNING])


def test_parts_that_were_merged_but_not_removed_count_once(tmp_path):
    """
    A process that died between merging and removing leaves both; the rows come once.
    """
    with recording(tmp_path, "run", NEVER_S):
        record_value("once", 1)
    (single,) = tmp_path.rglob("*.parquet")
    single.with_name(single.name.replace("-000000.parquet", "-000007.parquet")).write_bytes(single.read_bytes())

    assert 2 == len(parts(tmp_path))
    assert 1 == read_timings(tmp_path).height


def test_a_place_that_cannot_be_written_costs_one_warning_and_nothing_once_it_can(tmp_path, caplog):
    """
    While the folder cannot be made (a file is in its way) records wait; when it can, all are written.
    """
    in_the_way = tmp_path / "timings"
    in_the_way.write_bytes(b"")

    with recording(in_the_way, "run", 0.02):
        for number in range(3):
            record_value("a", number)
            time.sleep(0.1)
        in_the_way.unlink()
        wait_for(lambda: parts(in_the_way))

    assert [0.0, 1.0, 2.0] == read_timings(in_the_way)["value"].to_list()
    assert 1 == len([r for r in caplog.records if r.levelno == logging.WARNING])


def test_what_could_not_be_written_to_the_end_is_said(tmp_path, caplog):
    """
    The run ends well, and the warning says how many timings are missing.
    """
    in_the_way = tmp_path / "timings"
    in_the_way.write_bytes(b"")

    with recording(in_the_way, "run", NEVER_S):
        record_value("a", 1)

    assert "1 timings of this run could not be written" in caplog.records[-1].getMessage()


def test_nothing_to_read_is_an_empty_frame(tmp_path):
    """
    Before the first run, and for a run that left no timings (its disk was full), there is a table without rows.
    """
    with recording(tmp_path, "another", NEVER_S):
        record_value("a", 1)

    assert_frame_equal(Timings.frame(), read_timings(tmp_path / "none"))
    assert_frame_equal(Timings.frame(), read_timings(tmp_path, "x"))


def test_what_was_recorded_so_far_can_be_asked_for(tmp_path):
    """
    The report of a run is made before its recording ends: it sees what was recorded by then, and nothing is twice.
    """
    with recording(tmp_path, "run", NEVER_S):
        before = scan_timings(tmp_path, "run")
        record_value("a", 1)
        flush()
        at_work = scan_timings(tmp_path, "run").collect()
        record_value("b", 2)

    assert before is None
    assert ["a"] == at_work["name"].to_list()
    assert ["a", "b"] == read_timings(tmp_path, "run")["name"].to_list()


def test_many_threads_may_ask_at_once(tmp_path):
    """
    Eight threads record a hundred values each and have them written after each one: 800 rows, each once.
    """

    def work(number):
        for value in range(100):
            record_value("a", number * 100 + value)
            if value % 10 == 0:
                flush()

    with recording(tmp_path, "run", 0.01):
        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert list(range(800)) == sorted(read_timings(tmp_path, "run")["value"].cast(pl.Int64).to_list())


def test_without_a_recording_there_is_nothing_to_write(tmp_path):
    """
    Whoever asks need not know whether timings are kept.
    """
    flush()

    assert scan_timings(tmp_path, "run") is None
