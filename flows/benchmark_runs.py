"""Run rivals in turn, measure wall and CPU time of each, and print what came out as a table."""

from __future__ import annotations

import json
import math
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from tasks.core.errors import RefreshError
from tasks.core.units import human_size

TOLD = 3
"""Exit status of a program whose last line says what stopped it, and what to do."""
LAST_WORDS_S = 5.0
"""Time in which a program that is stopped tells a server so."""


class NotMeasured(Exception):
    """A rival cannot be measured here; the message says why, and stands in its row of the table."""


@dataclass(frozen=True)
class Run:
    """What one run of one rival took."""

    item_count: int
    wall_s: float
    cpu_s: float
    """User and system time of the process and of all processes it started."""
    peak_bytes: int | None = None
    """Largest resident memory of the process; ``None`` where it was not asked."""
    found: Mapping[str, Any] = field(default_factory=dict)
    """What else the rival said of its work."""
    inner: Run | None = None
    """The work as the program itself saw it: without the start of Python and what it imports."""

    @property
    def work(self) -> Run:
        """The work without the start of the process, where it is known."""
        return self.inner or self

    @property
    def rate_hz(self) -> float:
        """Items a second."""
        return self.item_count / self.wall_s

    @property
    def cpu_ms(self) -> float:
        """CPU time an item in ms."""
        return self.cpu_s * 1000 / self.item_count

    @property
    def wall_ms(self) -> float:
        """Wall time an item in ms."""
        return self.wall_s * 1000 / self.item_count


Value = Callable[[Run], float]
"""Something of a run that can be compared."""


@dataclass(frozen=True)
class Rival:
    """One row of a table: its name, and what runs it once; that raises :class:`NotMeasured` where there is no such."""

    name: str
    run: Callable[[], Run]


Runs = Mapping[str, list[Run] | NotMeasured]
"""The runs of each rival by its name, or why there are none."""


def interleaved(rivals: Sequence[Rival], *, repeats: int, title: str) -> Runs:
    """Run the rivals one after the other, ``repeats`` times round, so that what disturbs the machine hits all of them.

    A rival that cannot be measured is left out of the rounds that follow.
    """
    runs: dict[str, list[Run]] = {rival.name: [] for rival in rivals}
    refused: dict[str, NotMeasured] = {}
    for number in range(repeats):
        for rival in rivals:
            if rival.name in refused:
                continue
            say(f"{title}, round {number + 1} of {repeats}: {rival.name}")
            try:
                runs[rival.name].append(rival.run())
            except NotMeasured as exc:
                refused[rival.name] = exc
    return {name: refused.get(name) or measured for name, measured in runs.items()}


def measured_runs(runs: Runs, name: str) -> list[Run]:
    """The runs of a rival that every table needs: one of ours.

    Raises:
        NotMeasured: there are none.
    """
    found = runs[name]
    if isinstance(found, NotMeasured):
        raise found
    return found


def measured(work: Callable[[], int]) -> Run:
    """Run ``work`` in this process and the processes it starts and waits for; it returns how many items it did."""
    cpu_began_s, began = _cpu_s(), time.perf_counter()
    item_count = work()
    return Run(item_count, time.perf_counter() - began, _cpu_s() - cpu_began_s)


def program(name: str, request: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Run:
    """Run one program of ``flows.benchmark_subjects`` as a process of its own.

    Returns the whole process, from start to exit, with the ``work`` in it.

    The process ends with this one, and is asked to end, with time to say so to a server, where this is stopped.

    Raises:
        RefreshError: what it did was stopped for a reason that people can mend.
        SystemExit: the program failed, which no table can make good; what it said is on standard error.
    """
    command = [sys.executable, "-m", "flows.benchmark_subjects", name]
    asked = json.dumps({**request, "parent": os.getpid()}).encode()
    documents = []

    def work() -> int:
        status, output, said = _finished(command, asked, {**os.environ, **(environment or {})})
        if status == TOLD:
            raise RefreshError(last_line(said))
        if status != 0:
            sys.stderr.buffer.write(said)
            sys.stderr.flush()
            raise SystemExit(f"the benchmark of {name} ended with {status}")
        documents.append(json.loads(output))
        return int(documents[0]["item_count"])

    whole = measured(work)
    inner = Run(**documents[0])
    return replace(whole, peak_bytes=inner.peak_bytes, found=inner.found, inner=inner)


def _finished(command: Sequence[str], asked: bytes, environment: Mapping[str, str]) -> tuple[int, bytes, bytes]:
    """Exit status and output of a program that was given ``asked``; it does not outlive what stops this."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        try:
            output, said = process.communicate(asked)
        except BaseException:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=LAST_WORDS_S)
            process.kill()
            raise
    return process.returncode, output, said


def last_line(output: bytes) -> str:
    """The last line a program wrote, which is where it says why it ended."""
    return output.decode(errors="replace").strip().rpartition("\n")[2] or "it said nothing"


def _cpu_s() -> float:
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in spent)


def say(words: str) -> None:
    """Tell on standard error what is being done; the tables alone go to standard output."""
    print(f"reelhouse: {words}", file=sys.stderr, flush=True)


def spread(values: Sequence[float], form: str = ".1f", *, unit: str = "") -> str:
    """Median, with its ``unit``, and smallest and largest value.

    >>> spread([3.0, 1.0, 2.04])
    '2.0 (1.0-3.0)'
    """
    return f"{statistics.median(values):{form}}{unit} ({min(values):{form}}-{max(values):{form}})"


def ratios(runs: Sequence[Run], base: Sequence[Run], value: Value) -> list[float]:
    """``value`` of each run divided by that of the run of ``base`` in the same round."""
    return [value(run) / value(other) for run, other in zip(runs, base, strict=True)]


def budget(
    ours: Sequence[Run], theirs: list[Run] | NotMeasured, value: Value, *, most: float = math.inf, least: float = 0.0
) -> str:
    """How ``value`` of our runs compares with theirs, and whether the median of the ratios keeps to the budget."""
    if isinstance(theirs, NotMeasured):
        return f"not measured ({theirs})"
    found = ratios(ours, theirs, value)
    return f"{spread(found, '.2f')}, {'kept' if least <= statistics.median(found) <= most else 'NOT KEPT'}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; short rows are filled up."""
    lines = [list(head), ["---"] * len(head), *([*row, *[""] * (len(head) - len(row))] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def size(value_bytes: float | None) -> str:
    """A size for a table, where it may be unknown."""
    return "unknown" if value_bytes is None else human_size(value_bytes)


def machine() -> str:
    """The machine and the interpreter, in a line."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
