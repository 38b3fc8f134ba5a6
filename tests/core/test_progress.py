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


class Clock:
    """A clock that is set by hand."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def advanced(progress: Progress, clock: Clock, *at_s: float, done: int = 1) -> StageProgress:
    """The stage after ``done`` items at each of these times."""
    for clock.now_s in at_s:
        progress.advance("probe", done)
    (stage,) = progress.snapshot()
    return stage


def test_a_slow_beginning_is_forgotten():
    """
    Nothing for 10 s, then 10 items a second: at 30 s the other 200 of 400 take 20 s, not 30.
    """
    clock = Clock()
    progress = Progress(clock)
    progress.begin("probe", 400)

    stage = advanced(progress, clock, *(10 + tenth / 10 for tenth in range(1, 201)))

    assert (200, 30.0) == (stage.done, clock.now_s)
    assert 20.0 == pytest.approx(stage.remaining_s(30.0))


@pytest.mark.parametrize("rounds", [1, 2, 3, 4, 7, 8])
def test_batches_that_end_together_are_not_taken_for_speed(rounds):
    """
    Four threads end a batch of 500 each within 30 ms every 10 s: right after any of these rounds the rate is 200/s.
    """
    clock = Clock()
    progress = Progress(clock)
    progress.begin("probe", 100_000)

    ends = [10 * number + thread / 100 for number in range(1, rounds + 1) for thread in range(4)]
    stage = advanced(progress, clock, *ends, done=500)

    assert 200.0 == pytest.approx(stage.rate_hz(clock.now_s), rel=0.01)


def test_the_whole_stage_counts_when_it_has_finished():
    """
    100 items in 20 s are 5 a second, although all came in the second half at 10 a second.
    """
    clock = Clock()
    progress = Progress(clock)
    progress.begin("probe", 100)

    stage = advanced(progress, clock, *(10 + tenth / 10 for tenth in range(1, 101)))

    assert (True, 5.0) == (stage.finished, stage.rate_hz(clock.now_s))


def test_what_an_earlier_execution_has_done_is_not_the_speed_of_this_one():
    """
    Of 1,000 items 900 were done before; one a second since: 10 are done in 10 s, the other 90 take 90 s more.
    """
    clock = Clock()
    progress = Progress(clock)
    progress.begin("probe", 1_000, done_before=900)

    (begun,) = progress.snapshot()
    stage = advanced(progress, clock, *range(1, 11))
    finished = advanced(progress, clock, *range(11, 101))

    assert (900, None) == (begun.done, begun.remaining_s(0.5))
    assert (910, 1.0, 90.0) == (stage.done, stage.rate_hz(10.0), stage.remaining_s(10.0))
    assert (True, 1.0) == (finished.finished, finished.rate_hz(100.0))


def test_a_stage_that_was_done_before_has_finished():
    """
    A retry that finds all items of a stage done has nothing to wait for in it.
    """
    progress = Progress()

    progress.begin("probe", 10, done_before=10)

    (stage,) = progress.snapshot()
    assert (10, True, 0.0) == (stage.done, stage.finished, stage.remaining_s(stage.started_s))


def test_items_that_are_tried_again_were_work_all_the_same():
    """
    One item a second for 20 s, of which 12 failed: when these are tried again the rate is still one a second, so the
    32 that are left of 40 take 32 s.
    """
    clock = Clock()
    progress = Progress(clock)
    progress.begin("probe", 40)
    for clock.now_s in range(1, 21):
        progress.advance("probe", failed=int(clock.now_s > 8))

    progress.reopen("probe", 12)

    (stage,) = progress.snapshot()
    assert (8, 1.0, 32.0) == (stage.done, stage.rate_hz(20.0), stage.remaining_s(20.0))
