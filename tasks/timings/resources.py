"""What a run takes of the machine, kept among its timings: memory over time, CPU time at its end.

Values, told apart by their attribute ``whose``:

* ``resources.memory`` (byte): resident memory of the ``run`` (its process) and of the ``workers`` (the processes that
  measure files, with the programs they started; 0 while there is none), every half second, both of one moment.
* ``resources.cpu`` (s): CPU time of the ``run``, at its end; of the ``workers``, for a batch, told by its step; of the
  ``network`` thread, recorded when it ends, which is part of the run's.

``by_stage`` makes a table of them.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from tasks.core.memory import memory_bytes
from tasks.core.stopwatch import record_value

SAMPLE_EVERY_S = 0.5
"""A sample costs some tens of microseconds."""

PREFIX = "resources."
MEMORY, CPU = f"{PREFIX}memory", f"{PREFIX}cpu"


@contextmanager
def sampling(worker_pids: Callable[[], Iterable[int]]) -> Iterator[None]:
    """Record what this process and its workers take, until the block ends, however it ends.

    Args:
        worker_pids: process ids of the workers that are running; asked for every sample, in a thread of its own.
    """
    ending = threading.Event()

    def work() -> None:
        _record_memory(worker_pids())
        while not ending.wait(SAMPLE_EVERY_S):
            _record_memory(worker_pids())

    thread = threading.Thread(target=work, name="resources", daemon=True)
    began_s = time.process_time()
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()
        record_value(CPU, time.process_time() - began_s, unit="s", whose="run")


def _record_memory(workers: Iterable[int]) -> None:
    at_ns = time.time_ns()
    for whose, taken_bytes in (
        ("run", memory_bytes(os.getpid())),
        ("workers", sum(memory_bytes(pid, with_programs=True) for pid in workers)),
    ):
        record_value(MEMORY, taken_bytes, at_ns=at_ns, unit="byte", whose=whose)
