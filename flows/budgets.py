"""Measure a refresh of a made library, its orchestration, and its disk stages beside what else could do their work.

Of refreshes, the first one, then unchanged ones beside an empty flow. Every run is a process of its own, as a user
starts it. The stand-in for TMDB is another process; it answers after the median latency of TMDB's recorded answers.
CPU, disk, Prefect server and warehouse are real.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from flows.benchmark_runs import machine, spread
from flows.parameters import PROJECT
from flows.server import serving
from flows.show import record_of
from tasks.core.clock import utc_now
from tasks.core.errors import StorageNotWritable
from tasks.core.layout import DataFolder
from tasks.core.secrets import VARIABLES
from tasks.core.units import human_duration, human_size

BENCH_DATA = PROJECT / "data" / "bench"
LATENCY_S = 0.072
"""Median of TMDB's answers in recordings of 2024 and 2025."""


Part = Literal["probe", "discovery", "refresh", "orchestration", "timings", "faults"]


@dataclass(frozen=True)
class Sizes:
    """How large the made things are, and how often each is measured."""

    file_count: int = 10_000
    """Videos of a library."""
    entry_count: int = 200_000
    """Empty files for the walk."""
    large_bytes: int = 2_000_000_000
    """Size of each of three large videos; 0 leaves them out."""
    repeats: int = 5


def run_budgets(data: Path, sizes: Sizes, *, only: Part | None = None) -> int:
    """Measure one part or all, and print tables; returns an exit status. What is made stays in ``data``.

    Raises:
        StorageNotWritable: ``data`` cannot be made.
    """
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise StorageNotWritable(f"{data} cannot be made: {exc.strerror}; choose another folder with --data") from exc
    print(f"{machine()}; load average as it began: {os.getloadavg()[0]:.1f}.", flush=True)
    if only in (None, "refresh"):
        _measure_refresh(data, sizes.file_count, sizes.repeats)
    if only in (None, "orchestration"):
        from flows.budgets_orchestration import measure_orchestration

        measure_orchestration(data, file_count=sizes.file_count, repeats=sizes.repeats, latency_s=LATENCY_S)
    if only in (None, "timings"):
        from flows.budgets_timings import measure_timings

        measure_timings(data, file_count=sizes.file_count, repeats=sizes.repeats)
    if only in (None, "faults"):
        from flows.budgets_faults import measure_faults

        measure_faults(data, file_count=sizes.file_count)
    if only in (None, "probe"):
        from flows.budgets_probe import measure_probe

        measure_probe(data, file_count=sizes.file_count, repeats=sizes.repeats, large_bytes=sizes.large_bytes)
    if only in (None, "discovery"):
        from flows.budgets_discovery import measure_discovery

        measure_discovery(data, entry_count=sizes.entry_count, file_count=sizes.file_count, repeats=sizes.repeats)
    return 0


def _measure_refresh(data: Path, file_count: int, repeats: int) -> None:
    """Make a library of ``file_count`` files, refresh it, print a table."""
    from tasks.standin.bench_library import make_bench_library
    from tasks.standin.running import StandInProcess
    from tasks.standin.server import StandInOptions

    library = make_bench_library(data / f"videos-{file_count}", file_count)
    results = DataFolder(data / "results")
    shutil.rmtree(results.path, ignore_errors=True)  # a first refresh has nothing to build on
    options = StandInOptions(film_count=library.film_count, show_count=library.show_count, latency_s=LATENCY_S)
    with StandInProcess(options) as server:
        environment = {
            **os.environ,
            VARIABLES["tmdb"]: options.token,
            "REELHOUSE_DATA_DIR": str(results.path),
            "REELHOUSE_SCRAPE__BASE_URL": server.api_url,
        }
        refresh = [sys.executable, "-m", "flows.cli", "refresh", str(library.folder), "--json"]
        nothing = [sys.executable, "-m", "flows.budgets", str(data / "empty")]
        _timed(nothing, environment)  # makes the empty flow's database, as the first refresh makes its own
        first_wall_s = _timed(refresh, environment)
        first = _newest(results)
        requests = server.requests()
        empty_walls_s, unchanged_walls_s, unchanged = [], [], []
        for _ in range(repeats):
            empty_walls_s.append(_timed(nothing, environment))
            unchanged_walls_s.append(_timed(refresh, environment))
            unchanged.append(_newest(results))
    rows = [
        ("files found", f"{first['file_count']:,}", _same(unchanged, "file_count")),
        ("process, from start to exit", f"{first_wall_s:.1f} s", spread(unchanged_walls_s, unit=" s")),
        ("of that the run itself", f"{first['wall_s']:.1f} s", spread([run["wall_s"] for run in unchanged], unit=" s")),
        ("an empty flow, from start to exit", "", spread(empty_walls_s, unit=" s")),
        ("Prefect task runs", f"{first['task_run_count']:,}", _same(unchanged, "task_run_count")),
        ("files measured", f"{first['probe_count']:,}", _same(unchanged, "probe_count")),
        ("requests to the metadata service", f"{first['call_count']:,}", _same(unchanged, "call_count")),
        ("pictures downloaded", f"{first['image_count']:,}", _same(unchanged, "image_count")),
        ("largest memory of the flow's process", _size(first), _size(max(unchanged, key=_memory))),
    ]
    print(f"\n### Refresh: {first['file_count']:,} files\n")
    print(f"reelhouse {version('reelhouse')}, Prefect {version('prefect')}.")
    print(f"{library.film_count:,} films, {library.show_count:,} shows; stand-in: {LATENCY_S * 1000:.0f} ms an answer;")
    print(f"at most {requests.max_concurrent} requests at once. Unchanged: n = {repeats}, median (min-max).\n")
    print("| | first refresh | unchanged |\n|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print(f"\n{_beyond(unchanged_walls_s, empty_walls_s)}", flush=True)


def _timed(command: Sequence[str], environment: dict[str, str]) -> float:
    """Wall time of a process, in seconds."""
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.stderr.buffer.write(done.stderr)
        raise SystemExit(f"{' '.join(command[1:4])} ended with {done.returncode}")
    return time.perf_counter() - began


def _newest(data: DataFolder) -> dict[str, Any]:
    record = record_of(data, None)
    assert record is not None
    return record


def _memory(record: dict[str, Any]) -> int:
    return record["peak_memory_bytes"] or 0


def _size(record: dict[str, Any]) -> str:
    return human_size(_memory(record))


def _same(records: Sequence[dict[str, Any]], name: str) -> str:
    return " or ".join(sorted({f"{record[name]:,}" for record in records}))


def _beyond(refreshes_s: Sequence[float], empties_s: Sequence[float]) -> str:
    """What an unchanged refresh costs beyond an empty flow; said only where it is larger than the spread of either."""
    beyond_s = statistics.median(refreshes_s) - statistics.median(empties_s)
    spread_s = max(max(walls) - min(walls) for walls in (refreshes_s, empties_s))
    if abs(beyond_s) < spread_s:
        return f"Beyond an empty flow an unchanged refresh costs less than these runs spread ({spread_s:.1f} s)."
    return f"Beyond an empty flow an unchanged refresh costs {human_duration(beyond_s)}."


def _empty_flow(home: Path) -> None:
    """What a flow that does nothing costs: the server's start, Prefect's import, one flow run."""
    from flows.run import hand_over, quieten_prefect, without_heartbeat

    quieten_prefect(debug=False)
    with serving(home):
        from flows.benchmark_empty import nothing

        since = utc_now()
        with without_heartbeat():
            state: Any = nothing(return_state=True)
        hand_over(str(state.state_details.flow_run_id), since=since, task_run_count=0)


if __name__ == "__main__":
    _empty_flow(Path(sys.argv[1]))
