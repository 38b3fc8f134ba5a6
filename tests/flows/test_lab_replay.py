"""D3's calls and writes in small: three shows of two seasons of four episodes, three ways. Twenty seconds in all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from flows.lab import _Measured, compare_tables
from flows.lab_subjects import Replays
from flows.lab_table import as_markdown
from tasks.core.errors import RefreshError
from tasks.core.layout import DataFolder
from tasks.lab.presets import Preset
from tasks.lab.replay import TRIAL_SCOPE
from tasks.lab.store import Benchmark, Manifest, read_benchmark, write_manifest
from tasks.standin.catalogue import Catalogue
from tasks.standin.faults import Fault
from tasks.standin.generated import ShowShape
from tasks.standin.running import StandIn, StandInProcess
from tasks.timings import read_timings

SMALL = Preset("d3-calls", "a test", show_count=3, season_count=2, episode_count=4, latency_s=0.05)
TOKEN = "eyJhbGciOi-hunter2-4711"


def small_replays() -> Replays:
    """What is measured, with a service that knows a token as no other word is."""
    subject = Replays(SMALL)
    subject.options = subject.options.model_copy(update={"token": TOKEN})
    return subject


@pytest.fixture(scope="module")
def replayed(tmp_path_factory) -> tuple[Benchmark, dict[str, Path]]:
    """The three ways once each, by processes of their own against a stand-in, stored as a benchmark is."""
    place = tmp_path_factory.mktemp("replay")
    subject = small_replays()
    measured, folders = _Measured(place / "b"), {}
    with StandInProcess(subject.options) as service:
        for profile in SMALL.profiles:
            folders[profile] = place / profile
            run = subject.measure(SMALL.settings_of(profile), folders[profile], token=TOKEN, service=service.url)
            known = {"benchmark_id": "b", "preset": SMALL.name, "profile": profile, "round": 1, "is_warm": False}
            measured.add(run, known)
    manifest = Manifest(
        benchmark_id="b",
        preset=SMALL.name,
        words=SMALL.words,
        measures="replays",
        started_at=datetime(2026, 11, 21, tzinfo=UTC),
        rounds=1,
        order=SMALL.profiles,
        profiles={profile: SMALL.settings_of(profile) for profile in SMALL.profiles},
        stand_in=subject.options.model_dump(mode="json", exclude={"token"}),
        file_count=0,
        input_hash=subject.input_hash,
        host={"system": "Linux", "machine": "x86_64", "cores": 2, "python": "3.12"},
        versions=dict.fromkeys(("reelhouse", "prefect", "polars", "duckdb"), "1"),
        commit=None,
    )
    write_manifest(measured.folder, manifest)
    return read_benchmark(measured.folder), folders


def run_of(benchmark: Benchmark, profile: str) -> dict[str, Any]:
    (row,) = benchmark.runs.filter(profile=profile).to_dicts()
    return row


@pytest.mark.parametrize(
    ("profile", "calls", "repeated", "least_at_once", "most_at_once"),
    [("baseline", 1 + 3 + 3 + 6, 3, 1, 1), ("d3-new", 1 + 3 + 6, 0, 2, 10), ("optimized", 1 + 3 + 6, 0, 2, 8)],
)
def test_the_service_sees_as_many_calls_as_the_account_counts(
    replayed, profile, calls, repeated, least_at_once, most_at_once
):
    """
    A list, the seasons of three shows (twice the old way), six seasons; never more at once than the way allows, and
    where it allows several, several.
    """
    run = run_of(replayed[0], profile)

    assert (calls, repeated) == (run["call_count"], run["repeated_call_count"])
    assert least_at_once <= run["most_at_once_count"] <= most_at_once
    assert 1 <= run["connection_count"] <= most_at_once
    assert (repeated > 0) == (run["repeated_bytes"] > 0)


@pytest.mark.parametrize(
    ("profile", "transactions", "inserts"), [("baseline", 28, 27), ("d3-new", 28, 27), ("optimized", 1, 2)]
)
def test_rows_are_written_one_by_one_or_all_at_once(replayed, profile, transactions, inserts):
    """
    Three shows and 24 episodes: a transaction for each and the empty one before, or one with an INSERT for each table.
    """
    run = run_of(replayed[0], profile)

    assert (27, 3) == (run["row_count"], run["title_count"])
    assert (transactions, inserts) == (run["transaction_count"], run["insert_count"])


def test_all_ways_give_the_same_tables(replayed, tmp_path):
    """
    Every show and episode of the stand-in, by title, in the files that the ways have left.
    """
    benchmark, folders = replayed

    compare_tables.fn(folders, tmp_path)

    with duckdb.connect(str(DataFolder(folders["optimized"]).warehouse), read_only=True) as warehouse:
        found = warehouse.execute("SELECT season_number, episode_number, title FROM episodes").fetchall()
        titles = warehouse.execute("SELECT title FROM titles").fetchall()
    shows = [show for show in Catalogue(show_count=3, show_shape=ShowShape(2, 4)).shows() if show.id >= 2_000_000]
    assert {(show.title,) for show in shows} == set(titles)
    every = [(s.number, e.number, e.title) for show in shows for s in show.seasons for e in s.episodes]
    assert sorted(every) == sorted(found)
    assert 3 * 2 * 4 == len(found)
    assert {"baseline", "d3-new", "optimized"} == set(benchmark.runs["profile"])


def test_the_trial_of_a_write_is_not_counted(replayed):
    """
    It tells the model what a write takes here, before the clock starts; rows and calls are those of the work.
    """
    benchmark, _ = replayed

    names = benchmark.scopes.group_by("run_id").agg("name")["name"].to_list()

    assert [True] * 3 == [{TRIAL_SCOPE, "replay.calls", "replay.read", "replay.writes"} <= set(of) for of in names]


def test_tables_set_the_model_beside_what_was_measured(replayed):
    """
    13 turns, 1 + 2, and 1 + 2 (nine calls by eights), of 50 ms; the three ways are explained, and no file is named.
    """
    told = as_markdown(replayed[0])

    for turns, way in ((13, "baseline"), (3, "d3-new"), (3, "optimized")):
        assert f"| {way} | {turns} of 50 ms |" in told
    assert "5 shows at once" in told
    assert "| Requests to the metadata service, as it counts them | 13 | 10 | 10 |" in told
    assert "files)" not in told
    assert "one run: not known" in told


def test_a_benchmark_that_was_stopped_is_shown_as_far_as_it_came(replayed):
    """
    Two ways of three had their turn.
    """
    benchmark, _ = replayed
    so_far = benchmark.runs.filter(pl.col("profile") != "d3-new")

    told = as_markdown(replace(benchmark, runs=so_far))

    assert "| counted in calls and writes | baseline | optimized |" in told
    assert "| d3-new |" not in told


@pytest.mark.parametrize(("profile", "held_s"), [("d3-new", 28 * 0.01), ("optimized", 0.05)])
def test_a_transaction_is_held_back_as_long_as_the_account_assumes(tmp_path, profile, held_s):
    """
    28 transactions of a row for 10 ms each, or one of many rows for 50; the model is told by the trial.
    """
    subject = small_replays()
    with StandInProcess(subject.options) as service:
        run = subject.measure(
            replace(SMALL, holds_writes=True).settings_of(profile), tmp_path, token=TOKEN, service=service.url
        )

    total_s = dict(run.scopes.select("name", "total_s").iter_rows())
    assert total_s["replay.writes"] >= held_s
    trial = run.scopes.row(by_predicate=pl.col("name") == TRIAL_SCOPE, named=True)
    assert trial["total_s"] / trial["count"] >= (0.01 if profile == "d3-new" else 0.05)


def test_nobody_s_token_is_kept(replayed):
    """
    Neither the manifest nor anything that a replay leaves, as it is read: timings, rows, all else as it lies there.
    """
    benchmark, folders = replayed

    kept = {path: text_of(path) for folder in (*folders.values(), benchmark.folder) for path in files_below(folder)}
    timings = [read_timings(DataFolder(folder).timings).write_csv() for folder in folders.values()]

    told = [*kept.values(), *timings]
    assert 3 == sum("/3/tv/2000001" in one for one in timings)
    assert 3 == sum("Bearer" not in text and "show:tmdb:2000001" in text for text in kept.values())
    assert not [text for text in told if TOKEN in text or "Bearer" in text]


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def text_of(path: Path) -> str:
    """All that a file says, unpacked."""
    if path.suffix == ".parquet":
        return pl.read_parquet(path, hive_partitioning=False).write_csv()
    if path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as warehouse:
            names = [name for (name,) in warehouse.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
            return "\n".join(str(warehouse.execute(f'FROM "{name}"').fetchall()) for name in names)
    return path.read_bytes().decode(errors="replace")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(path="/3/tv/2000001", status=404), "/3/tv/2000001: HTTP 404"),
        (Fault(path="/3/tv/2000001/*", status=500), "is not answering: HTTP 500"),
        (Fault(path="/3/tv/2000002", action="cut"), "no whole JSON document"),
        (Fault(path="/3/*", status=401), "TMDB does not accept the token"),
    ],
    ids=["404", "500", "cut", "401"],
)
@pytest.mark.timeout(60)
def test_a_call_that_is_not_answered_ends_the_replay(tmp_path, capfd, fault, said):
    """
    At once and with the reason, which names no token; about two seconds each.
    """
    subject = small_replays()
    with StandIn(subject.options) as service:
        service.set_faults(fault)

        with pytest.raises(RefreshError) as caught:
            subject.measure(SMALL.settings_of("optimized"), tmp_path, token=TOKEN, service=service.url)

    assert said in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert "" == capfd.readouterr().err
