"""The time of a run lies in scopes, each of which measures one thing. Scopes are counted; times are not."""

from __future__ import annotations

from collections import Counter

import duckdb
import polars as pl
import pytest

from flows.lab_refresh import attributed_ratio, prefect_ratio
from tasks.schema.timings import Timings
from tasks.timings import read_timings, stages
from tests.flows.house import ask_prefect
from tests.timings.test_summary import a_record

OF_THE_FLOW = {
    "http.close", "lane.close", "lane.open", "probe.close", "probe.versions", "publish.artifact", "publish.farewell",
    "publish.report", "publish.tags", "prefect.call", "prefect.dead_runs", "prefect.submit", "prefect.wait",
    "record.begin", "record.make", "record.write", "settings.choose", "stage.begin", "staging.tidy", "collect.account",
}  # fmt: skip
"""What a run does between its steps."""

OF_STAGES = {
    "discovery": [("discover.step", ""), ("discover.folder", "")],
    "plan": [(f"plan {what}.step", "") for what in ("discovery", "files", "matches", "scrape", "collections")],
    "identify": [("identify.step", ""), ("identify.batch", "")],
    "probe": [("probe.step", ""), ("probe.file", "")],
    "match": [
        ("match.step", ""),
        ("match.decide", ""),
        ("http.request", "/search/movie"),
        ("http.request", "/search/tv"),
    ],
    "scrape of films": [("scrape.step", ""), ("http.request", r"/movie/\d+\b"), ("scrape.parse", "^movie:")],
    "scrape of shows": [("scrape.step", ""), ("http.request", r"/tv/\d+\b"), ("scrape.parse", "^show:")],
    "scrape of collections": [("collections.step", ""), ("scrape.parse", "^collection:")],
    "artwork": [(f"artwork.{part}", r"/t/p/|\.(jpg|png)") for part in ("download", "verify", "write")],
    "rows": [("collect.step", ""), ("collect.table", ""), ("load.step", "")],
    "insert of films and shows": [("load.insert", "^titles$")],
    "insert of people": [("load.insert", "^people$"), ("load.insert", "^credits$")],
    "publish": [(f"warehouse.{part}", "") for part in ("commit", "swap")] + [("publish.report", "")],
}
"""Stage -> scopes without which nobody can say what it took: their names, and what their items must look like."""


@pytest.fixture(scope="module", params=["first", "second"])
def of_run(request, refreshed):
    """The record of a run and its timings."""
    record = getattr(refreshed, request.param).record
    return record, read_timings(refreshed.house.data.timings, record["run_id"])


def named(timings: pl.DataFrame, name: str) -> pl.DataFrame:
    return timings.filter(name=name, kind="duration")


def test_every_task_run_is_called_or_waited_for_in_a_scope(of_run):
    """
    A step that works on everything is called, a batch is waited for: together as many as the record counts task runs.
    """
    record, timings = of_run

    called, waited_for = (named(timings, name) for name in ("prefect.call", "prefect.wait"))

    assert record["task_run_count"] == called.height + waited_for.height
    assert record["task_run_count"] == timings.filter(pl.col("name").str.ends_with(".step")).height
    assert {"discover 0000"} <= set(waited_for["item"])
    assert {"snapshot", "plan discovery", "collect", "load"} <= set(called["item"])


def test_steps_lie_in_the_scope_of_their_call(of_run):
    """
    What is not in the step is Prefect's. Batches lie in the run, not in the scope that handed them over: it ends before
    them.
    """
    _, timings = of_run
    names = dict(timings.select("span_id", "name").iter_rows())
    steps = timings.filter(pl.col("name").str.ends_with(".step"))

    parents = Counter(names[parent_id] for parent_id in steps["parent_id"])

    called, waited_for = (named(timings, name).height for name in ("prefect.call", "prefect.wait"))
    assert {"prefect.call": called, "refresh.run": waited_for} == parents


def test_what_the_flow_does_between_its_steps_has_names(of_run):
    """
    Whether there was much to do or nothing. All of it lies in the scope of the run.
    """
    _, timings = of_run
    (run_id,) = named(timings, "refresh.run")["span_id"]
    of_flow = timings.filter(pl.col("parent_id") == run_id, pl.col("kind") == "duration")

    assert set() == OF_THE_FLOW - set(timings["name"])
    assert set() == OF_THE_FLOW - set(of_flow["name"]) - {"publish.artifact"}  # those of the report lie in its scope


@pytest.mark.parametrize("stage", OF_STAGES)
def test_every_stage_of_a_first_refresh_is_measured(refreshed, stage):
    """
    A stage without its scopes could become slower unseen: each is there, for what the stage works on.
    """
    timings = read_timings(refreshed.house.data.timings, refreshed.first.record["run_id"])

    missing = [
        (name, item)
        for name, item in OF_STAGES[stage]
        if not named(timings, name).filter(pl.col("item").fill_null("").str.contains(item)).height
    ]

    assert [] == missing


def test_pictures_of_a_title_are_counted_and_their_parts_told_apart(refreshed):
    """
    Downloads, writes and the number of pictures of each title: as many as the warehouse has of it.
    """
    timings = read_timings(refreshed.house.data.timings, refreshed.first.record["run_id"])
    in_warehouse = "SELECT owner_id, count(DISTINCT source_path) FROM artwork GROUP BY owner_id"

    counted = timings.filter(name="artwork.images_per_title", kind="value").select("item", "value")

    assert counted.height == counted["item"].n_unique()
    assert dict(refreshed.house.rows(in_warehouse)) == dict(counted.iter_rows())
    parts = [named(timings, f"artwork.{part}") for part in ("download", "verify", "write")]
    assert [refreshed.first.record["image_count"]] * 3 == [part.height for part in parts]
    assert 1 == len({tuple(part["item"].sort()) for part in parts})


def test_the_log_of_the_run_says_what_its_time_went_to(of_run, refreshed, prefect):
    """
    One message of the flow run, and none of a task run: a line for each scope, in the order of their sums, with counts
    that DuckDB finds in the files.
    """
    record, _ = of_run
    question = {"logs": {"flow_run_id": {"any_": [record["run_id"]]}}}

    logs = ask_prefect(prefect, "/logs/filter", question)

    (log,) = [log for log in logs if "Where the time went" in log["message"]]
    _, *lines, more = log["message"].splitlines()
    files = f"{refreshed.house.data.timings}/run_id={record['run_id']}/*.parquet"
    query = f"SELECT name, count(*) FROM '{files}' WHERE kind = 'duration' GROUP BY name ORDER BY sum(value) DESC, name"
    assert None is log["task_run_id"]
    assert duckdb.sql(query).fetchall() == [counted(line) for line in lines]
    assert ("refresh.run", 1) in [counted(line) for line in lines]
    assert more.endswith(f"reelhouse timings {record['run_id']}")


def counted(line: str) -> tuple[str, int]:
    """``name: 1,234 x, ...``"""
    name, _, numbers = line.partition(": ")
    return name, int(numbers.partition(" x, ")[0].replace(",", ""))


def test_what_prefect_takes_is_told_apart():
    """
    10 s: a batch is waited for from 0 to 5 and is at work from 1 to 4; a record is written from 6 to 7. 6 s have names,
    of which 2 s are Prefect's alone.
    """
    timings = Timings.frame(
        [
            a_record("refresh.run", 0, 10.0),
            a_record("prefect.wait", 0, 5.0),
            a_record("probe.step", 1, 3.0),
            a_record("record.write", 6, 1.0),
        ]
    )

    assert (0.6, 0.2) == pytest.approx((attributed_ratio(timings), prefect_ratio(timings)))
    assert None is prefect_ratio(Timings.frame())


def test_what_stages_took_of_the_machine_is_known(of_run):
    """
    Of each stage CPU time and memory; of workers where they measured something. Who asks a service has had the thread
    that does it.
    """
    record, timings = of_run

    found = stages(timings)

    steps = found.filter(pl.col("step_count") > 0)
    assert {"discover", "plan files", "collect", "load"} <= set(steps["stage"])
    assert 0 == steps["cpu_s"].null_count() == steps["peak_bytes"].null_count()
    assert steps["peak_bytes"].min() > 20 * 1024**2  # less than any Python with Polars has
    cpu = timings.filter(name="resources.cpu")["attributes"].str.json_path_match("$.whose").to_list()
    assert 1 == cpu.count("run")
    assert (record["probe_count"] > 0) == ("workers" in cpu)
    assert (record["call_count"] > 0) <= ("network" in cpu)


def test_the_largest_memory_of_the_run_is_that_until_the_end_of_its_load(of_run):
    """
    What the system says of the process is at least what it had in any sample before; Linux adds up pages now and then.
    """
    record, timings = of_run
    (ended_at,) = timings.filter(name="load.step").select(
        pl.col("started_at") + pl.duration(microseconds=pl.col("value") * 1e6)
    )["started_at"]
    samples = timings.filter(pl.col("name") == "resources.memory", pl.col("started_at") < ended_at)

    own = samples.filter(pl.col("attributes").str.json_path_match("$.whose") == "run")["value"]

    assert own.max() <= record["peak_memory_bytes"] + 8 * 1024**2
