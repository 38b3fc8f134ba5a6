"""One rate for several processes, also on several machines: they take slots from a small file that all of them see.

A process leases as many slots as it needs, at most those of one second, and spaces its requests by itself until they
are used up: under load the file is opened a few times a second, whatever the number of requests. Leases follow each
other without overlap, so the sum of all processes keeps to the rate. One that is killed takes the rest of its lease
along, nothing else.

All times in the file are those of the storage: it is asked for its clock (by touching the file) each time, and the
process translates to its own. So the clocks of the machines may differ. Where a storage takes the time from the client
instead (SMB does), a machine that is ahead by some seconds sends so many seconds' worth of requests too many, once:
``next_s`` only ever grows, by one gap for each slot.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tasks.core.errors import StorageNotWritable
from tasks.http.pacer import FIRST_PAUSE_S, LONGEST_PAUSE_S

LONGEST_LEASE_S = 1.0
LOOK_EVERY_S = 0.5
"""Another process's pause is seen after so many seconds at the latest, by whoever sends then."""
LATE_S = 0.1
"""A slot may be used so much later, by a process that had no CPU when it came; a second holds a tenth more at most."""
LONGEST_AHEAD_S = 600.0
"""Slots further ahead than any pause and any queue come from a clock that was set back; they are forgotten."""

_FORM = struct.Struct("<dddd")


@dataclass(frozen=True)
class Pace:
    """What the file says; seconds by the clock of the storage."""

    next_s: float = 0.0
    """The first moment that nobody has leased."""
    paused_until_s: float = 0.0
    paused_at_s: float = 0.0
    pauses_in_a_row: float = 0.0


@dataclass
class _Lease:
    """Slots of this process, by its own ``time.monotonic()``."""

    first_s: float = 0.0
    count: int = 0
    index: int = 0
    """The first slot that is not yet given away or past."""
    used: int = 0

    def slot(self, gap_s: float) -> float | None:
        """The next slot that is not too long over; ``None`` when none is left."""
        self.index = max(self.index, int((time.monotonic() - LATE_S - self.first_s) / gap_s))
        if self.index >= self.count:
            return None
        self.index += 1
        self.used += 1
        return self.first_s + (self.index - 1) * gap_s


class SharedPacer:
    """The same as :class:`tasks.http.pacer.Pacer`, for all processes that name the same file.

    Raises:
        StorageNotWritable: from every method, where the file cannot be opened or locked.
    """

    def __init__(self, rate_hz: float, path: Path) -> None:
        self._gap_s = 1.0 / rate_hz
        self._most = max(1, int(rate_hz * LONGEST_LEASE_S))
        self._path = path
        self._lock = threading.Lock()
        self._leasing = asyncio.Lock()
        self._lease = _Lease()
        self._waiting = 0
        self._paused_until_s = 0.0
        self._pauses_in_a_row = 0.0
        self._looked_at_s = 0.0

    async def turn(self) -> None:
        """Wait for a slot; a pause that begins meanwhile, also in another process, is waited for too."""
        self._waiting += 1
        try:
            while True:
                async with self._leasing:
                    while (slot_s := self._lease.slot(self._gap_s)) is None:
                        await asyncio.to_thread(self._take_lease)
                wait_s = slot_s - time.monotonic()
                if wait_s > 0:
                    await asyncio.sleep(wait_s)
                if time.monotonic() - self._looked_at_s > LOOK_EVERY_S:
                    await asyncio.to_thread(self._change, lambda _, pace: pace)
                if slot_s >= self._paused_until_s:
                    return
        finally:
            self._waiting -= 1

    def pause(self, seconds: float | None, *, sent_at_s: float) -> float:
        """Let no process send for ``seconds``; otherwise as :meth:`tasks.http.pacer.Pacer.pause`."""
        now_s = time.monotonic()

        def paused(storage_s: float, pace: Pace) -> Pace:
            length_s = seconds or 0.0
            if storage_s - (now_s - sent_at_s) >= pace.paused_at_s:
                if seconds is None:
                    length_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**pace.pauses_in_a_row)
                row = min(pace.pauses_in_a_row + 1, 16)
                pace = replace(pace, pauses_in_a_row=row, paused_at_s=storage_s)
            until_s = max(pace.paused_until_s, storage_s + length_s)
            return replace(pace, paused_until_s=until_s, next_s=max(pace.next_s, until_s))

        self._change(paused)
        return max(0.0, self._paused_until_s - now_s)

    def accepted(self) -> None:
        """The host took a request: the next refusal begins with a short pause again, for all."""
        if self._pauses_in_a_row:
            self._change(lambda _, pace: replace(pace, pauses_in_a_row=0.0))

    def _take_lease(self) -> None:
        """Lease as many slots as wait for one, or a few more than were of use the last time."""
        last = self._lease
        count = min(self._most, max(self._waiting, last.used + (last.used // 4 + 1 if last.used == last.count else 0)))
        first_s = 0.0

        def leased(storage_s: float, pace: Pace) -> Pace:
            nonlocal first_s
            first_s = max(storage_s, pace.next_s, pace.paused_until_s)
            return replace(pace, next_s=first_s + count * self._gap_s)

        ours_s = self._change(leased)
        self._lease = _Lease(first_s + ours_s, count)

    def _change(self, decide: Callable[[float, Pace], Pace]) -> float:
        """Let ``decide`` change the pace, given the storage's time; gives what to add for our ``time.monotonic()``."""
        try:
            with self._lock:
                storage_s, pace = self._exchange(decide)
        except OSError as exc:
            raise StorageNotWritable(
                f"the shared pace {self._path} cannot be read, written or locked: {exc.strerror}; "
                "scrape.pace_folder must lie on storage that has locks, and this user must be allowed to write there"
            ) from exc
        now_s = time.monotonic()
        self._looked_at_s = now_s
        self._paused_until_s = pace.paused_until_s + now_s - storage_s
        self._pauses_in_a_row = pace.pauses_in_a_row
        return now_s - storage_s

    def _exchange(self, decide: Callable[[float, Pace], Pace]) -> tuple[float, Pace]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # on NFS the server's own lock; gone with whoever holds it
            os.utime(descriptor)
            storage_s = os.fstat(descriptor).st_mtime_ns / 1e9
            content = os.pread(descriptor, _FORM.size, 0)
            before = Pace(*_FORM.unpack(content)) if len(content) == _FORM.size else Pace()
            if before.next_s > storage_s + LONGEST_AHEAD_S:
                before = Pace()
            after = decide(storage_s, before)
            if after != before:
                os.pwrite(
                    descriptor,
                    _FORM.pack(after.next_s, after.paused_until_s, after.paused_at_s, after.pauses_in_a_row),
                    0,
                )
            return storage_s, after
        finally:
            os.close(descriptor)
