"""Counts, rates and times to go of stages."""

from __future__ import annotations

import threading

import pytest

from tasks.core.progress import Progress, StageProgress


def a_stage(**facts: object) -> StageProgress:
    defaults = {"stage": "probe", "total": 100, "done": 25, "failed": 0, "started_s": 50.0, "finished": False}
    return StageProgress(**{**defaults, **facts})


def test_the_rate_is_items_by_time():
    """
    25 items in 5 s are 5 a second; the other 75 take 15 s at that rate.
    """
    stage = a_stage()

    assert (5.0, 15.0) == (stage.rate_hz(55.0), stage.remaining_s(55.0))


@pytest.mark.parametrize(
    ("stage", "expected"),
    [(a_stage(total=None), None), (a_stage(done=0), None), (a_stage(done=120), 0.0), (a_stage(finished=True), 0.0)],
    ids=["total unknown", "nothing done", "more than expected", "finished"],
)
def test_the_time_to_go_is_honest(stage, expected):
    """
    What cannot be known is not guessed, and nothing takes less than no time.
    """
    assert expected == stage.remaining_s(55.0)


def test_a_finished_stage_keeps_its_rate():
    """
    The rate of a stage that took 10 s is the same an hour later.
    """
    stage = a_stage(done=100, finished=True, finished_s=60.0)

    assert (10.0, 10.0) == (stage.rate_hz(60.0), stage.rate_hz(3660.0))


def test_no_count_is_lost_among_threads():
    """
    8 threads that report 1,000 items each come to 8,000.
    """
    progress = Progress()
    threads = [
        threading.Thread(target=lambda: [progress.advance("probe", failed=n % 2) for n in range(1000)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (stage,) = progress.snapshot()
    assert (8000, 4000) == (stage.done, stage.failed)


def test_stages_keep_the_order_in_which_they_began():
    """
    A later total, more items and the end change a stage, not its place; a new run begins with none.
    """
    progress = Progress()
    progress.begin("discover")
    progress.begin("probe", 10)
    progress.begin("discover", 7)
    progress.advance("probe", 3)
    progress.finish("discover")

    first, second = progress.snapshot()
    assert ("discover", 7, True) == (first.stage, first.total, first.finished)
    assert ("probe", 10, 3, False) == (second.stage, second.total, second.done, second.finished)

    progress.reset()
    assert [] == progress.snapshot()


def test_an_item_that_is_tried_again_counts_once():
    """
    10 items, 4 fail and are tried again: 6 stand as done in between, and 10 of 10 at the end.
    """
    progress = Progress()
    progress.begin("scrape", 10)
    progress.advance("scrape", 10, failed=4)

    progress.reopen("scrape", 4)
    (between,) = progress.snapshot()
    progress.advance("scrape", 4)
    (after,) = progress.snapshot()

    assert (6, 0, False, None) == (between.done, between.failed, between.finished, between.finished_s)
    assert (10, 0, True) == (after.done, after.failed, after.finished)


def test_what_was_never_counted_is_not_taken_back():
    """
    Another process retries a batch: nothing of its first attempt was counted here. A stage without a total counts
    something else than its items.
    """
    progress = Progress()
    progress.begin("scrape", 10)
    progress.begin("discover")
    progress.advance("discover", 1_000, failed=2)

    progress.reopen("scrape", 4)
    progress.reopen("discover", 2)

    assert [(0, 0), (1_000, 2)] == [(stage.done, stage.failed) for stage in progress.snapshot()]
