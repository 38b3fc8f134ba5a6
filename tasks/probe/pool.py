"""Worker processes that measure files: each with a deadline a file, each replaced when it dies.

A library that reads hostile files may crash or hang, also in a way that no time-out inside the process can end. So
files are read in processes of their own: a file that takes longer than its deadline costs its worker, and only this
file is marked. A worker and the programs it starts are one process group, and are ended together. Every worker has a
connection of its own and nothing is shared between workers, so that the death of one, at any moment, cannot disturb
another. (Pools at hand share locks and a pipe: kill an idle worker of pebble 5.2, and its pool is dead.)
"""

from __future__ import annotations

import atexit
import contextlib
import json
import math
import os
import queue
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from socket import SO_SNDTIMEO, SOL_SOCKET, socketpair
from typing import Any, cast

from tasks.core.errors import ProbeEngineBroken
from tasks.core.stopwatch import record_value, span
from tasks.probe.facts import Facts, Failure
from tasks.probe.worker import CPU, RETIRES

ENGINE = "tasks.probe.pyav_engine"

MEMORY_BYTES = 2 * 1024**3
"""Address space of a worker where nobody says another."""

START_S = 120.0
"""Seconds a worker may take to start; a cold disk on a busy machine needs several."""

START_ATTEMPTS = 3
"""Starts of a worker, where a signal ended the one before: the system may kill it for want of memory."""

_BOOT = (
    "import sys; sys.path[:] = {path!r}; from tasks.probe.worker import serve;"
    "serve({descriptor}, {engine!r}, {memory_bytes})"
)


class _Died(Exception):
    """The worker ended without an answer."""


class _Overdue(Exception):
    """The worker gave no answer in time."""


class _Worker:
    """One process, in a group of its own with whatever it starts, and the connection to it."""

    def __init__(self, engine: str, memory_bytes: int) -> None:
        ours, theirs = socketpair()
        boot = _BOOT.format(path=sys.path, descriptor=theirs.fileno(), engine=engine, memory_bytes=memory_bytes)
        try:
            # No session of its own: the kernel then wakes and hangs up a stopped group whose parent has gone.
            self.process = subprocess.Popen(
                [sys.executable, "-c", boot], stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], process_group=0
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        # A stopped process does not empty its socket: a request must not wait for it without end.
        ours.setsockopt(SOL_SOCKET, SO_SNDTIMEO, struct.pack("ll", int(START_S), 0))
        self._connection = Connection(ours.detach())
        self._poll = select.poll()  # made once: Connection.poll makes a new one for every answer
        self._poll.register(self._connection.fileno(), select.POLLIN)

    def send(self, request: dict[str, Any]) -> None:
        """Hand over a request.

        Raises:
            _Died: there is no worker any more.
        """
        try:
            self._connection.send_bytes(json.dumps(request).encode())
        except OSError as exc:
            raise _Died from exc

    def receive(self, timeout_s: float) -> bytes:
        """The next message; an empty one says that the process gets on, and gives it ``timeout_s`` anew.

        Raises:
            _Died: the process ended.
            _Overdue: nothing came in time.
        """
        message = b""
        try:
            while not message:
                # Asked twice: a parent that was stopped (Ctrl-Z) wakes after the deadline, with the answer lying there.
                if not self._poll.poll(math.ceil(timeout_s * 1000)) and not self._poll.poll(0):
                    raise _Overdue
                message = self._connection.recv_bytes()
        except (EOFError, OSError) as exc:
            raise _Died from exc
        return message

    def kill(self) -> None:
        """Kill the process and all it has started; not to be called after :meth:`end`.

        Its number is that of the group, and stays taken, also when it is dead, until ``end`` has waited for it.
        """
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: not permitted if all of it is dead
            os.killpg(self.process.pid, signal.SIGKILL)

    def end(self, *, wait_s: float = 0) -> int | None:
        """End the process, and all it has started, and return its exit code; it has ``wait_s`` to end by itself.

        ``None`` if even a kill does not end it now: it hangs in the kernel, on a dead network mount, and will be gone
        when the kernel gives it up.
        """
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                if wait_s:
                    return self.process.wait(wait_s)
            self.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self.process.wait(2)
            return None
        finally:
            self._connection.close()


@dataclass
class _Chunk:
    """Files that go to one worker together."""

    first: int
    paths: Sequence[bytes]
    deadlines_s: Sequence[float]
    options: dict[str, Any]
    answers: queue.SimpleQueue[tuple[int, Facts] | BaseException]
    cancelled: threading.Event = field(default_factory=threading.Event)
    cpu_s: float = 0.0
    """CPU time of the workers for the files that are answered."""


class Pool:
    """Up to ``workers`` processes, started when there is work for them; safe to use from several threads.

    Args:
        engine: module with the function ``measure(path, **options)`` that runs in the workers (see ``worker.serve``).
        memory_bytes: address space of a worker; a file that asks for more gets no more.
    """

    def __init__(self, workers: int, engine: str = ENGINE, memory_bytes: int = MEMORY_BYTES) -> None:
        self._workers = workers
        self._engine = engine
        self._memory_bytes = memory_bytes
        self._chunks: queue.SimpleQueue[_Chunk | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._alive: set[_Worker] = set()
        self._unfinished = 0
        """Chunks that were handed over and are not worked off."""
        self._closed = False
        self.peak_memory_bytes = 0
        """Largest resident memory that a worker has had, with that of the programs it started."""

    def measure(
        self,
        paths: Sequence[bytes],
        *,
        deadline_s: float | Sequence[float],
        chunk_size: int,
        most_at_once: int | None = None,
        **options: Any,
    ) -> Iterator[tuple[int, Facts]]:
        """Measure ``paths`` and give ``(index, facts)`` of each as they come, in no certain order.

        A file that killed its worker twice has the failure ``crashed``, one that took longer than its deadline has
        ``timed_out``; such facts hold nothing else. When all are answered, the CPU time of the workers is
        recorded (``resources.cpu``), without that of files which gave no answer.

        Args:
            deadline_s: seconds a file may take, or may stand still if the engine tells that it gets on: one number for
                all files, or one for each.
            most_at_once: files of this call that are worked on at the same time, if fewer than there are workers.

        Raises:
            ProbeEngineBroken: no worker can be started.
        """
        deadlines_s = [deadline_s] * len(paths) if isinstance(deadline_s, int | float) else deadline_s
        workers = min(self._workers, most_at_once or self._workers)
        size = max(1, min(chunk_size, -(-len(paths) // workers)))
        # Few chunks under way keep the answers that wait here few, and let batches of the same time take turns.
        most_outstanding = workers * size if most_at_once else 2 * workers * size
        answers: queue.SimpleQueue[tuple[int, Facts] | BaseException] = queue.SimpleQueue()
        cancelled = threading.Event()
        chunks = [
            _Chunk(first, paths[first : first + size], deadlines_s[first : first + size], options, answers, cancelled)
            for first in range(0, len(paths), size)
        ]
        waiting = iter(chunks)
        outstanding = 0
        try:
            answered = 0
            while answered < len(paths):
                while outstanding + size <= most_outstanding and (chunk := next(waiting, None)):
                    outstanding += len(chunk.paths)
                    self._submit(chunk)
                answer = answers.get()
                if isinstance(answer, BaseException):
                    raise answer
                answered += 1
                outstanding -= 1
                yield answer
            if chunks:
                record_value("resources.cpu", sum(chunk.cpu_s for chunk in chunks), unit="s", whose="workers")
        finally:
            cancelled.set()

    def pids(self) -> list[int]:
        """Process ids of the workers that are running."""
        with self._lock:
            return [worker.process.pid for worker in self._alive]

    def close(self) -> None:
        """End all workers; files they are measuring get no answer."""
        with self._lock:
            self._closed = True
            threads = list(self._threads)
            for worker in self._alive:  # within the lock: none of them is waited for, so the numbers are still theirs
                worker.kill()
        for _ in threads:
            self._chunks.put(None)
        for thread in threads:
            thread.join(10)

    def _submit(self, chunk: _Chunk) -> None:
        with self._lock:
            if self._closed:
                raise ProbeEngineBroken("the probe's worker processes were ended while a batch was being measured")
            self._chunks.put(chunk)
            self._unfinished += 1
            if len(self._threads) < min(self._workers, self._unfinished):
                thread = threading.Thread(target=self._drive, name="probe-worker", daemon=True)
                self._threads.append(thread)
                thread.start()

    def _drive(self) -> None:
        """Give chunks to one worker after the other until the pool is closed."""
        lane = _Lane(self)
        while (chunk := self._chunks.get()) is not None:
            try:
                lane.work_off(chunk)
            except BaseException as exc:
                lane.end()
                chunk.answers.put(exc)
            with self._lock:
                self._unfinished -= 1
        lane.end()

    def _start(self) -> _Worker:
        for left in reversed(range(START_ATTEMPTS)):
            try:
                worker = _Worker(self._engine, self._memory_bytes)
            except OSError as exc:
                raise ProbeEngineBroken(f"no worker process can be started: {exc}") from exc
            with self._lock:
                closed = self._closed
                self._alive.add(worker)
            try:
                if closed:
                    raise _Died
                worker.receive(START_S)
                return worker
            except (_Died, _Overdue) as exc:
                code = self._end(worker, wait_s=0 if closed else 1)  # who ends by itself has an exit code
                is_killed = isinstance(exc, _Died) and code is not None and code < 0
                if self._closed or not (is_killed and left):
                    raise ProbeEngineBroken(
                        f"the probe's worker process does not start ({_ended(code)}); "
                        f"try: {sys.executable} -c 'import {self._engine}'"
                    ) from exc
        raise AssertionError("unreachable")

    def _end(self, worker: _Worker, *, wait_s: float = 0) -> int | None:
        with self._lock:
            self._alive.discard(worker)
        return worker.end(wait_s=wait_s)

    def _note_memory(self, facts: Facts) -> None:
        with self._lock:
            self.peak_memory_bytes = max(self.peak_memory_bytes, facts.get("peak_memory_bytes", 0))


class _Lane:
    """One thread's worker: the one it has now, replaced when it dies."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._worker: _Worker | None = None

    def work_off(self, chunk: _Chunk) -> None:
        """Answer every file of ``chunk``.

        Raises:
            ProbeEngineBroken: no worker can be started, or the pool is closed.
        """
        done = 0
        crashed_at = None
        while done < len(chunk.paths) and not chunk.cancelled.is_set():
            # A file that killed a worker once is tried alone: the kill may have come from outside (no memory left).
            share = slice(done, done + 1 if crashed_at == done else None)
            files = [(os.fsdecode(path), chunk.deadlines_s[done + n]) for n, path in enumerate(chunk.paths[share])]
            worker = self._worker = self._worker or self._pool._start()
            try:
                worker.send({"files": files, "options": chunk.options})
                for _, deadline_s in files:
                    answer = json.loads(worker.receive(deadline_s))
                    retires = answer.pop(RETIRES, False)
                    chunk.cpu_s += answer.pop(CPU, 0.0)
                    facts = cast(Facts, answer)
                    self._pool._note_memory(facts)
                    chunk.answers.put((chunk.first + done, facts))
                    done += 1
                    if retires:
                        self.end()
                        break
            except _Overdue:
                self.end()
                deadline_s = chunk.deadlines_s[done]
                reason = f"no answer within {deadline_s:g} s"
                chunk.answers.put((chunk.first + done, _failed("timed_out", reason, deadline_s)))
                done += 1
            except (_Died, ValueError):  # a worker that answers no JSON is as good as dead
                code = self.end()
                if self._pool._closed:
                    raise ProbeEngineBroken("the probe's worker processes were ended while they measured") from None
                if crashed_at == done:
                    chunk.answers.put((chunk.first + done, _failed("crashed", f"the engine died: {_ended(code)}", 0.0)))
                    done += 1
                else:
                    crashed_at = done

    def end(self) -> int | None:
        """End the worker, if there is one, and return its exit code."""
        worker, self._worker = self._worker, None
        return self._pool._end(worker) if worker else None


def _failed(cause: Any, reason: str, wall_s: float) -> Facts:
    return Facts(
        failure=Failure(cause=cause, reason=reason), wall_s=wall_s, started_ns=time.time_ns() - int(wall_s * 1e9)
    )


def _ended(code: int | None) -> str:
    if code is None:
        return "it cannot be ended"
    return f"it was ended by signal {-code}" if code < 0 else f"it ended with exit code {code}"


_pools: dict[tuple[int, str, int], Pool] = {}
_pools_lock = threading.Lock()


def shared_pool(workers: int, engine: str, memory_bytes: int = MEMORY_BYTES) -> Pool:
    """The pool of this process with that many workers of that engine; made when it is first asked for."""
    with _pools_lock:
        key = (workers, engine, memory_bytes)
        if key not in _pools:
            _pools[key] = Pool(*key)
        return _pools[key]


def peak_worker_memory_bytes() -> int | None:
    """Largest resident memory that a worker of a shared pool has had, with the programs it started.

    ``None`` if none has measured a file since :func:`close_pool` was last called.
    """
    with _pools_lock:
        return max((pool.peak_memory_bytes for pool in _pools.values()), default=0) or None


def worker_pids() -> list[int]:
    """Process ids of the workers of all shared pools that are running."""
    with _pools_lock:
        pools = list(_pools.values())
    return [pid for pool in pools for pid in pool.pids()]


def close_pool() -> None:
    """End all worker processes of this process; the next batch starts new ones."""
    with _pools_lock:
        pools = list(_pools.values())
        _pools.clear()
    with span("probe.close"):
        for pool in pools:
            pool.close()


atexit.register(close_pool)
