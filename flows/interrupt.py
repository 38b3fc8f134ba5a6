"""End a run in order on Ctrl-C and SIGTERM."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

OF_A_REFRESH = "what was measured, asked and fetched is kept: the next refresh goes on from there"


class Interrupted(BaseException):
    """Ctrl-C or SIGTERM has ended the run: what it has done is on disk, its server and workers are gone.

    What is left of it in this process are threads, which may sleep before another try, and Prefect's services, which
    would wait at exit for a server that has ended. So whoever catches this ends the process with ``os._exit``.

    Attributes:
        status: exit status as shells give it, 130 or 143.
        becomes: what becomes of the work, for people.
    """

    def __init__(self, number: int, *, becomes: str) -> None:
        super().__init__(f"interrupted by {signal.Signals(number).name}")
        self.status = 128 + number
        self.becomes = becomes


def heed_ctrl_c() -> None:
    """Let Ctrl-C end a wait for another thread.

    Polars, when it is imported, takes SIGINT over in a way that lets such a wait go on to its end.
    """
    signal.siginterrupt(signal.SIGINT, True)


@contextmanager
def interrupted_by_signals(*, becomes: str = OF_A_REFRESH) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the block with :class:`Interrupted`; for the main thread.

    Args:
        becomes: what becomes of the work, for people.
    """

    def interrupt(number: int, _frame: object) -> NoReturn:
        raise Interrupted(number, becomes=becomes)

    heed_ctrl_c()
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(signal.SIGINT, becomes=becomes) from None
    finally:
        signal.signal(signal.SIGTERM, before)
