"""Show how far a run is while it works: live bars, plain lines, or JSON lines for machines.

Progress goes to stderr, because stdout is for results; only the JSON lines, which are a result for the machine that
asked for them, go to stdout.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TextIO

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tasks.core.progress import Progress, StageProgress, progress
from tasks.core.units import human_duration, printable

Mode = Literal["bars", "lines", "json", "quiet"]

_REFRESH_HZ = 4
_LINE_EVERY_S = 5.0
_JSON_EVERY_S = 1.0
_NARROW_COLUMNS = 76


def pick_mode(*, json: bool, quiet: bool, isatty: bool) -> Mode:
    """How progress is shown: not at all if ``quiet``, as bars only where a person's terminal (stderr) can move them.

    >>> pick_mode(json=False, quiet=False, isatty=True), pick_mode(json=True, quiet=True, isatty=True)
    ('bars', 'quiet')
    """
    if quiet:
        return "quiet"
    if json:
        return "json"
    return "bars" if isatty else "lines"


@contextmanager
def showing(mode: Mode, *, source: Progress = progress) -> Iterator[None]:
    """Show ``source`` until the block ends; its last state is shown also when the block raises.

    A terminal that cannot move its cursor (``TERM=dumb``) gets lines for bars. A reader that goes away (a closed pipe)
    ends the showing, not the run.
    """
    if mode == "quiet":
        yield
        return
    if mode == "bars":
        console = Console(stderr=True)
        if console.is_terminal and not console.is_dumb_terminal:
            with _bars(console, source):
                yield
            return
    writer = _Writer(source, sys.stdout, _JSON_EVERY_S, as_json=True) if mode == "json" else _Writer(source, sys.stderr)
    with writer.running():
        yield


@contextmanager
def _bars(console: Console, source: Progress) -> Iterator[None]:
    with Live(
        console=console,
        get_renderable=lambda: board(source.snapshot(), time.monotonic(), width=console.width),
        refresh_per_second=_REFRESH_HZ,
        redirect_stdout=sys.stdout.isatty(),  # what goes to a file or pipe is a result and must stay what it is
    ):
        yield


def board(stages: Sequence[StageProgress], now_s: float, *, width: int) -> Table:
    """The bars: stage, bar, done of total, failed, rate and time to go (time taken, once finished)."""
    narrow = width < _NARROW_COLUMNS
    table = Table.grid(padding=(0, 1, 0, 0), expand=True)
    table.add_column(no_wrap=True, overflow="ellipsis", max_width=max(8, width // 5))
    table.add_column(ratio=1, min_width=6)
    for _ in range(3 if narrow else 4):
        table.add_column(justify="right", no_wrap=True)
    for stage in stages:
        failed = f"{stage.failed:,} failed" if stage.failed else ""
        cells = [Text(_count(stage)), Text(failed, style="red")]
        if not narrow:
            cells.append(Text(_rate(stage, now_s), style="dim"))
        cells.append(Text(_time(stage, now_s), style="green" if stage.finished else ""))
        table.add_row(Text(printable(stage.stage)), _bar(stage), *cells)
    return table


def _bar(stage: StageProgress) -> ProgressBar:
    if stage.total is None:
        return ProgressBar(total=1, completed=1) if stage.finished else ProgressBar(total=None, pulse=True)
    # An empty total is a full bar: there is nothing to wait for. One that ended early stays as far as it came.
    return ProgressBar(total=max(stage.total, 1), completed=min(stage.done, stage.total) if stage.total else 1)


def _count(stage: StageProgress) -> str:
    if stage.total is None or stage.done > stage.total:  # more than was announced: the total says nothing
        return f"{stage.done:,}"
    return f"{stage.done:,}/{stage.total:,}"


def _rate(stage: StageProgress, now_s: float) -> str:
    rate_hz = stage.rate_hz(now_s)
    if rate_hz is None:
        return ""
    return f"{rate_hz:,.0f}/s" if rate_hz >= 10 else f"{rate_hz:.1f}/s" if rate_hz >= 0.1 else f"{rate_hz * 60:.1f}/min"


def _time(stage: StageProgress, now_s: float) -> str:
    if stage.finished:
        return f"in {human_duration(stage.elapsed_s(now_s))}"
    remaining_s = stage.remaining_s(now_s)
    if remaining_s is None:
        return ""
    return f"{human_duration(max(1.0, round(remaining_s)))} left".replace(".0 s", " s")


class _Writer:
    """Writes a line when a stage begins, ends, and in between at most one every few seconds."""

    def __init__(
        self, source: Progress, stream: TextIO, every_s: float = _LINE_EVERY_S, *, as_json: bool = False
    ) -> None:
        self._source = source
        self._stream = stream
        self._every_s = every_s
        self._as_json = as_json
        self._shown: dict[str, tuple[StageProgress, float]] = {}
        self._ending = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self._work, name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ending.set()
            thread.join()

    def _work(self) -> None:
        try:
            while not self._ending.wait(1 / _REFRESH_HZ):
                self._write_news()
            self._every_s = 0.0  # the last state of every stage is worth its line
            self._write_news()
        except (OSError, ValueError):  # the reader is gone, or the stream is closed
            return

    def _write_news(self) -> None:
        now_s = time.monotonic()
        for stage in self._source.snapshot():
            shown, at_s = self._shown.get(stage.stage, (None, now_s))
            begins = shown is None
            ends = stage.finished and not (shown and shown.finished)
            if begins or ends or (stage != shown and now_s - at_s >= self._every_s):
                self._shown[stage.stage] = (stage, now_s)
                print(_json_line(stage, now_s) if self._as_json else line(stage, now_s), file=self._stream, flush=True)


def line(stage: StageProgress, now_s: float) -> str:
    """A stage in one line: done of total, failed, rate and time to go (time taken, once finished)."""
    failed = f"{stage.failed:,} failed" if stage.failed else ""
    parts = [_count(stage), failed, _rate(stage, now_s), _time(stage, now_s)]
    return f"{printable(stage.stage)}: {', '.join(p for p in parts if p)}"


def _json_line(stage: StageProgress, now_s: float) -> str:
    document: dict[str, Any] = {
        "stage": stage.stage,
        "done": stage.done,
        "total": stage.total,
        "failed": stage.failed,
        "rate_hz": stage.rate_hz(now_s),
        "remaining_s": stage.remaining_s(now_s),
        "finished": stage.finished,
    }
    return json.dumps(document)
