"""What batches leave behind, and what a second attempt makes of it."""

from __future__ import annotations

import polars as pl
import pytest

from tasks.core.errors import BatchIncomplete, FileNotPermitted, ProbeTimedOut
from tasks.schema.files import Skips
from tasks.schema.runs import Costs, Outcomes
from tasks.staging import Ledger, Outcome, cut, latest_outcomes, read_staged, write_staged


def items(*names: str) -> pl.DataFrame:
    return pl.DataFrame({"file_id": list(names), "path": [f"/v/{n}" for n in names]})


def one_batch(staging, *names):
    (batch,) = cut(items(*names), stage="probe", staging=staging, id_column="file_id", batch_size=10, max_batches=10)
    return batch


def timed_out(name):
    return Outcome(name, f"/v/{name}", "failed", ProbeTimedOut(item=f"/v/{name}", reason="no answer within 30 s"))


def done(name):
    return Outcome(name, f"/v/{name}", "done")


@pytest.mark.parametrize(
    ("count", "batch_size", "max_batches", "sizes"),
    [(0, 3, 10, []), (3, 3, 10, [3]), (4, 3, 10, [3, 1]), (10, 3, 2, [5, 5]), (11, 1, 3, [4, 4, 3])],
)
def test_cut_keeps_order_and_both_bounds(tmp_path, count, batch_size, max_batches, sizes):
    """
    Batches are as small as asked, but never more than allowed, and together they are the items in their order.
    """
    names = [f"f{i:02d}" for i in range(count)]

    batches = cut(
        items(*names),
        stage="probe",
        staging=tmp_path,
        id_column="file_id",
        batch_size=batch_size,
        max_batches=max_batches,
    )

    assert sizes == [b.item_count for b in batches]
    assert names == [n for b in batches for n in b.items()["file_id"]]


def test_equal_items_make_equal_batches(tmp_path):
    """
    Prefect finds a finished batch again by its value: the same items give the same value, others another.
    """
    first, again = (one_batch(tmp_path, "a", "b") for _ in range(2))
    other = one_batch(tmp_path / "other", "a", "c")

    assert first == again
    assert first.content != other.content


def test_items_stay_in_their_batches_when_a_retry_finds_others(tmp_path):
    """
    A retry that knows of two more items and misses one leaves all others where their rows are, so a batch that is
    unchanged is equal to the one before; what is new is cut by itself.
    """

    def now(*names):
        return cut(items(*names), stage="probe", staging=tmp_path, id_column="file_id", batch_size=2, max_batches=10)

    first, second, third = now("a", "c", "e", "g", "h")
    again = now("b", "c", "d", "e", "g", "h", "i")

    assert [["c"], ["e", "g"], ["h"], ["b", "d"], ["i"]] == [batch.items()["file_id"].to_list() for batch in again]
    assert [second, third] == again[1:3]
    assert first.name == again[0].name
    assert first != again[0]
    assert again == now("b", "c", "d", "e", "g", "h", "i")


def test_a_second_attempt_gets_only_what_may_pass(tmp_path):
    """
    Items done, set aside or failed for good are settled; only failures that may pass are open again.
    """
    batch = one_batch(tmp_path, "a", "b", "c", "d")
    refused = Outcome("c", "/v/c", "failed", FileNotPermitted(item="/v/c", reason="permission denied"))
    Ledger(batch, id_column="file_id").save({}, [done("a"), timed_out("b"), refused])

    left = Ledger(batch, id_column="file_id").open_items()

    assert ["b", "d"] == left["file_id"].to_list()


def test_a_batch_with_passing_failures_is_incomplete_until_they_pass(tmp_path):
    """
    The batch raises while an item may still succeed, and is whole once it has.
    """
    batch = one_batch(tmp_path, "a", "b")
    first = Ledger(batch, id_column="file_id")
    first.save({}, [done("a"), timed_out("b")])

    with pytest.raises(BatchIncomplete, match="/v/b: no answer within 30 s"):
        first.close()

    second = Ledger(batch, id_column="file_id")
    second.save({}, [done("b")])
    result = second.close()
    assert (2, 0) == (result.done_count, result.failed_count)


def test_a_part_that_was_being_written_at_a_crash_does_not_count(tmp_path):
    """
    Rows and outcomes appear together by one rename; what is half-written is not read, and left to whoever writes it.
    """
    batch = one_batch(tmp_path, "a")
    half = batch.folder / ".tmp-123456"
    half.mkdir(parents=True)
    (half / "outcomes.parquet").write_bytes(b"PAR1")

    left = Ledger(batch, id_column="file_id").open_items()

    assert ["a"] == left["file_id"].to_list()
    assert half.exists()


def test_two_attempts_at_once_do_not_disturb_each_other(tmp_path):
    """
    Dask gives a batch to another worker while the first still lives: both began at the same attempt, both save parts,
    and of each item what went well stands.
    """
    batch = one_batch(tmp_path, "a", "b", "c")
    first, second = (Ledger(batch, id_column="file_id") for _ in range(2))
    second.save({}, [done("a"), timed_out("b")])
    first.save({}, [timed_out("a"), done("b")])

    first.save({}, [done("c")])
    second.save({}, [done("c")])

    results = [ledger.close() for ledger in (first, second)]
    assert [(3, 0)] * 2 == [(result.done_count, result.failed_count) for result in results]
    assert 4 == len([part for part in batch.folder.iterdir() if part.is_dir()])


def test_costs_of_failed_attempts_count(tmp_path):
    """
    Calls were made also by an attempt that failed: the total is the sum over attempts.
    """
    batch = one_batch(tmp_path, "a")
    first = Ledger(batch, id_column="file_id")
    first.count("calls", 3)
    first.save({}, [timed_out("a")])
    second = Ledger(batch, id_column="file_id")
    second.count("calls", 2)

    second.save({}, [done("a")])

    assert {"calls": 5} == second.close().counters
    assert 5 == read_staged(Costs, staging=tmp_path)["amount"].sum()


def test_an_abandoned_batch_accounts_for_every_item(tmp_path):
    """
    When a batch ends with an error of its own, no item is lost: those it never came to are failed and may be retried.
    """
    batch = one_batch(tmp_path, "a", "b", "c")
    Ledger(batch, id_column="file_id").save({}, [done("a"), timed_out("b")])

    Ledger(batch, id_column="file_id").abandon(MemoryError("out of memory"))

    outcomes = latest_outcomes(read_staged(Outcomes, staging=tmp_path)).sort("item_id")
    assert [("a", None), ("b", "ProbeTimedOut"), ("c", "BatchAbandoned")] == list(
        outcomes.select("item_id", "cause").iter_rows()
    )
    assert ["b", "c"] == Ledger(batch, id_column="file_id").open_items()["file_id"].to_list()


def test_a_plan_written_again_takes_the_place_of_the_first(tmp_path):
    """
    A plan that is made anew after a retry leaves one set of rows, not two.
    """
    row = {"root": "/v", "reason": "hidden", "skip_count": 1, "example_path": "/v/.a"}
    for count in (1, 2):
        write_staged({Skips: Skips.frame([row | {"skip_count": count}])}, staging=tmp_path, stage="plan")

    assert [2] == read_staged(Skips, staging=tmp_path)["skip_count"].to_list()
