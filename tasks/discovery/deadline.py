"""Ask the disk without waiting for ever.

A call to a mount whose server is gone does not return, and nothing can end it. So it is made in a thread of its own; if
it does not answer in time the thread is left behind (a daemon: it does not keep the process alive).
"""

from __future__ import annotations

import errno
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


def no_answer(deadline_s: float) -> OSError:
    """The error of a call that was given up: ``TimeoutError``."""
    return OSError(errno.ETIMEDOUT, f"did not answer within {deadline_s:g} s")


class Answer(Generic[T]):
    """What a call will return, or raise."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._box: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()
        self._call = call
        threading.Thread(target=self._ask, name="asks-disk", daemon=True).start()

    def _ask(self) -> None:
        try:
            self._box.put((self._call(), None))
        except BaseException as exc:
            self._box.put((None, exc))

    def within(self, wait_s: float, *, deadline_s: float) -> T:
        """The answer, waited for ``wait_s`` seconds, the rest of ``deadline_s``; to be called once.

        Raises:
            TimeoutError: there is none in time; ``strerror`` says so.
            Exception: what the call raised.
        """
        try:
            value, error = self._box.get(timeout=max(wait_s, 0))
        except queue.Empty:
            raise no_answer(deadline_s) from None
        if error is not None:
            raise error
        return value  # type: ignore[return-value]  # with no error it is what the call returned


def asked(call: Callable[[], T], *, deadline_s: float) -> T:
    """What ``call`` returns.

    Raises:
        TimeoutError: it has not returned within ``deadline_s`` seconds; it may still do so, unheard.
        Exception: what the call raised.
    """
    return Answer(call).within(deadline_s, deadline_s=deadline_s)


def all_asked(calls: Sequence[Callable[[], T]], *, deadline_s: float) -> list[T | Exception]:
    """What ``calls`` return or raise, made at the same time, in their order; ``TimeoutError`` for those without answer.

    Ten dead mounts together take as long as one.
    """
    until_s = time.monotonic() + deadline_s
    answers = [Answer(call) for call in calls]
    found: list[T | Exception] = []
    for answer in answers:
        try:
            found.append(answer.within(until_s - time.monotonic(), deadline_s=deadline_s))
        except Exception as exc:
            found.append(exc)
    return found
