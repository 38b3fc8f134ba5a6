"""The benchmark of the lab in miniature: both profiles once, cold and warm. Counts are asserted, times are not."""

from __future__ import annotations

import io
import json
import platform
import shutil
import zipfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.lab import _Measured, compare_tables
from flows.lab_library import made_library
from flows.lab_refresh import attributed_ratio, counts_of_service, counts_of_timings
from flows.lab_run import profiles_of, what_there_is
from flows.lab_table import as_markdown
from tasks.core.layout import DataFolder
from tasks.lab.budget import exceeded, measures, read_budgets
from tasks.lab.compare import end_to_end, scopes_side_by_side, unshared_scopes
from tasks.lab.equality import TablesDiffer
from tasks.lab.presets import Preset
from tasks.lab.profiles import SWITCHES
from tasks.lab.store import Benchmark, MeasuredRun, benchmark_folders, read_benchmark, write_manifest
from tasks.schema.lab import LabStages
from tasks.schema.timings import Timings
from tasks.standin.faults import Entry, RequestLog
from tasks.timings import read_timings
from tests.flows.house import TOKEN, Done, a_house
from tests.lab.test_compare import a_run, a_scope, scopes_of
from tests.lab.test_store import a_manifest
from tests.report.a_library import make_warehouse, the_library

BUDGETS = Path(__file__).parents[1] / "budgets.toml"
needs_ffprobe = pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")


@dataclass(frozen=True)
class Compared:
    """A benchmark that has ended, and the command that ran it."""

    done: Done
    benchmark: Benchmark

    def run(self, profile: str, *, is_warm: bool = False) -> dict[str, Any]:
        (row,) = self.benchmark.runs.filter(profile=profile, is_warm=is_warm).to_dicts()
        return row


@pytest.fixture(scope="module")
def compared(prefect, tmp_path_factory) -> Compared:
    """The preset ``tiny``, baseline and optimized once, on the Prefect server of the tests."""
    house = a_house(tmp_path_factory.mktemp("lab"), prefect, None)
    done = house.run("benchmark", "tiny", "--rounds", "1", "--data", house.data.path)
    assert 0 == done.status, done.stderr
    (folder,) = benchmark_folders(house.data.path)
    return Compared(done, read_benchmark(folder))


@needs_ffprobe
def test_the_budget_of_counts_is_kept(compared):
    """
    What we ship asks, measures, opens and writes no more than the budget file says, for each item.
    """
    budgets = read_budgets(BUDGETS)

    over = {
        kind: exceeded(measures(compared.run("optimized", is_warm=kind == "warm")), budget)
        for kind, budget in budgets.items()
    }

    lines = [f"{kind}: {line}" for kind, found in over.items() for line in found]
    assert [] == lines, f"more than {BUDGETS.name} allows; if it is meant, change the number there and say why"


@needs_ffprobe
def test_profiles_take_turns_cold_and_warm(compared):
    """
    Two profiles, once each: four runs, of which two began with nothing. The benchmark ended well, so their tables are
    the same.
    """
    runs = compared.benchmark.runs

    assert [("baseline", False), ("baseline", True), ("optimized", False), ("optimized", True)] == list(
        runs.select("profile", "is_warm").iter_rows()
    )
    assert {20} == set(runs["file_count"])
    assert 1 == len(set(runs["title_count"]))
    assert [0, 0] == runs.filter(pl.col("is_warm"))["probe_count"].to_list()
    assert 4 == len(set(runs["run_id"]))


@needs_ffprobe
def test_both_profiles_measure_the_same_scopes(compared):
    """
    A scope that only one of them had could be compared with nothing.
    """
    side_by_side = scopes_side_by_side(compared.benchmark.runs, compared.benchmark.scopes)

    assert {"refresh.run", "probe.step", "http.request", "artwork.download", "load.insert"} <= set(side_by_side["name"])
    assert [] == unshared_scopes(side_by_side)


@needs_ffprobe
def test_the_old_way_is_as_old_as_it_says(compared):
    """
    Three programs a file, one request at a time, a connection for each, pictures that come twice, a transaction a row.
    """
    old, ours = compared.run("baseline"), compared.run("optimized")

    assert 3 * old["file_count"] <= old["program_call_count"]
    assert 0 == ours["program_call_count"]
    assert 1 == old["most_at_once_count"]
    assert old["call_count"] + old["image_request_count"] == old["connection_count"]
    assert ours["connection_count"] < ours["call_count"]
    assert 2 * ours["call_count"] < old["call_count"]
    assert 2 * ours["image_request_count"] == old["image_request_count"]
    assert old["repeated_bytes"] > 0 == ours["repeated_bytes"]
    assert old["row_count"] == old["insert_count"] <= old["transaction_count"]
    assert 1 == ours["transaction_count"]


@needs_ffprobe
def test_the_manifest_says_what_was_run_and_not_where(compared):
    """
    Profiles, versions, machine class, library and service; no name of the host, no path of it, and no token.
    """
    manifest = compared.benchmark.manifest
    text = manifest.model_dump_json()

    assert ("tiny", 1, 20) == (manifest.preset, manifest.rounds, manifest.file_count)
    assert ("baseline", "optimized") == manifest.order
    assert "ffprobe" == manifest.profiles["baseline"]["probe.engine"]
    assert "pyav" == manifest.settings["optimized"]["probe"]["engine"]
    assert {"prefect", "polars", "duckdb"} <= manifest.versions.keys()
    assert manifest.page_cache is not None
    assert not {platform.node(), TOKEN, str(compared.benchmark.folder)} & set(text.split('"'))
    assert str(compared.benchmark.folder.parent.parent) not in text


@needs_ffprobe
def test_the_timings_of_all_runs_are_kept(compared):
    """
    In the form in which a refresh keeps them, with the record of each run; nothing else of the runs is left.
    """
    for run_id in compared.benchmark.runs["run_id"]:
        assert read_timings(compared.benchmark.timings, run_id).height > 0
        assert (compared.benchmark.folder / "runs" / f"{run_id}.json").exists()
    assert [] == list(compared.benchmark.folder.parent.parent.glob("lab-*"))


@needs_ffprobe
def test_a_run_can_be_given_away(compared, tmp_path):
    """
    As one file: its timings, and of its files no name.
    """
    (run_id,) = compared.benchmark.runs.filter(profile="optimized", is_warm=False)["run_id"]
    house = replace(a_house(tmp_path, None, None), data=DataFolder(compared.benchmark.folder))

    done = house.run("runs", "bundle", run_id, "--out", tmp_path / "run.zip")

    assert 0 == done.status, done.stderr
    with zipfile.ZipFile(tmp_path / "run.zip") as bundle:
        assert 20 == json.loads(bundle.read("run.json"))["file_count"]
        timings = pl.read_parquet(io.BytesIO(bundle.read("timings.parquet")))
    assert read_timings(compared.benchmark.timings, run_id).height == timings.height
    assert not timings["item"].str.contains("Movies|Shows|poster|http").any()


@needs_ffprobe
def test_the_table_says_no_more_than_one_round_allows(compared):
    """
    One round is no comparison, and the table says so.
    """
    printed = compared.done.stdout.decode()

    assert as_markdown(compared.benchmark) in printed
    assert {"one run: not known"} == set(end_to_end(compared.benchmark.runs)["verdict"])
    assert "one run: not known" in printed
    assert "n = 1" in printed


def test_other_tables_end_the_benchmark(tmp_path):
    """
    The error names profile, table and key, and where both warehouses are kept to be looked at.
    """
    folders = {"baseline": tmp_path / "a", "optimized": tmp_path / "b"}
    for folder, rows in zip(folders.values(), (the_library(), the_library() | {"titles": []}), strict=True):
        folder.mkdir()
        make_warehouse(DataFolder(folder).warehouse, rows)

    with pytest.raises(TablesDiffer, match=r"baseline and optimized[\s\S]*titles \[") as caught:
        compare_tables.fn(folders, tmp_path)

    assert str(caught.value).endswith(f"kept in {tmp_path}")
    assert {"baseline.duckdb", "optimized.duckdb"} <= {path.name for path in tmp_path.iterdir()}


def test_what_is_measured_is_on_disk_after_every_run(tmp_path):
    """
    Runs, scopes and stages: a benchmark that is killed, or stopped by a refresh that fails, has those of before.
    """
    write_manifest(tmp_path, a_manifest())
    measured, stored = _Measured(tmp_path), []

    for number in (1, 2):
        run_id = f"baseline-{number}"
        stages = LabStages.frame([{"run_id": run_id, "stage": "probe", "step_count": 1}])
        run = MeasuredRun(a_run("baseline", 2.0, number=number), scopes_of(a_scope(run_id, "probe.step", 1.0)), stages)
        measured.add(run, {})
        found = read_benchmark(tmp_path)
        stored.append([frame["run_id"].to_list() for frame in (found.runs, found.scopes, found.stages)])

    assert [[["baseline-1"]] * 3, [["baseline-1", "baseline-2"]] * 3] == stored


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("d9",), "there is no preset 'd9'"), (("--profile", "fast"), "'fast'")],
)
def test_what_is_not_there_is_refused_before_anything_is_made(tmp_path, arguments, said):
    """
    Exit status 2, and no folder.
    """
    house = a_house(tmp_path, None, None)

    done = house.run("benchmark", *arguments, "--data", house.data.path)

    assert 2 == done.status
    assert said in done.stderr
    assert not house.data.path.exists()


def test_a_list_of_what_there_is():
    """
    Every preset and every switch, with what it is.
    """
    listed = what_there_is()

    assert all(f"  {switch.name} " in listed for switch in SWITCHES)
    assert "100 shows of 5 seasons" in listed
    assert "on 10k, 100k and 1m only optimized" in listed


def test_an_ablation_needs_no_names():
    """
    Baseline, optimized, and all but each switch.
    """
    chosen = profiles_of((), is_ablation=True)

    assert ("baseline", "optimized") == chosen[:2]
    assert 2 + len(SWITCHES) == len(chosen)


def test_films_of_a_preset_are_hard_links_of_few_videos(tmp_path):
    """
    30 films of two dozen videos, named after titles of the stand-in; made once, with the same hash.
    """
    wanted = Preset("films", "a test", film_count=30)

    made = made_library(tmp_path, wanted)

    files = [path for path in Path(made.folder).rglob("*") if path.is_file()]
    assert (30, 30, 0) == (made.file_count, made.film_count, made.show_count)
    assert 30 == len(files)
    assert 24 == len({path.stat().st_ino for path in files})
    assert made == made_library(tmp_path, wanted)


def test_shows_of_a_preset_have_as_many_seasons(tmp_path):
    """
    Three shows of five seasons, of which the stand-in knows all and others before them.
    """
    made = made_library(tmp_path, Preset("shows", "a test", show_count=3, season_count=5))

    shows = list(Path(made.folder, "Shows").iterdir())
    assert [5] * 3 == [len(list(show.iterdir())) for show in shows]
    assert made.show_count >= 3
    assert 3 * 5 * 6 <= made.file_count <= 3 * 5 * 13
    assert 0 == made.film_count


def test_copies_and_ids_of_a_preset(tmp_path):
    """
    Ten films, every fifth twice, a show of a season: each title's folder has an id, the two second copies have none.
    """
    wanted = Preset("copies", "a test", film_count=10, show_count=1, season_count=1, twice_every=5, ids_in_names=True)

    made = made_library(tmp_path, wanted)

    episodes = [path for path in Path(made.folder, "Shows").rglob("*") if path.is_file()]
    folders = [folder.name for kind in Path(made.folder).iterdir() for folder in kind.iterdir()]
    assert 10 + 2 + len(episodes) == made.file_count
    assert 10 + 1 == sum("{tmdb-" in name for name in folders)
    assert 2 == sum("2160p" in name and "{" not in name for name in folders)


def test_another_library_has_another_hash(tmp_path):
    """
    A file more, and a name that is another.
    """
    wanted = Preset("films", "a test", film_count=3)
    first = made_library(tmp_path, wanted)
    film = next(path for path in Path(first.folder).rglob("*") if path.is_file())

    film.rename(film.with_name(f"x{film.name}"))

    assert 4 == made_library(tmp_path, wanted).file_count
    assert first.input_hash != made_library(tmp_path, wanted).input_hash


def an_entry(kind: str, address: str, sent_bytes: int) -> Entry:
    return Entry(method="GET", kind=kind, address=address, status=200, sent_bytes=sent_bytes)


def test_bytes_that_came_twice_are_counted():
    """
    A picture small (10) and large (100), an answer twice (30 each): 40 of 180 bytes were not needed.
    """
    entries = [
        an_entry("image", "/t/p/w92/film1-poster1.jpg", 10),
        an_entry("image", "/t/p/original/film1-poster1.jpg", 100),
        an_entry("movie", "/3/movie/1", 30),
        an_entry("movie", "/3/movie/1", 30),
        an_entry("movie", "/3/movie/2", 10),
    ]

    found = counts_of_service(RequestLog(entries=entries, connections=2, max_concurrent=1))

    assert (180, 40) == (found["received_bytes"], found["repeated_bytes"])
    assert (3, 2, 2) == (found["call_count"], found["image_request_count"], found["connection_count"])


def a_record(name: str, value: float, *, kind: str = "value", started_s: float = 0.0, **facts: Any) -> dict[str, Any]:
    ids = {"run_id": "r", "span_id": int(started_s * 1000) + len(name) * 10_000, "thread_id": 1, "pid": 1, "ok": True}
    return {
        **ids,
        "name": name,
        "value": value,
        "kind": kind,
        "started_at": datetime.fromtimestamp(started_s, UTC),
        **facts,
    }


def timings_of(*records: dict[str, Any]) -> pl.DataFrame:
    return Timings.frame(records)


def test_statements_of_both_ways_are_counted():
    """
    40 rows by one statement are one INSERT; 30 rows of one each are 30.
    """
    inserts = timings_of(
        a_record("load.insert", 0.1, kind="duration", started_s=1, attributes='{"rows":40}'),
        a_record("load.rows_per_statement", 40, started_s=2),
        a_record("load.insert", 0.1, kind="duration", started_s=3, attributes='{"rows":30}'),
        a_record("load.rows_per_statement", 1, started_s=4),
        a_record("load.statements", 2, started_s=2),
        a_record("load.statements", 60, started_s=4),
    )

    found = counts_of_timings(inserts)

    assert (70, 31, 62, 0) == tuple(found[f"{name}_count"] for name in ("row", "insert", "statement", "transaction"))
    assert 0 == found["program_call_count"]


def test_time_that_no_scope_explains_is_seen():
    """
    10 s, in which scopes were open from 1 to 4 and, two at once, from 6 to 9: six tenths.
    """
    found = timings_of(
        a_record("refresh.run", 10, kind="duration"),
        a_record("discover.step", 3, kind="duration", started_s=1),
        a_record("probe.step", 3, kind="duration", started_s=6),
        a_record("probe.file", 2, kind="duration", started_s=6.5),
    )

    assert 0.6 == attributed_ratio(found)
    assert None is attributed_ratio(timings_of())
