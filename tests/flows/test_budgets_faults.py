"""What a benchmark with faults says of the account of its runs, and the library it makes. No refresh is run here."""

from __future__ import annotations

from typing import Any

from flows.budgets_faults import BROKEN_EVERY, FAULTS, faulty_library, readers, verdict
from tasks.schema.runs import OUTCOMES


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

    assert "0 of 200 items lost; 0 of the 100 of the last refresh still failed" in words
    assert "NOT KEPT" not in words


def test_what_still_fails_is_judged_by_the_last_refresh():
    """
    2 of its 1,000, which are no more than one in a thousand of the 3,000 of all.
    """
    good = a_record(total=1000, done=1000)

    words = verdict([good, good, a_record(total=1000, done=998, failed=2)])

    assert "0 of 3,000 items lost; 2 of the 1,000 of the last refresh still failed" in words
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
