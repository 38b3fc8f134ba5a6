"""Benchmarks that are made up, shown together: the newest counts, claims stand beside them, and growth is told."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.lab_results import as_markdown, growth, newest
from flows.lab_run import show_results
from flows.lab_table import as_markdown as one_as_markdown
from tasks.core.errors import Refused
from tasks.lab.store import lab_folder, read_benchmark, read_benchmarks, write_manifest, write_runs
from tasks.schema.lab import LabRuns
from tests.lab.test_compare import a_run, a_scope, scopes_of
from tests.lab.test_store import a_manifest

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
HOST: dict[str, Any] = {
    "system": "Linux",
    "machine": "x86_64",
    "cores": 2,
    "memory_bytes": 8_000_000_000,
    "python": "3.12.1",
}
VERSIONS = dict.fromkeys(("reelhouse", "prefect", "polars", "duckdb"), "1.0")


def a_benchmark(
    data: Path,
    preset: str,
    base_s: list[float],
    other_s: list[float],
    *,
    hour: int = 0,
    base: str = "baseline",
    call_count: tuple[int, int] = (0, 0),
    **facts: object,
) -> Path:
    """A benchmark of ``preset`` with first refreshes of these lengths; of ours alone where ``base`` has none."""
    walls_s = {profile: walls for profile, walls in ((base, base_s), ("optimized", other_s)) if walls}
    known = {"host": HOST, "file_count": 50, "profiles": {profile: {} for profile in walls_s}}
    at = NOON + timedelta(hours=hour)
    about = {
        "preset": preset,
        "started_at": at,
        "finished_at": at,
        "rounds": max(len(base_s), len(other_s)),
        "order": list(walls_s),
        "versions": VERSIONS,
        "commit": "0123456789abcdef",
    }
    manifest = a_manifest(f"{preset}-{hour}", **(about | known | facts))
    folder = lab_folder(data) / manifest.benchmark_id
    rows = [
        a_run(
            profile,
            wall_s,
            number=number,
            preset=preset,
            file_count=manifest.file_count,
            call_count=call_count[profile == "optimized"],
            run_id=f"{preset}{hour}{profile}{number}",
        )
        for profile, walls in walls_s.items()
        for number, wall_s in enumerate(walls, start=1)
    ]
    write_manifest(folder, manifest)
    write_runs(folder, rows, scopes_of(*(a_scope(row["run_id"], "refresh.run", row["wall_s"] / 2) for row in rows)))
    return folder


def test_the_newest_of_a_preset_that_has_both_sides_counts(tmp_path):
    """
    d0 twice, of which the second took half the time, and later once without a baseline; d2 comes after d0 as in the
    list; 1k was only run as we ship it, the second time as the first.
    """
    a_benchmark(tmp_path, "d2", [6.0], [3.0], hour=3)
    a_benchmark(tmp_path, "d0", [80.0], [40.0])
    a_benchmark(tmp_path, "d0", [40.0], [20.0], hour=1)
    a_benchmark(tmp_path, "d0", [], [1.0], hour=2)

    a_benchmark(tmp_path, "1k", [], [5.0], hour=4)
    a_benchmark(tmp_path, "1k", [], [5.0], hour=5)

    chosen = newest(read_benchmarks(tmp_path)[0])

    assert ["d0-1", "d2-3", "1k-5"] == [one.manifest.benchmark_id for one in chosen]


def test_claims_of_all_presets_stand_in_one_table(tmp_path):
    """
    D0 says 61 %, its figures 1.23 times, our five rounds 4 times; D4 says 5 to 8, ours 2 in too few rounds.
    """
    a_benchmark(tmp_path, "d0", [80.0] * 5, [20.0] * 5)
    a_benchmark(tmp_path, "d4", [60.0] * 3, [30.0] * 3)

    told = as_markdown(read_benchmarks(tmp_path)[0])

    assert "| 1.23 | 80.0 s | 20.0 s | 4.00 (4.00-4.00) | 5 | faster |" in told
    assert "| nothing measured | 60.0 s | 30.0 s | 2.00 (2.00-2.00) | 3 | too few runs |" in told
    assert "| d0 | first | 50 | 80.0 s (80.0-80.0) | 20.0 s (20.0-20.0) | 4.00 (4.00-4.00) | 5 | faster |" in told
    assert "2026-01-05, 0123456789" in told
    assert "Linux x86_64, 2 cores, Python 3.12.1; reelhouse 1.0, Prefect 1.0, Polars 1.0, DuckDB 1.0.\n" in told
    assert "where n = 3: the whole range, which holds the true median 75.0% of the time" in told
    assert "where n = 5: the whole range, which holds the true median 93.8% of the time" in told
    assert "`DiskWrite` is flagged first, from 46 ms to 896 ms a film (+850 ms)" in told


def test_what_a_manifest_does_not_say_is_unknown(tmp_path):
    """
    One without the entry of a version, or without what the stand-in was told, is shown with the others.
    """
    a_benchmark(tmp_path, "d0", [80.0] * 5, [20.0] * 5)
    a_benchmark(tmp_path, "d2", [6.0], [3.0], versions={"polars": "2.1"}, host={"system": "Linux"}, stand_in={"x": 1})

    kept = read_benchmarks(tmp_path)[0]

    place = "Linux unknown, unknown cores, Python unknown"
    versions = "reelhouse unknown, Prefect unknown, Polars 2.1, DuckDB unknown"
    assert f"d2: {place}; {versions}." in as_markdown(kept)
    assert f"{place};\n{versions};" in one_as_markdown(next(one for one in kept if one.manifest.preset == "d2"))


def test_a_claim_about_one_switch_is_answered_by_an_older_ablation(tmp_path):
    """
    Without kept answers 80 requests, with them 40, at noon; whole runs stand as they were an hour later, and it is
    said which benchmark the claim is answered by.
    """
    a_benchmark(tmp_path, "d0", [5.0] * 5, [4.0] * 5, base="all-but-answers", call_count=(80, 40))
    a_benchmark(tmp_path, "d0", [80.0] * 5, [20.0] * 5, hour=1, commit="fedcba9876543210")

    told = as_markdown(read_benchmarks(tmp_path)[0])

    assert "| 80 requests (all-but-answers) | 40 requests | 2.00 (2.00-2.00) | 5 |" in told
    assert "From a benchmark of d0 of 2026-01-05, 0123456789: D2: half as many requests, as answers are kept" in told
    assert "| 4.00 (4.00-4.00) | 5 | faster | 2026-01-05, fedcba9876 |" in told


def test_other_machines_are_told_apart(tmp_path):
    """
    Two presets, two machines: each stands with what was measured on it.
    """
    a_benchmark(tmp_path, "d0", [80.0], [20.0])
    a_benchmark(tmp_path, "d2", [80.0], [20.0], host=HOST | {"cores": 64})

    told = as_markdown(read_benchmarks(tmp_path)[0])

    assert "\nd0: Linux x86_64, 2 cores, Python 3.12.1;" in told
    assert "\nd2: Linux x86_64, 64 cores, Python 3.12.1;" in told


def test_claims_without_a_row_say_what_answers_them(tmp_path):
    """
    Growth, which is there where two sizes were measured, the fault bench, or a benchmark that is still to be run.
    """
    a_benchmark(tmp_path, "1k", [2.0] * 3, [2.0] * 3, file_count=1_000)
    alone = as_markdown(read_benchmarks(tmp_path)[0])
    a_benchmark(tmp_path, "10k", [9.0] * 3, [9.0] * 3, file_count=10_000)
    both = as_markdown(read_benchmarks(tmp_path)[0])

    assert "which takes benchmarks of two presets" in alone
    assert "Not measured yet: D0: 61 % less time for scraping in bulk (`reelhouse benchmark d0`); " in alone
    assert "each title once, no ids in the names) (`reelhouse benchmark d0 --ablation`); " in alone
    assert "is told by growth, the last table here, and by the scopes" in both
    assert "`reelhouse budgets --only faults`" in both


def test_time_outside_of_the_flow_is_told(tmp_path):
    """
    The flow's body took half of each run: what has a name inside says nothing of the other half.
    """
    folder = a_benchmark(tmp_path, "d0", [80.0] * 5, [20.0] * 5)

    told = one_as_markdown(read_benchmark(folder))

    assert (
        "| of a first refresh inside the flow; the rest is Prefect, beginning and ending its run | 50.0% | 50.0% |"
        in (told)
    )


def test_the_head_tells_the_conditions(tmp_path):
    """
    What the stand-in takes, how often it is asked at most, and what is set in all profiles; not what one alone has.
    """
    three = {"artwork.per_kind": 3}
    folder = a_benchmark(
        tmp_path, "d0", [80.0], [20.0], stand_in={"latency_s": 0.064, "image_latency_s": 0.128},
        settings={"optimized": {"scrape": {"rate_hz": 40.0}}},
        profiles={"baseline": three | {"probe.workers": 1}, "optimized": three},
    )  # fmt: skip

    told = one_as_markdown(read_benchmark(folder))

    assert "64 ms an answer, 128 ms a picture; it is asked at most 40 times a second." in told
    assert "In all of them: artwork.per_kind = 3." in told
    assert "from the call of its flow to its end" in told


def test_a_switch_is_named_with_what_it_needs(tmp_path):
    """
    People can be looked up one by one only where rows are inserted one by one. What it costs has the range of the
    differences of the rounds: 3, 4 and 5 s.
    """
    folder = a_benchmark(tmp_path, "d0", [], [20.0] * 3)
    whole = read_benchmark(folder)
    slower = [
        row | {"profile": "all-but-people", "run_id": f"slow-{row['round']}", "wall_s": 22.0 + row["round"]}
        for row in whole.runs.to_dicts()
    ]
    alone = whole.manifest.model_copy(update={"profiles": {"optimized": {}, "all-but-people": {}}})
    both = replace(whole, manifest=alone, runs=pl.concat([whole.runs, LabRuns.frame(slower)]))

    told = one_as_markdown(both)
    assert "`reelhouse benchmark d0 --rounds 3 --profile optimized --profile all-but-people`: n = 3" in told
    assert "| people with inserts: every person" in told
    assert "| 24.0 s (23.0-25.0) | +4.00 s (+3.00 to +5.00) |" in told


def test_rounds_that_were_measured_are_counted(tmp_path):
    """
    Three of five that were planned: three is n, and its intervals are those of three.
    """
    folder = a_benchmark(tmp_path, "d0", [80.0] * 3, [20.0] * 3, rounds=5)

    told = one_as_markdown(read_benchmark(folder))

    assert (
        "`reelhouse benchmark d0 --rounds 5`: n = 3 of 5 that were planned, in turn; median (whole range, which holds "
        "the true median 75.0%" in told
    )
    assert "Nothing is called faster or slower below 5 rounds." in told


def test_time_that_grows_with_the_square_of_the_files_is_seen(tmp_path):
    """
    1,000 files in 2 s and 10,000 in 200 s are an exponent of log 100 / log 10 = 2; ours takes 2 and 20 s: 1. d4 has
    other sizes and no service, so it is no part of it.
    """
    a_benchmark(tmp_path, "1k", [2.0] * 3, [2.0] * 3, file_count=1_000)
    a_benchmark(tmp_path, "10k", [200.0] * 3, [20.0] * 3, file_count=10_000)
    a_benchmark(tmp_path, "d4", [9.0] * 3, [9.0] * 3, file_count=1_000)

    grown = growth(newest(read_benchmarks(tmp_path)[0]))

    kind = "1k (n = 3), 10k (n = 3)"
    assert [(kind, "baseline", 6), (kind, "optimized", 6)] == list(
        grown.select("kind", "profile", "run_count").iter_rows()
    )
    assert [2.0, 1.0] == pytest.approx(grown["exponent"].to_list())
    assert grown["verdict"].to_list()[0].startswith("more than in step")
    told = as_markdown(read_benchmarks(tmp_path)[0])
    assert f"| {kind} | baseline | 6 | 2.00 (2.00-2.00) |" in told
    assert "run once" not in told


def test_a_size_that_was_run_once_is_told_beside_its_growth(tmp_path):
    """
    Four rounds of 1k and one of 10k are five runs, but nobody knows how long another one of 10k would take.
    """
    a_benchmark(tmp_path, "1k", [2.0] * 4, [2.0] * 4, file_count=1_000)
    a_benchmark(tmp_path, "10k", [20.0], [20.0], file_count=10_000)

    told = as_markdown(read_benchmarks(tmp_path)[0])

    assert "| 1k (n = 4), 10k (n = 1) | optimized | 5 | 1.00 (1.00-1.00) |" in told
    assert "Where a size was run once (n = 1), the interval does not hold how much its runs differ." in told


def test_one_way_alone_is_told_without_a_comparison(tmp_path):
    """
    1k in 2 s and 10k in 20 s as we ship it, three times each: its growth is known, the old way's is not; no times.
    """
    folder = a_benchmark(tmp_path, "1k", [], [2.0] * 3, file_count=1_000)
    a_benchmark(tmp_path, "10k", [], [20.0] * 3, file_count=10_000)

    told = as_markdown(read_benchmarks(tmp_path)[0])

    assert "| 1k | first | 1,000 | not run | 2.00 s (2.00-2.00) |  | 3 |  | 2026-01-05, 0123456789 |" in told
    assert "| 1k (n = 3), 10k (n = 3) | optimized | 6 | 1.00 (1.00-1.00) |" in told
    assert "| baseline | 6 |" not in told
    of_one = one_as_markdown(read_benchmark(folder))
    assert "| whole runs | optimized |\n| --- | --- |\n| first refresh | 2.00 s (2.00-2.00) |" in of_one
    assert "| counted in a first refresh | optimized |" in of_one


def test_too_few_runs_and_other_machines_tell_no_growth(tmp_path):
    """
    Four runs are fewer than five; the older benchmark of another machine is left out. A kernel that keeps a page less
    of the memory for itself makes no other machine.
    """
    a_benchmark(tmp_path, "1k", [2.0] * 5, [2.0] * 5, file_count=1_000, host=HOST | {"cores": 64})
    a_benchmark(tmp_path, "10k", [9.0] * 2, [9.0] * 2, file_count=10_000, hour=1)
    rebooted = HOST | {"memory_bytes": HOST["memory_bytes"] + 4_096}
    a_benchmark(tmp_path, "100k", [9.0] * 2, [9.0] * 2, file_count=100_000, hour=2, host=rebooted)

    grown = growth(newest(read_benchmarks(tmp_path)[0]))

    assert {("10k (n = 2), 100k (n = 2)", 4, None)} == set(grown.select("kind", "run_count", "exponent").iter_rows())
    assert {"cannot be told: 4 runs with work; it takes 5"} == set(grown["verdict"])


def test_one_that_cannot_be_read_is_named_and_left_out(tmp_path, capsys):
    """
    The others are shown.
    """
    a_benchmark(tmp_path, "d2", [6.0], [3.0])
    (lab_folder(tmp_path) / "older").mkdir()
    (lab_folder(tmp_path) / "older" / "manifest.json").write_text("{}")

    assert 0 == show_results(tmp_path)

    printed = capsys.readouterr()
    assert "| d2 | first |" in printed.out
    assert "left out" in printed.err
    assert "older" in printed.err


def test_all_tables_of_one_preset_can_be_shown_again(tmp_path, capsys):
    """
    Those of the newest benchmark of it that has both sides, as they were printed when it was made, however many newer
    ones have not; of a preset never run it says so.
    """
    a_benchmark(tmp_path, "d2", [6.0], [3.0])
    newer = a_benchmark(tmp_path, "d2", [8.0], [3.0], hour=1, finished_at=NOON + timedelta(hours=1, minutes=16))
    a_benchmark(tmp_path, "d2", [8.0], [3.0], hour=2, base="all-but-walk")

    assert 0 == show_results(tmp_path, ["d2"])

    printed = capsys.readouterr().out
    assert one_as_markdown(read_benchmark(newer)) in printed
    assert "5 January 2026, 16 min 0 s in all; Linux" in printed
    assert str(newer.name) in printed
    with pytest.raises(Refused, match=r"no benchmark of d4 .* reelhouse benchmark d4 makes one"):
        show_results(tmp_path, ["d4"])
    with pytest.raises(Refused, match="no preset 'd9'"):
        show_results(tmp_path, ["d9"])


def test_without_benchmarks_the_command_says_what_makes_one(tmp_path):
    """
    Exit status 2, and no folder.
    """
    command = [sys.executable, "-m", "flows.cli", "benchmark", "--show", "--data", str(tmp_path / "data")]

    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])

    assert 2 == done.returncode
    assert "reelhouse benchmark makes one" in done.stderr
    assert not (tmp_path / "data").exists()
    with pytest.raises(Refused, match="makes one"):
        show_results(tmp_path)
