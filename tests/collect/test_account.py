"""Every item of every stage is accounted for, whatever became of it."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from tasks.collect.account import StageTask, account
from tasks.collect.collect import collect
from tasks.core.errors import ProbeTimedOut, UnreadableVideo
from tasks.schema.files import Skips
from tasks.schema.titles import Titles
from tasks.staging import Ledger, Outcome, cut

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def a_batch(staging, *ids, stage="probe", id_column="file_id"):
    items = pl.DataFrame({id_column: list(ids)})
    (batch,) = cut(items, stage=stage, staging=staging, id_column=id_column, batch_size=99, max_batches=9)
    return Ledger(batch, id_column=id_column)


def accounted(staging, **tasks):
    return account(staging, collect(staging, run_id="run"), tasks)


def the_stage(found, name):
    (stage,) = [row for row in found.stages if row["stage"] == name]
    return stage


def sums_up(stage):
    parts = ("unchanged", "done", "quarantined", "failed", "deferred")
    return stage["total_count"] == sum(stage[f"{part}_count"] for part in parts)


def test_every_outcome_has_its_place(tmp_path):
    """
    Ten files, six of them unchanged; of the four to do one each was done, set aside, failed and deferred: ten.
    """
    ledger = a_batch(tmp_path, "a", "b", "c", "d")
    ledger.save(
        {},
        [
            Outcome("a", "/v/a", "done"),
            Outcome("b", "/v/b", "quarantined", UnreadableVideo(item="/v/b", reason="no video")),
            Outcome("c", "/v/c", "failed", ProbeTimedOut(item="/v/c", reason="no answer")),
            Outcome("d", "/v/d", "deferred", reason="no token"),
        ],
    )

    found = accounted(tmp_path, probe=StageTask(10, 4))

    stage = the_stage(found, "probe")
    assert (6, 1, 1, 1, 1) == tuple(
        stage[f"{part}_count"] for part in ("unchanged", "done", "quarantined", "failed", "deferred")
    )
    assert sums_up(stage)
    assert ["no answer"] == [failure["reason"] for failure in found.failures]


def test_a_second_attempt_replaces_the_first(tmp_path):
    """
    An item that timed out and then went well is one item done, not two.
    """
    ledger = a_batch(tmp_path, "a")
    ledger.save({}, [Outcome("a", "/v/a", "failed", ProbeTimedOut(item="/v/a", reason="no answer"))])
    Ledger(ledger.batch, id_column="file_id").save({}, [Outcome("a", "/v/a", "done")])

    found = accounted(tmp_path, probe=StageTask(1, 1))

    assert (1, 0) == (the_stage(found, "probe")["done_count"], found.failed_count)


def test_a_row_that_the_checks_refuse_is_an_item_set_aside(tmp_path):
    """
    The step said done, but its row cannot be stored: the item is not done, and the reason is in the account.
    """
    ledger = a_batch(tmp_path, "movie:tmdb:1", "movie:tmdb:2", stage="scrape", id_column="title_id")
    good = {"title_id": "movie:tmdb:1", "kind": "movie", "title": "Glass Harbour", "scraped_at": NOW}
    bad = good | {"title_id": "movie:tmdb:2", "runtime_min": -5}
    ledger.save({Titles: [good, bad]}, [Outcome(row["title_id"], row["title"], "done") for row in (good, bad)])

    found = accounted(tmp_path, scrape=StageTask(2, 2))

    stage = the_stage(found, "scrape")
    assert (1, 1) == (stage["done_count"], stage["quarantined_count"])
    assert sums_up(stage)
    assert "runtime_min" in found.quarantine[0]["reason"]


def test_a_stage_that_did_not_run_is_deferred(tmp_path):
    """
    Without a token nothing is looked up: what needed work is deferred, the rest unchanged.
    """
    stage = the_stage(accounted(tmp_path, match=StageTask(7, 5, is_deferred=True)), "match")

    assert (2, 5) == (stage["unchanged_count"], stage["deferred_count"])
    assert sums_up(stage)


@pytest.mark.parametrize("attempts", [1, 3])
def test_costs_are_summed_over_batches_and_attempts(tmp_path, attempts):
    """
    Every request that was sent counts, also those of attempts that failed.
    """
    ledger = a_batch(tmp_path, "a")
    for _ in range(attempts):
        ledger = Ledger(ledger.batch, id_column="file_id")
        ledger.count("calls", 2)
        ledger.save({}, [Outcome("a", "a", "failed", ProbeTimedOut(item="a", reason="r"))])

    assert {"calls": 2 * attempts} == accounted(tmp_path, probe=StageTask(1, 1)).costs


def test_skips_of_all_folders_are_one_row_a_reason(tmp_path):
    """
    Each batch of folders counts its own; the run shows the sum, with one example.
    """
    ledger = a_batch(tmp_path, "e1", stage="discover", id_column="entry_id")
    for count, path in ((2, "/v/.b"), (3, "/v/.a")):
        row = {"root": "/v", "reason": "hidden", "skip_count": count, "example_path": path}
        ledger.save({Skips: [row]}, [])

    assert [{"root": "/v", "reason": "hidden", "skip_count": 5, "example_path": "/v/.a"}] == accounted(tmp_path).skips
