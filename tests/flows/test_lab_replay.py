"""D3's calls and writes in small: three shows of two seasons of four episodes, three ways. About ten seconds in all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from flows.lab import compare_tables
from flows.lab_subjects import Replays
from flows.lab_table import as_markdown
from tasks.core.layout import DataFolder
from tasks.lab.presets import Preset
from tasks.lab.replay import TRIAL_SCOPE
from tasks.lab.store import Benchmark, Manifest, read_benchmark, write_manifest, write_runs
from tasks.standin.catalogue import Catalogue
from tasks.standin.generated import ShowShape
from tasks.standin.running import StandInProcess

SMALL = Preset("d3-calls", "a test", show_count=3, season_count=2, episode_count=4)


@pytest.fixture(scope="module")
def replayed(tmp_path_factory) -> tuple[Benchmark, dict[str, Path]]:
    """The three ways once each, by processes of their own against a stand-in, stored as a benchmark is."""
    place = tmp_path_factory.mktemp("replay")
    subject = Replays(SMALL)
    rows, scopes, folders = [], [], {}
    with StandInProcess(subject.options) as service:
        for profile in SMALL.profiles:
            folders[profile] = place / profile
            row, of_run = subject.measure(
                SMALL.settings_of(profile), folders[profile], token=subject.options.token, service=service.url
            )
            known = {"benchmark_id": "b", "preset": SMALL.name, "profile": profile, "round": 1, "is_warm": False}
            rows.append(known | row)
            scopes.append(of_run)
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
    folder = place / "b"
    write_manifest(folder, manifest)
    write_runs(folder, rows, scopes[0].vstack(scopes[1]).vstack(scopes[2]))
    return read_benchmark(folder), folders


def run_of(benchmark: Benchmark, profile: str) -> dict[str, Any]:
    (row,) = benchmark.runs.filter(profile=profile).to_dicts()
    return row


@pytest.mark.parametrize(
    ("profile", "calls", "repeated", "most_at_once"),
    [("baseline", 1 + 3 + 3 + 6, 3, 1), ("d3-new", 1 + 3 + 6, 0, 10), ("optimized", 1 + 3 + 6, 0, 8)],
)
def test_the_service_sees_as_many_calls_as_the_account_counts(replayed, profile, calls, repeated, most_at_once):
    """
    A list, the seasons of three shows (twice the old way), six seasons; never more at once than the way allows.
    """
    run = run_of(replayed[0], profile)

    assert (calls, repeated) == (run["call_count"], run["repeated_call_count"])
    assert run["most_at_once_count"] <= most_at_once
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
    13 turns, 1 + 2, and 1 + 2 (nine calls by eights), of no delay; the three ways are explained, and no file is named.
    """
    told = as_markdown(replayed[0])

    for turns, way in ((13, "baseline"), (3, "d3-new"), (3, "optimized")):
        assert f"| {way} | {turns} of 0 ms |" in told
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


def test_nobody_s_token_is_kept(replayed):
    """
    Neither the manifest nor the timings of a replay hold the token that it asked with.
    """
    benchmark, folders = replayed

    kept = [benchmark.manifest.model_dump_json().encode()]
    kept += [part.read_bytes() for folder in folders.values() for part in DataFolder(folder).timings.rglob("*.parquet")]

    assert len(kept) >= 1 + 3
    assert not [content for content in kept if b"Bearer" in content]
