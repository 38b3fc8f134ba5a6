"""A clock that moves only while everybody sleeps: what is said of the pace is true on a machine of any load."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import nullcontext
from itertools import count
from typing import Any


class Clock:
    """Stands for ``time`` and ``asyncio`` in a pacer: whoever sleeps wakes when all before have woken."""

    Lock = nullcontext
    """Whoever holds one does not sleep, so nobody else comes to it."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.late_s: Callable[[], float] = float
        """How much later than asked somebody wakes: the machine is busy otherwise."""

    def monotonic(self) -> float:
        return self.now_s

    class Sleep:
        def __init__(self, until_s: float) -> None:
            self.until_s = until_s

        def __await__(self) -> Generator[float, None, None]:
            yield self.until_s

    def sleep(self, seconds: float) -> Sleep:
        return self.Sleep(self.now_s + seconds + self.late_s())

    async def to_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)

    def run(self, *work: Coroutine[Any, Any, None]) -> None:
        order = count()
        waiting = [(self.now_s, next(order), one) for one in work]
        while waiting:
            at_s, _, one = heapq.heappop(waiting)
            self.now_s = max(self.now_s, at_s)
            try:
                heapq.heappush(waiting, (one.send(None), next(order), one))
            except StopIteration:
                continue


def most_within(sent_s: Sequence[float], length_s: float) -> int:
    """Most requests within any time of this length."""
    return max(sum(start <= moment < start + length_s - 1e-9 for moment in sent_s) for start in sent_s)
