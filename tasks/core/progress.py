"""How far each stage is: steps report, whoever shows it to a person listens.

Steps run in threads of the flow's process, so one object in the process is enough. Nobody has to listen.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace


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

    def elapsed_s(self, now_s: float) -> float:
        """Seconds the stage has taken until ``now_s`` or its end."""
        return (now_s if self.finished_s is None else self.finished_s) - self.started_s

    def rate_hz(self, now_s: float) -> float | None:
        """Items per second since the stage began; ``None`` before the first one."""
        elapsed_s = self.elapsed_s(now_s)
        return self.done / elapsed_s if self.done and elapsed_s > 0 else None

    def remaining_s(self, now_s: float) -> float | None:
        """Seconds to go at the rate so far; 0 when finished, ``None`` where total or rate is not known."""
        if self.finished:
            return 0.0
        rate_hz = self.rate_hz(now_s)
        if self.total is None or rate_hz is None:
            return None
        return max(0.0, (self.total - self.done) / rate_hz)


class Progress:
    """Counts per stage, safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stages: dict[str, StageProgress] = {}

    def begin(self, stage: str, total: int | None = None) -> None:
        """Announce a stage, or a (new) total for one that has begun."""
        with self._lock:
            now = self._stages.get(stage) or StageProgress(stage, total, 0, 0, time.monotonic(), False)
            self._stages[stage] = replace(now, total=total, finished=False, finished_s=None)

    def advance(self, stage: str, done: int = 1, *, failed: int = 0) -> None:
        """Add ``done`` items to a stage, of which ``failed`` failed; at its total the stage ends by itself."""
        with self._lock:
            now = self._stages.get(stage) or StageProgress(stage, None, 0, 0, time.monotonic(), False)
            after = replace(now, done=now.done + done, failed=now.failed + failed)
            if after.total is not None and after.done >= after.total and not after.finished:
                after = replace(after, finished=True, finished_s=time.monotonic())
            self._stages[stage] = after

    def reopen(self, stage: str, failed: int) -> None:
        """Take back ``failed`` items that are tried again, so that no item counts twice.

        A stage without a total counts something else than its items, and one of another process has not counted them.
        """
        with self._lock:
            now = self._stages.get(stage)
            if now is not None and now.total is not None and 0 < failed <= now.failed:
                self._stages[stage] = replace(
                    now, done=now.done - failed, failed=now.failed - failed, finished=False, finished_s=None
                )

    def finish(self, stage: str) -> None:
        """Mark a stage as ended."""
        with self._lock:
            now = self._stages.get(stage)
            if now is not None and not now.finished:
                self._stages[stage] = replace(now, finished=True, finished_s=time.monotonic())

    def snapshot(self) -> list[StageProgress]:
        """The stages in the order in which they began."""
        with self._lock:
            return list(self._stages.values())

    def reset(self) -> None:
        """Forget everything: a new run begins."""
        with self._lock:
            self._stages.clear()


progress = Progress()
"""The progress of the run in this process."""
