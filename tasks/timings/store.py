"""Keep the records of a run as Parquet while it works, and read them back.

A record costs its caller one append to a queue. A thread turns the queue into a part of the dataset every few seconds::

    timings/run_id=<run>/part-<pid>-<process>-<first>-<last>.parquet

``<process>`` is drawn at random: after a crash the same run may go on under the same pid. ``<first>`` and ``<last>``
number the flushes that a part holds. Small parts are merged into larger ones, all into one at the end; a part whose
numbers lie within those of another one was merged into it by a process that died before it could remove it.
"""

from __future__ import annotations

import logging
import math
import os
import re
import secrets
import signal
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import orjson
import polars as pl

from tasks.core import atomic, stopwatch
from tasks.core.errors import StorageFull, StorageNotWritable
from tasks.core.stopwatch import Record
from tasks.schema.timings import Timings

_log = logging.getLogger(__name__)

_KEPT_RECORDS = 200_000
"""Records held back (about 100 MB) while they cannot be written; beyond that the oldest go."""
_EARLY_FLUSH_RECORDS = 50_000
_FRAME_RECORDS = 5_000
"""Records turned into columns at once. Polars keeps Python's lock meanwhile: more would hold up the run's threads."""
_MERGED_PARTS = 64
_PROCESS_BITS = 21
_SPAN_BITS = 32
"""With the bits of the process a span id has 53: it stays exact where numbers are doubles, as in JavaScript."""

_UNWRITTEN = (StorageFull, StorageNotWritable, OSError, pl.exceptions.PolarsError)
_PART = re.compile(r"part-(?P<pid>\d+)-(?P<process>[0-9a-f]+)-(?P<first>\d+)-(?P<last>\d+)\.parquet")
_COLUMNS = ("host", "bytes", "status", "engine", "unit")


@contextmanager
def recording(folder: Path, run_id: str, flush_every_s: float) -> Iterator[None]:
    """Keep every record of this process under ``folder`` (``<data>/timings``) until the block ends, however it ends.

    An exception leaves a complete dataset. So does SIGTERM where nobody else has asked for it: it then ends the block
    with ``SystemExit(143)``, so that the callers' ``finally`` runs too. ``kill -9`` loses what was recorded in the last
    ``flush_every_s`` seconds. A disk that is full or broken costs a warning and at worst the oldest timings, never
    the run.
    """
    recorder = _Recorder(folder / f"run_id={quote(run_id, safe='')}", run_id, flush_every_s)
    before = stopwatch.listen(recorder.records.append)
    _recorders.append(recorder)
    try:
        with _sigterm_raises():
            recorder.start()
            yield
    finally:
        stopwatch.listen(before)
        _recorders.remove(recorder)
        recorder.close()


def flush() -> None:
    """Write now what the recordings of this process hold, so that it can be read while they go on."""
    for recorder in _recorders:
        recorder.flush()


@contextmanager
def _sigterm_raises() -> Iterator[None]:
    """Let SIGTERM unwind the stack, where that is still the default action and this is the main thread."""
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    ):
        yield
        return

    def leave(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGTERM) is leave:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


class _Recorder:
    """Empties the queue of records into parts; one a recording."""

    def __init__(self, folder: Path, run_id: str, flush_every_s: float) -> None:
        self.records: deque[Record] = deque()
        self._folder = folder
        self._run_id = run_id
        self._flush_every_s = flush_every_s
        self._process = secrets.randbits(_PROCESS_BITS)
        self._unwritten: list[pl.DataFrame] = []
        self._flushes = 0
        self._parts: list[_Part] = []
        self._lost_count = 0
        self._warned = False
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="timings", daemon=True)
        self._flushing = threading.Lock()

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Write what is left; the records of threads that outlive the recording are no longer taken."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join()
        self.flush()
        self._merge(self._parts)
        if self._unwritten or self._lost_count:
            missing = self._lost_count + sum(f.height for f in self._unwritten)
            _log.warning("%d timings of this run could not be written to %s", missing, self._folder)

    def _work(self) -> None:
        due = time.monotonic() + self._flush_every_s
        while not self._ending.wait(min(self._flush_every_s, 1.0)):
            if time.monotonic() >= due or len(self.records) > _EARLY_FLUSH_RECORDS:
                self.flush()
                due = time.monotonic() + self._flush_every_s

    def flush(self) -> None:
        """Write what was recorded so far."""
        with self._flushing:
            self._flush()

    def _flush(self) -> None:
        # Only whoever flushes takes records out, so as many as there are now can be taken while others add more.
        for count in _shares(len(self.records)):
            taken = [self.records.popleft() for _ in range(count)]
            self._unwritten.append(_frame(taken, self._run_id, self._process << _SPAN_BITS))
        if not self._unwritten:
            return
        frame = pl.concat(self._unwritten)
        try:
            part = self._place(self._flushes, self._flushes)
            with atomic.writing(part.path) as temporary:
                frame.write_parquet(temporary, compression="zstd")
        except _UNWRITTEN as exc:
            self._hold_back(frame, exc)
            return
        self._unwritten = []
        self._flushes += 1
        self._parts.append(part)
        small = [p for p in self._parts if p.first == p.last]
        if len(small) >= _MERGED_PARTS:
            self._merge(small)

    def _hold_back(self, frame: pl.DataFrame, reason: Exception) -> None:
        self._unwritten = [frame.tail(_KEPT_RECORDS)]
        self._lost_count += max(0, frame.height - _KEPT_RECORDS)
        if not self._warned:
            self._warned = True
            _log.warning("timings wait for a place to be written: %s", reason)

    def _merge(self, parts: Sequence[_Part]) -> None:
        """Replace ``parts``, which follow each other, by one; a failure leaves them as they are."""
        if len(parts) < 2:
            return
        merged = self._place(parts[0].first, parts[-1].last)
        try:
            with atomic.writing(merged.path) as temporary:
                pl.scan_parquet([p.path for p in parts], glob=False, hive_partitioning=False).sink_parquet(
                    temporary, compression="zstd"
                )
        except _UNWRITTEN as exc:
            _log.debug("parts stay as they are: %s", exc)
            return
        self._parts = [*(p for p in self._parts if p not in parts), merged]
        for part in parts:
            with suppress(OSError):
                part.path.unlink()

    def _place(self, first: int, last: int) -> _Part:
        name = f"part-{os.getpid()}-{self._process:06x}-{first:06d}-{last:06d}.parquet"
        return _Part(self._folder / name, f"{os.getpid()}-{self._process:06x}", first, last)


_recorders: list[_Recorder] = []
"""The recordings that are open in this process; a run has one."""


class _Part(NamedTuple):
    path: Path
    process: str
    first: int
    last: int


def _shares(count: int) -> Iterator[int]:
    for start in range(0, count, _FRAME_RECORDS):
        yield min(_FRAME_RECORDS, count - start)


def _frame(records: Sequence[Record], run_id: str, base: int) -> pl.DataFrame:
    """The rows of ``timings``; every record gives one, whatever its attributes are."""
    attributes = [r.attributes for r in records]
    pid = os.getpid()
    data: dict[str, Iterable[Any]] = {
        "run_id": [_text(run_id)] * len(records),
        "span_id": [base + r.span_id for r in records],
        "parent_id": [None if r.parent_id is None else base + r.parent_id for r in records],
        "name": [_text(r.name) for r in records],
        "kind": [r.kind for r in records],
        "started_at": [r.started_ns // 1000 for r in records],
        "value": [r.value if math.isfinite(r.value) else None for r in records],
        "unit": ["s" if r.kind == "duration" else _text(r.attributes.get("unit")) for r in records],
        "ok": [r.ok for r in records],
        "item": [_text(r.item) for r in records],
        "thread_id": [r.thread_id for r in records],
        "pid": [pid] * len(records),
        "host": [_text(a.get("host")) for a in attributes],
        "bytes": [_integer(a.get("bytes")) for a in attributes],
        "status": [_integer(a.get("status")) for a in attributes],
        "engine": [_text(a.get("engine")) for a in attributes],
        "attributes": [_json(a) for a in attributes],
    }
    dtypes = Timings.dtypes()
    return pl.DataFrame({n: pl.Series(n, data[n], dtype=_plain(dtypes[n])).cast(dtypes[n]) for n in dtypes})


def _plain(dtype: pl.DataType) -> Any:
    return pl.Int64 if isinstance(dtype, pl.Datetime) else dtype


def _text(value: Any) -> str | None:
    """``value`` as text that UTF-8 can hold: names of files may carry lone surrogates for bytes that are no UTF-8."""
    if value is None:
        return None
    text = value if isinstance(value, str) else str(value)
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _integer(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and -(2**63) <= value < 2**63 else None


def _json(attributes: dict[str, Any]) -> str | None:
    """The attributes that have no column of their own."""
    rest = {_text(k): _json_value(v) for k, v in attributes.items() if k not in _COLUMNS}
    return orjson.dumps(rest).decode() if rest else None


def _json_value(value: Any) -> Any:
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and -(2**63) <= value < 2**63):
        return value
    return _text(value)


def runs(folder: Path) -> list[str]:
    """Ids of the runs that have timings under ``folder`` (``<data>/timings``), the one written last first."""
    written: dict[str, float] = {}
    for run_folder in folder.glob("run_id=*"):
        times = []
        for part in _parts(run_folder):
            with suppress(OSError):  # merged away while we look
                times.append(part.path.stat().st_mtime)
        if times:
            written[unquote(run_folder.name.partition("=")[2])] = max(times)
    return sorted(written, key=lambda run_id: (-written[run_id], run_id))


def read_timings(folder: Path, run_id: str | None = None) -> pl.DataFrame:
    """The timings of a run (the newest by default) from ``folder`` (``<data>/timings``), in the order of their start.

    A part that cannot be read is left out with a warning. Without such a run the frame is empty.
    """
    if run_id is None:
        run_id = next(iter(runs(folder)), "")
    run_folder = folder / f"run_id={quote(run_id, safe='')}"
    dtypes = Timings.dtypes()
    frames = [Timings.frame()]
    for part in _parts(run_folder):
        try:
            frame = pl.read_parquet(part.path, glob=False, hive_partitioning=False)
        except (OSError, pl.exceptions.PolarsError) as exc:
            _log.warning("%s cannot be read and is left out: %s", part.path, str(exc).partition("\n")[0])
            continue
        frames.append(frame.select(n for n in dtypes if n in frame.columns))
    return pl.concat(frames, how="diagonal").sort("started_at", "span_id")


def scan_timings(folder: Path, run_id: str) -> pl.LazyFrame | None:
    """The timings of a run, to be read as far as they are asked for; ``None`` where there are none yet."""
    parts = _parts(folder / f"run_id={quote(run_id, safe='')}")
    return pl.scan_parquet([p.path for p in parts], glob=False, hive_partitioning=False) if parts else None


def _parts(run_folder: Path) -> list[_Part]:
    """The parts that count, each record once."""
    found = []
    for path in run_folder.glob("part-*.parquet"):
        match = _PART.fullmatch(path.name)
        if match:
            process = f"{match['pid']}-{match['process']}"
            found.append(_Part(path, process, int(match["first"]), int(match["last"])))
    found.sort(key=lambda p: (p.process, p.first, -p.last))
    kept: list[_Part] = []
    for part in found:
        if not (kept and kept[-1].process == part.process and part.last <= kept[-1].last):
            kept.append(part)
    return kept
