"""What a run takes of the machine, kept among its timings: memory and storage over time, CPU time at its end.

Values, told apart by their attribute ``whose``:

* ``resources.memory`` (byte): resident memory of the ``run`` (its process) and of the ``workers`` (the processes that
  measure files, with the programs they started; 0 while there is none), every half second, both of one moment.
* ``resources.read``, ``resources.written`` (byte): what they have transferred from and to storage since they began
  (:func:`tasks.core.storage.transferred`), of the same moments and at the end; none where the system does not tell. A
  worker that has ended is part of the ``run`` from then on, so the sum of both never shrinks.
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
from tasks.core.storage import transferred

SAMPLE_EVERY_S = 0.5
"""A sample costs some tens of microseconds."""

PREFIX = "resources."
MEMORY, CPU = f"{PREFIX}memory", f"{PREFIX}cpu"
READ, WRITTEN = f"{PREFIX}read", f"{PREFIX}written"


@contextmanager
def sampling(worker_pids: Callable[[], Iterable[int]]) -> Iterator[None]:
    """Record what this process and its workers take, until the block ends, however it ends.

    Args:
        worker_pids: process ids of the workers that are running; asked for every sample, in a thread of its own.
    """
    ending = threading.Event()

    def work() -> None:
        _take_sample(worker_pids())
        while not ending.wait(SAMPLE_EVERY_S):
            _take_sample(worker_pids())

    thread = threading.Thread(target=work, name="resources", daemon=True)
    began_s = time.process_time()
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()
        _record_storage(list(worker_pids()), time.time_ns())
        record_value(CPU, time.process_time() - began_s, unit="s", whose="run")


def _take_sample(workers: Iterable[int]) -> None:
    at_ns, pids = time.time_ns(), list(workers)
    for whose, taken_bytes in (
        ("run", memory_bytes(os.getpid())),
        ("workers", sum(memory_bytes(pid, with_programs=True) for pid in pids)),
    ):
        record_value(MEMORY, taken_bytes, at_ns=at_ns, unit="byte", whose=whose)
    _record_storage(pids, at_ns)


def _record_storage(workers: Iterable[int], at_ns: int) -> None:
    of_run = transferred(os.getpid())
    if of_run is None:
        return
    # After the run: a worker that ends in between is missing from this sample, and not counted twice.
    of_workers = [found for pid in workers if (found := transferred(pid)) is not None]
    for name, run_bytes, workers_bytes in (
        (READ, of_run.read_bytes, sum(one.read_bytes for one in of_workers)),
        (WRITTEN, of_run.written_bytes, sum(one.written_bytes for one in of_workers)),
    ):
        record_value(name, run_bytes, at_ns=at_ns, unit="byte", whose="run")
        record_value(name, workers_bytes, at_ns=at_ns, unit="byte", whose="workers")
