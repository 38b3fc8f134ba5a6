"""Worker processes that measure files: each with a deadline a file, each replaced when it dies.

A library that reads hostile files may crash or hang, also in a way that no time-out inside the process can end. So
files are read in processes of their own: a file that takes longer than its deadline costs its worker, and only this
file is marked. Every worker has a connection of its own and nothing is shared between workers, so that the death of
one, at any moment, cannot disturb another. (Pools at hand share locks and a pipe: kill an idle worker of pebble 5.2,
and its pool is dead.)
"""

from __future__ import annotations

import atexit
import json
import os
import queue
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
from tasks.probe.facts import Facts, Failure

ENGINE = "tasks.probe.pyav_engine"

START_S = 120.0
"""Seconds a worker may take to start; a cold disk on a busy machine needs several."""

_BOOT = "import sys; sys.path[:] = {path!r}; from tasks.probe.worker import serve; serve({descriptor}, {engine!r})"


class _Died(Exception):
    """The worker ended without an answer."""


class _Overdue(Exception):
    """The worker gave no answer in time."""


class _Worker:
    """One process and the connection to it."""

    def __init__(self, engine: str) -> None:
        ours, theirs = socketpair()
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _BOOT.format(path=sys.path, descriptor=theirs.fileno(), engine=engine)],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        # A stopped process does not empty its socket: a request must not wait for it without end.
        ours.setsockopt(SOL_SOCKET, SO_SNDTIMEO, struct.pack("ll", int(START_S), 0))
        self._connection = Connection(ours.detach())

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
        """The next message.

        Raises:
            _Died: the process ended.
            _Overdue: nothing came in time.
        """
        try:
            if not self._connection.poll(timeout_s):
                raise _Overdue
            return self._connection.recv_bytes()
        except (EOFError, OSError) as exc:
            raise _Died from exc

    def end(self, *, wait_s: float) -> int | None:
        """End the process and return its exit code.

        ``None`` if even a kill does not end it now: it hangs in the kernel, on a dead network mount, and will be gone
        when the kernel gives it up.
        """
        self._connection.close()
        try:
            return self.process.wait(wait_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
        try:
            return self.process.wait(2)
        except subprocess.TimeoutExpired:
            return None


@dataclass
class _Chunk:
    """Files that go to one worker together."""

    first: int
    paths: Sequence[bytes]
    deadline_s: float
    options: dict[str, Any]
    answers: queue.SimpleQueue[tuple[int, Facts] | BaseException]
    cancelled: threading.Event = field(default_factory=threading.Event)


class Pool:
    """Up to ``workers`` processes, started when there is work for them; safe to use from several threads.

    Args:
        engine: module with the function ``measure(path, **options)`` that runs in the workers.
    """

    def __init__(self, workers: int, engine: str = ENGINE) -> None:
        self._workers = workers
        self._engine = engine
        self._chunks: queue.SimpleQueue[_Chunk | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._alive: set[_Worker] = set()
        self._closed = False

    def measure(
        self, paths: Sequence[bytes], *, deadline_s: float, chunk_size: int, **options: Any
    ) -> Iterator[tuple[int, Facts]]:
        """Measure ``paths`` and give ``(index, facts)`` of each as they come, in no certain order.

        A file that killed its worker twice has the failure ``crashed``, one that took longer than ``deadline_s`` has
        ``timed_out``; such facts hold nothing else.

        Raises:
            ProbeEngineBroken: no worker can be started.
        """
        size = max(1, min(chunk_size, -(-len(paths) // self._workers)))
        answers: queue.SimpleQueue[tuple[int, Facts] | BaseException] = queue.SimpleQueue()
        cancelled = threading.Event()
        chunks = iter(
            [
                _Chunk(first, paths[first : first + size], deadline_s, options, answers, cancelled)
                for first in range(0, len(paths), size)
            ]
        )
        # Few chunks under way keep the answers that wait here few, and let batches of the same time take turns.
        outstanding = 0
        try:
            answered = 0
            while answered < len(paths):
                while outstanding <= (2 * self._workers - 1) * size and (chunk := next(chunks, None)):
                    outstanding += len(chunk.paths)
                    self._submit(chunk)
                answer = answers.get()
                if isinstance(answer, BaseException):
                    raise answer
                answered += 1
                outstanding -= 1
                yield answer
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
            threads, workers = list(self._threads), list(self._alive)
        for _ in threads:
            self._chunks.put(None)
        for worker in workers:
            worker.process.kill()
        for thread in threads:
            thread.join(10)

    def _submit(self, chunk: _Chunk) -> None:
        with self._lock:
            if self._closed:
                raise ProbeEngineBroken("the probe's worker processes were ended while a batch was being measured")
            self._chunks.put(chunk)
            if len(self._threads) < self._workers:
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
                lane.end(wait_s=0)
                chunk.answers.put(exc)
        lane.end(wait_s=2)

    def _start(self) -> _Worker:
        try:
            worker = _Worker(self._engine)
        except OSError as exc:
            raise ProbeEngineBroken(f"no worker process can be started: {exc}") from exc
        with self._lock:
            closed = self._closed
            self._alive.add(worker)
        try:
            if closed:
                raise _Died
            worker.receive(START_S)
        except (_Died, _Overdue) as exc:
            code = self._end(worker, wait_s=1)
            raise ProbeEngineBroken(
                f"the probe's worker process does not start ({_ended(code)}); "
                f"try: {sys.executable} -c 'import {self._engine}'"
            ) from exc
        return worker

    def _end(self, worker: _Worker, *, wait_s: float) -> int | None:
        with self._lock:
            self._alive.discard(worker)
        return worker.end(wait_s=wait_s)


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
            share = chunk.paths[done : done + 1] if crashed_at == done else chunk.paths[done:]
            worker = self._worker = self._worker or self._pool._start()
            try:
                worker.send(
                    {
                        "paths": [os.fsdecode(path) for path in share],
                        "deadline_s": chunk.deadline_s,
                        "options": chunk.options,
                    }
                )
                for _ in share:
                    facts = cast(Facts, json.loads(worker.receive(chunk.deadline_s)))
                    chunk.answers.put((chunk.first + done, facts))
                    done += 1
            except _Overdue:
                self.end(wait_s=0)
                reason = f"no answer within {chunk.deadline_s:g} s"
                chunk.answers.put((chunk.first + done, _failed("timed_out", reason, chunk.deadline_s)))
                done += 1
            except (_Died, ValueError):  # a worker that answers no JSON is as good as dead
                code = self.end(wait_s=1)
                if self._pool._closed:
                    raise ProbeEngineBroken("the probe's worker processes were ended while they measured") from None
                if crashed_at == done:
                    chunk.answers.put((chunk.first + done, _failed("crashed", f"the engine died: {_ended(code)}", 0.0)))
                    done += 1
                else:
                    crashed_at = done

    def end(self, *, wait_s: float) -> int | None:
        """End the worker, if there is one, and return its exit code."""
        worker, self._worker = self._worker, None
        return self._pool._end(worker, wait_s=wait_s) if worker else None


def _failed(cause: Any, reason: str, wall_s: float) -> Facts:
    return Facts(
        failure=Failure(cause=cause, reason=reason), wall_s=wall_s, started_ns=time.time_ns() - int(wall_s * 1e9)
    )


def _ended(code: int | None) -> str:
    if code is None:
        return "it cannot be ended"
    return f"it was ended by signal {-code}" if code < 0 else f"it ended with exit code {code}"


_pools: dict[int, Pool] = {}
_pools_lock = threading.Lock()


def shared_pool(workers: int) -> Pool:
    """The pool of this process with that many workers; made when it is first asked for."""
    with _pools_lock:
        return _pools.setdefault(workers, Pool(workers))


def close_pool() -> None:
    """End all worker processes of this process; the next batch starts new ones."""
    with _pools_lock:
        pools = list(_pools.values())
        _pools.clear()
    for pool in pools:
        pool.close()


atexit.register(close_pool)
