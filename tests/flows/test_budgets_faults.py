"""What a benchmark with faults says of the account of its runs, and the library it makes. No refresh is run here."""

from __future__ import annotations

from typing import Any

import duckdb

from flows.budgets_faults import BROKEN_EVERY, FAULTS, SET_ASIDE, ended_words, faulty_library, readers, verdict
from tasks.schema.runs import OUTCOMES, Quarantine
from tasks.warehouse.query import query


def a_record(*, total: int, **outcomes: int) -> dict[str, Any]:
    counts = {f"{outcome}_count": outcomes.get(outcome, 0) for outcome in OUTCOMES}
    return {"run_stages": [{"stage": "scrape", "total_count": total, **counts}]}


def test_an_item_that_no_outcome_counts_is_lost():
    """
    Of 100 items 98 are done and one is set aside: one is lost, and the budget is not kept.
    """
    words = verdict([a_record(total=100, done=98, quarantined=1)])

    assert "1 of 100 items lost" in words
    assert "NOT KEPT" in words


def test_what_failed_in_between_is_no_loss():
    """
    Ten failed in the first refresh and none in the last.
    """
    words = verdict([a_record(total=100, done=90, failed=10), a_record(total=100, done=10, unchanged=90)])

    assert "0 of 200 items lost. Of the 100 of the last refresh 100 (100.00 %)" in words
    assert "NOT KEPT" not in words


def test_what_still_fails_is_judged_by_the_last_refresh():
    """
    2 of its 1,000, which are no more than one in a thousand of the 3,000 of all.
    """
    good = a_record(total=1000, done=1000)

    words = verdict([good, good, a_record(total=1000, done=998, failed=2)])

    assert "0 of 3,000 items lost. Of the 1,000 of the last refresh 998 (99.80 %)" in words
    assert "2 are not" in words
    assert "NOT KEPT" in words


def test_an_item_that_an_earlier_refresh_has_lost_stays_lost():
    """
    One of a hundred in the first refresh; the last one is whole.
    """
    words = verdict([a_record(total=100, done=99), a_record(total=100, done=100)])

    assert "1 of 200 items lost" in words
    assert "NOT KEPT" in words


def test_more_than_one_in_a_thousand_that_still_fails_is_too_many():
    """
    2 of 1,000: 99.8 % are done.
    """
    assert "NOT KEPT" in verdict([a_record(total=1000, done=998, failed=2)])
    assert "NOT KEPT" not in verdict([a_record(total=1000, done=999, failed=1)])


def test_what_waits_has_not_ended():
    """
    As without a token: 2 of 1,000 are neither done nor set aside, though nothing failed.
    """
    assert "NOT KEPT" in verdict([a_record(total=1000, done=998, deferred=2)])


def test_what_is_set_aside_without_a_reason_has_not_ended():
    """
    30 of 1,000 are set aside; where no reason is told of 2 of them, 99.80 % have ended well.
    """
    record = a_record(total=1000, done=970, quarantined=30)

    assert "(100.00 %) are done or set aside with a reason (30)" in verdict([record], set_aside_count=30, told_count=30)
    words = verdict([record], set_aside_count=30, told_count=28)

    assert "998 (99.80 %)" in words
    assert "NOT KEPT" in words


def test_the_share_of_each_refresh_is_told():
    """
    80 of 100 without a token, 19,999 of 20,000 after it: that is not 100.00 %.
    """
    words = ended_words(
        [
            ("no token", a_record(total=100, done=80, deferred=20)),
            ("next", a_record(total=20_000, done=19_999, failed=1)),
        ]
    )

    assert words.endswith(": no token, 80.00 %; next, 99.99 %.")


def test_reasons_are_those_of_items_that_are_set_aside(tmp_path):
    """
    Of four items that stages set aside two have a sentence: a blank one tells nothing, nor does the name of an error.
    What a check refused is a row, and no item.
    """
    rows = [
        ("file 1", "the file ends too early", "UnreadableVideo", 1),
        ("file 2", "there is no such title", None, 1),
        ("file 3", " ", None, 1),
        ("file 4", "UnreadableVideo", "UnreadableVideo", 1),
        ("row", "duration_s is below 0", None, None),
    ]
    known = {"run_id": "a", "refused_by": "probe"}
    columns = ("row_key", "reason", "cause", "attempts")
    frame = Quarantine.frame(known | dict(zip(columns, row, strict=True)) for row in rows)
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.register("incoming", frame)
        connection.execute("CREATE TABLE quarantine AS SELECT * FROM incoming").fetchall()

    assert [(4, 2)] == query(tmp_path / "warehouse.duckdb", SET_ASIDE).rows()


def test_readers_that_wait_are_told():
    """
    One answer of ten that takes a second: 95 of 100 are not within 200 ms.
    """
    assert "NOT KEPT" in readers([0.01] * 10, [0.01] * 9 + [1.0])
    assert "NOT KEPT" not in readers([0.01] * 10, [0.01] * 10)


def test_one_request_in_twenty_fails():
    """
    The shares of faults add up to a twentieth, for the API and for pictures.
    """
    assert [0.05, 0.05] == [
        round(sum(fault.share for fault in FAULTS if fault.path == path), 9) for path in ("/3/*", "/t/p/*")
    ]


def test_one_file_in_twenty_is_broken_and_stays_so(tmp_path):
    """
    Of 60 files three: one empty, one cut off, one no video; the clips of which the others are links stay whole.
    """
    for _ in range(2):
        faulty_library(tmp_path, 60)
        videos = [path for path in tmp_path.rglob("*") if path.is_file() and ".clips" not in path.parts]
        broken = [path for path in videos if path.stat().st_nlink == 1]

        assert (60, 60 // BROKEN_EVERY) == (len(videos), len(broken))
        sizes = sorted(path.stat().st_size for path in broken)
        assert 0 == sizes[0]
        assert 4096 in sizes
    assert all(path.stat().st_size > 0 for path in (tmp_path / ".clips").iterdir())
