"""How far each stage is: steps report, whoever shows it to a person listens.

Steps run in threads of the flow's process, so one object in the process is enough. Nobody has to listen.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

_PAUSE_RATIO = 0.25
"""Steps this close to each other, as a share of their mean distance, come together."""


@dataclass(frozen=True)
class StageProgress:
    """One stage at one moment."""

    stage: str
    total: int | None
    """Items to work on; ``None`` while that is not known."""
    done: int
    failed: int
    """Items of ``done`` that failed; those set aside are no failures, here as in the report."""
    started_s: float
    """``time.monotonic()`` when the stage began."""
    finished: bool
    finished_s: float | None = None
    """``time.monotonic()`` when the stage ended; ``None`` before."""
    done_before: int = 0
    """Items of ``done`` that an earlier execution of the run has done."""
    mark: tuple[float, int] | None = None
    """A moment from which the rate is taken, and ``done`` then; ``None``: the beginning, and ``done_before``."""

    def elapsed_s(self, now_s: float) -> float:
        """Seconds the stage has taken until ``now_s`` or its end."""
        return (now_s if self.finished_s is None else self.finished_s) - self.started_s

    def rate_hz(self, now_s: float) -> float | None:
        """Items per second of late, over the whole stage once it has finished; ``None`` before the first one.

        Of late, because a stage begins slowly: workers start, connections are made, caches are cold.
        """
        began = (self.started_s, self.done_before)
        since_s, done_then = began if self.finished or self.mark is None else self.mark
        done, took_s = self.done - done_then, (now_s if self.finished_s is None else self.finished_s) - since_s
        return done / took_s if done > 0 and took_s > 0 else None

    def remaining_s(self, now_s: float) -> float | None:
        """Seconds to go at the rate of late; 0 when finished, ``None`` where total or rate is not known."""
        if self.finished:
            return 0.0
        rate_hz = self.rate_hz(now_s)
        if self.total is None or rate_hz is None:
            return None
        return max(0.0, (self.total - self.done) / rate_hz)


class _Marks:
    """The moments from which the rate of a stage is taken: a quarter to half of the time it has taken so far.

    The time since then is long enough for what comes in steps (batches whose items count together), and a slow
    beginning is forgotten. A mark is what stood as a pause between steps began, so that steps that come together,
    as those of threads that began together, lie all before it or all after it.
    """

    def __init__(self, began_s: float, done: int) -> None:
        self._began_s = began_s
        self._step_count = 0
        self._now = self._next = self._last = (began_s, done)

    def advanced(self, now_s: float, done: int) -> tuple[float, int]:
        """Note that ``done`` items are done now; the mark to take the rate from."""
        self._step_count += 1
        elapsed_s, pause_s = now_s - self._began_s, now_s - self._last[0]
        is_pause = pause_s * self._step_count >= elapsed_s * _PAUSE_RATIO
        if is_pause and elapsed_s >= 2 * (self._next[0] - self._began_s):
            self._now, self._next = self._next, self._last
        self._last = (now_s, done)
        return self._now

    def reopened(self, count: int) -> tuple[float, int]:
        """Note that ``count`` items are to be done again: that they were worked on is true all the same."""
        self._now, self._next, self._last = ((at_s, n - count) for at_s, n in (self._now, self._next, self._last))
        return self._now


class Progress:
    """Counts per stage, safe to use from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._stages: dict[str, StageProgress] = {}
        self._marks: dict[str, _Marks] = {}

    def begin(self, stage: str, total: int | None = None, *, done_before: int = 0) -> None:
        """Announce a stage, or a (new) total for one that has begun.

        Args:
            done_before: items of ``total`` that an earlier execution of the run has done.
        """
        with self._lock:
            now = self._stages.get(stage) or self._begun(stage, total, done_before)
            after = replace(now, total=total, finished=False, finished_s=None)
            self._stages[stage] = self._ended(after) if done_before else after

    def advance(self, stage: str, done: int = 1, *, failed: int = 0) -> None:
        """Add ``done`` items to a stage, of which ``failed`` failed; at its total the stage ends by itself."""
        with self._lock:
            now = self._stages.get(stage) or self._begun(stage, None, 0)
            mark = self._marks[stage].advanced(self._clock(), now.done + done)
            self._stages[stage] = self._ended(replace(now, done=now.done + done, failed=now.failed + failed, mark=mark))

    def _begun(self, stage: str, total: int | None, done_before: int) -> StageProgress:
        now_s = self._clock()
        self._marks[stage] = _Marks(now_s, done_before)
        return StageProgress(stage, total, done_before, 0, now_s, False, done_before=done_before)

    def _ended(self, stage: StageProgress) -> StageProgress:
        if stage.total is None or stage.done < stage.total or stage.finished:
            return stage
        return replace(stage, finished=True, finished_s=self._clock())

    def reopen(self, stage: str, failed: int) -> None:
        """Take back ``failed`` items that are tried again, so that no item counts twice.

        A stage without a total counts something else than its items, and one of another process has not counted them.
        """
        with self._lock:
            now = self._stages.get(stage)
            if now is not None and now.total is not None and 0 < failed <= now.failed:
                self._stages[stage] = replace(
                    now,
                    done=now.done - failed,
                    failed=now.failed - failed,
                    finished=False,
                    finished_s=None,
                    mark=self._marks[stage].reopened(failed),
                )

    def finish(self, stage: str) -> None:
        """Mark a stage as ended."""
        with self._lock:
            now = self._stages.get(stage)
            if now is not None and not now.finished:
                self._stages[stage] = replace(now, finished=True, finished_s=self._clock())

    def snapshot(self) -> list[StageProgress]:
        """The stages in the order in which they began."""
        with self._lock:
            return list(self._stages.values())

    def reset(self) -> None:
        """Forget everything: a new run begins."""
        with self._lock:
            self._stages.clear()
            self._marks.clear()


progress = Progress()
"""The progress of the run in this process."""
