"""Measure what keeping timings costs: a scope, its share of a refresh, and reading very many of them back."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from flows.benchmark_runs import Rival, Run, interleaved, measured, measured_runs, spread, table
from flows.budgets_orchestration import program_of
from tasks.core.stopwatch import record_value, span
from tasks.standin.bench_library import make_bench_library
from tasks.timings.store import read_timings, recording, scan_timings
from tasks.timings.summary import durations, slowest

SPAN_BUDGET_US = 20.0
SINGLE_BUDGET_US = 50.0
"""What 99 of 100 scopes may take of the time of those who measure; the mean hides a rare one that waits."""
SHARE_BUDGET_RATIO = 0.02
SPAN_COUNT = 100_000
READ_TIMES = 10
"""As many times the scopes are read back together."""
QUIET, SPANS, VALUES = "a scope, nobody listens", "a scope, kept as Parquet", "a value, kept as Parquet"


def measure_timings(data: Path, *, file_count: int, repeats: int, span_count: int = SPAN_COUNT) -> None:
    """Print what a scope costs, what all of them cost a refresh, and how long very many take to be read.

    Raises:
        StorageFull: the disk is full.
        SystemExit: the refresh failed.
    """
    subjects: dict[str, tuple[Callable[[int], None], bool]] = {
        QUIET: (_spans, False),
        SPANS: (_spans, True),
        VALUES: (_values, True),
    }
    with tempfile.TemporaryDirectory(dir=data, prefix="timings-") as folder:
        scratch = Path(folder)
        field = [Rival(name, partial(_recorded, scratch, span_count, *subject)) for name, subject in subjects.items()]
        runs = interleaved(field, repeats=repeats, title="timings")
        found = {name: measured_runs(runs, name) for name in subjects}
        cost_us = [run.cpu_ms * 1000 for run in found[SPANS]]
        single = [_one_by_one(scratch, span_count) for _ in range(repeats)]
        share = _share(data, scratch, file_count, statistics.median(cost_us))
        reading = [_read_back(scratch, span_count) for _ in range(min(repeats, 3))]
    print(f"\n### Timings: {span_count:,} at a time\n")
    print(f"n = {repeats}, in turn; median (min-max). CPU with that of the thread that writes them.\n")
    rows = [
        (
            name,
            spread([run.wall_ms * 1000 for run in found[name]], unit=" µs"),
            spread([run.cpu_ms * 1000 for run in found[name]], unit=" µs"),
        )
        for name in subjects
    ]
    print(table(("", "wall time each", "CPU each"), rows))
    kept = "kept" if max(cost_us) <= SPAN_BUDGET_US else "NOT KEPT"
    print(f"\nBudget, at most {SPAN_BUDGET_US:g} µs of CPU a scope, in every round: {kept}.")
    print(_single_words(single))
    print(share)
    seconds = f"{spread(reading, unit=' s')}, n = {len(reading)}"
    print(f"{READ_TIMES * span_count:,} scopes, read and summed up by name: {seconds}.", flush=True)


def _spans(count: int) -> None:
    for number in range(count):
        with span("bench.span", item="/films/A Film (1999)/A Film (1999).mkv") as timing:
            timing.note(bytes=number)


def _one_by_one(scratch: Path, count: int) -> list[float]:
    """Microseconds that each of ``count`` scopes took while it was kept as Parquet, the clock's reading included."""
    taken_us = []
    with tempfile.TemporaryDirectory(dir=scratch) as folder, recording(Path(folder), "bench", 2.0):
        for number in range(count):
            began_ns = time.perf_counter_ns()
            with span("bench.span", item="/films/A Film (1999)/A Film (1999).mkv") as timing:
                timing.note(bytes=number)
            taken_us.append((time.perf_counter_ns() - began_ns) / 1000)
    return taken_us


def _single_words(rounds: Sequence[Sequence[float]]) -> str:
    """What a single scope costs: percentiles of each round."""
    percentiles = [statistics.quantiles(taken_us, n=100, method="inclusive") for taken_us in rounds]
    p50_us, p99_us = ([of_round[place] for of_round in percentiles] for place in (49, 98))
    kept = "kept" if max(p99_us) <= SINGLE_BUDGET_US else "NOT KEPT"
    return (
        f"A single scope takes {spread(p50_us, unit=' µs')} (p50); 99 of 100 take at most {spread(p99_us, unit=' µs')} "
        f"(p99), the longest took {max(map(max, rounds)):,.0f} µs.\n"
        f"Budget, p99 at most {SINGLE_BUDGET_US:g} µs, in every round: {kept}."
    )


def _values(count: int) -> None:
    for number in range(count):
        record_value("bench.value", number, item="/films/A Film (1999)/A Film (1999).mkv")


def _recorded(scratch: Path, count: int, work: Callable[[int], None], is_kept: bool) -> Run:
    with tempfile.TemporaryDirectory(dir=scratch) as folder:

        def counted() -> int:
            with recording(Path(folder), "bench", 2.0) if is_kept else nullcontext():
                work(count)
            return count

        return measured(counted)


def _share(data: Path, scratch: Path, file_count: int, cost_us: float) -> str:
    """What the scopes of a refresh without a token cost, of all CPU it takes; it has most scopes for its time."""
    library = make_bench_library(data / f"videos-{file_count}", file_count)
    run = program_of(scratch, "refresh_plainly", library.folder)
    count = run.found["timing_count"]
    ratio = count * cost_us / 1e6 / run.work.cpu_s
    kept = "kept" if ratio <= SHARE_BUDGET_RATIO else "NOT KEPT"
    return (
        f"A refresh of {file_count:,} files without a token keeps {count:,} records: {ratio:.1%} of its "
        f"{run.work.cpu_s:.1f} s of CPU (n = 1). Budget, at most {SHARE_BUDGET_RATIO:.0%}: {kept}."
    )


def _read_back(scratch: Path, count: int) -> float:
    """Seconds to read the scopes of a long run as a notebook does, and to sum them up."""
    folder = scratch / "long"
    if not folder.exists():
        with recording(folder, "long", 2.0):
            for _ in range(READ_TIMES):
                _spans(count)
    began_s = time.perf_counter()
    found = durations(read_timings(folder, "long"))
    spans = scan_timings(folder, "long")
    assert spans is not None and found["count"].sum() == READ_TIMES * count
    slowest(spans, limit=10)
    return time.perf_counter() - began_s
