"""Benchmarks in miniature: what is compared, and what may be said of it. Counts are asserted, times are not."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace

import polars as pl
import pytest

from flows.budgets import _beyond
from flows.budgets_probe import sample
from flows.budgets_timings import _single_words, measure_timings
from tests.flows.house import Done, House, a_house


def test_a_difference_within_the_spread_is_not_claimed():
    """
    Medians 8.5 and 8.7 s in runs that spread over 2.4 s: nothing can be said but that.
    """
    words = _beyond([8.0, 8.5, 10.4], [7.8, 8.7, 9.8])

    assert "less than these runs spread (2.4 s)" in words


def test_a_difference_beyond_the_spread_is_said():
    """
    Medians 12 and 8 s in runs that spread over 1 s: 4 s.
    """
    assert "costs 4.0 s" in _beyond([11.5, 12.0, 12.5], [7.5, 8.0, 8.5])


def rows_of(done: Done) -> dict[str, list[str]]:
    """The rows of all tables, by their first cell."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in done.lines if line.startswith("| ")]
    return {first: rest for first, *rest in cells}


@pytest.fixture
def house(tmp_path) -> House:
    return a_house(tmp_path, None, None)


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
def test_the_probe_is_measured_beside_other_programs(house):
    """
    Every way to measure is a row, says how many files it measured, and none of them failed.
    """
    arguments = ("--only", "probe", "--files", "10", "--repeats", "1", "--large-gb", "0.002")

    done = house.run("budgets", *arguments, "--data", house.data.path)

    assert 0 == done.status, done.stderr
    rows = rows_of(done)
    assert ["10"] * 6 == [
        rows[name][0]
        for name in (
            "the probe stage, whole process",
            "our engine alone, in one process",
            "the probe stage, one worker",
            "the probe stage, engine = ffprobe",
            "ffprobe, one call a file",
            "ffprobe, three calls a file",
        )
    ]
    assert {"Matroska", "MP4, index at the end", "MP4 in fragments"} < rows.keys()


def test_rivals_that_are_not_installed_are_lines_of_the_table(house, tmp_path):
    """
    With no program on the path our own rows are measured, the others say what is missing, and nothing fails.
    """
    arguments = ("--only", "probe", "--files", "10", "--repeats", "1", "--large-gb", "0")
    bare = replace(house, variables={**house.variables, "PATH": str(tmp_path)})

    done = bare.run("budgets", *arguments, "--data", house.data.path)

    assert 0 == done.status, done.stderr
    rows = rows_of(done)
    assert "10" == rows["the probe stage, whole process"][0]
    assert "not measured: ffprobe is not installed" == rows["ffprobe, three calls a file"][0]
    assert "not measured: ffprobe is not installed" == rows["the probe stage, engine = ffprobe"][0]
    assert "not measured: cc or gcc is not installed" == rows["minimal C program, in one process"][0]


def test_the_walk_is_measured_beside_a_bare_loop(house):
    """
    All ways find all files, and where a call takes time they are counted.
    """
    arguments = ("--only", "discovery", "--entries", "200", "--files", "10", "--repeats", "1")

    done = house.run("budgets", *arguments, "--data", house.data.path)

    assert 0 == done.status, done.stderr
    rows = rows_of(done)
    assert ["200"] * 4 == [
        rows[name][0]
        for name in (
            "bare scandir and stat",
            "os.walk and lstat",
            "our walk",
            "the discovery stage: our walk, rows in staging",
        )
    ]
    assert any(line.startswith("### A share that answers slowly") for line in done.lines)


def test_samples_are_spread_evenly():
    """
    Three of ten: the first, and every third one after it.
    """
    items = pl.DataFrame({"file_id": range(10)})

    assert [0, 3, 6] == sample(items, 3)["file_id"].to_list()
    assert list(range(10)) == sample(items, 10)["file_id"].to_list()


def test_the_cost_of_timings_is_told(tmp_path, capsys):
    """
    Scopes and values are kept and read back, ten times as many as at a time; the share of a refresh rests on what it
    has kept: more records than files.
    """
    measure_timings(tmp_path, file_count=10, repeats=1, span_count=500)

    said = capsys.readouterr().out
    kept = re.search(r"A refresh of 10 files without a token keeps (\d+) records", said)
    assert "5,000 scopes, read and summed up by name" in said
    assert re.search(r"A single scope takes .* µs \(.*\) \(p50\); 99 of 100 take at most .* µs \(.*\) \(p99\)", said)
    assert kept is not None and int(kept[1]) > 10


def test_rare_scopes_that_wait_are_told_beside_the_mean():
    """
    Scopes of 1 to 100 µs: half of them take at most 50.5, 99 of 100 at most 99.01. In a round at twice the speed it is
    half of that; told are the median of both rounds and their range. The budget, 50 µs, is missed in the slow one.
    """
    slow = [float(number) for number in range(1, 101)]

    said = _single_words([slow, [taken_us / 2 for taken_us in slow]])
    quick = _single_words([[taken_us / 2 for taken_us in slow]])

    assert "37.9 µs (25.2-50.5) (p50)" in said
    assert "74.3 µs (49.5-99.0) (p99), the longest took 100 µs" in said
    assert said.endswith("NOT KEPT.")
    assert quick.endswith("in every round: kept.")
