"""Measure what a refresh costs as a Prefect flow beside the same steps called as plain functions.

Same order, batches, settings and threads: both go through :func:`flows.refresh.carry_out`. What the flow has besides
is the orchestration: states of tasks and their results, artifacts, tags, hooks, and a server that wants the processor.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from flows.benchmark_refresh import measured_flow_run
from flows.benchmark_runs import Rival, Run, interleaved, measured, measured_runs, program, table
from flows.budgets_eta import eta_errors, eta_rows, middle_and_range, print_eta, sampling
from flows.budgets_probe import items_below, warm
from flows.run import quieten_prefect
from flows.server import serving
from tasks.core.layout import DataFolder
from tasks.core.progress import progress
from tasks.core.secrets import VARIABLES
from tasks.core.settings import Settings
from tasks.standin.bench_library import make_bench_library
from tasks.standin.library import LibraryFacts
from tasks.standin.running import StandInProcess
from tasks.standin.server import StandInOptions
from tasks.timings.store import read_timings
from tasks.warehouse.runs import run_records

SHARE_BUDGET_RATIO = 0.10
MOST_REPEATS = 3
WHOLE_FILES = 2_000
"""Videos of refreshes with titles and pictures: 25,000 files and answers, a minute and more."""
PACED_FILES = 1_000
"""Videos of the refresh at TMDB's own pace: it takes a minute."""
FEW_FILES = 10
UNPACED_HZ = 10_000.0
"""A pace that the stand-in never reaches."""
FLOW, PLAIN = "as a Prefect flow", "called plainly"

Value = Callable[[Run], float]


def measure_orchestration(data: Path, *, file_count: int, repeats: int, latency_s: float) -> None:
    """Print the orchestration's share of refreshes of ``file_count`` files, and how good the times to go are.

    Raises:
        StorageFull: the disk is full.
        SystemExit: a refresh failed, or flow and plain calls did not do the same work.
    """
    rounds = min(repeats, MOST_REPEATS)
    with tempfile.TemporaryDirectory(dir=data, prefix="orchestration-") as folder:
        scratch = Path(folder)
        program_of(scratch, "refresh_as_flow", _library(data, FEW_FILES).folder)  # makes the server's database
        library = _library(data, file_count)
        runs = in_turn(scratch, library.folder, rounds, title="no token")
        times = eta_rows(f"{file_count:,} files, no token", _errors(runs[FLOW]))
        rows = share_rows(f"{file_count:,} files, no token", runs)
        whole = _whole(data, scratch, min(file_count, WHOLE_FILES))
        rows += share_rows(f"{whole[FLOW][0].item_count:,} files, all stages, no pace", whole)
        _print_shares(file_count, rounds, rows, _budget(runs))
        times += _paced(data, scratch, min(file_count, PACED_FILES), latency_s)
    print_eta(times)


def _library(data: Path, file_count: int) -> LibraryFacts:
    """A made library that the page cache holds."""
    library = make_bench_library(data / f"videos-{file_count}", file_count)
    warm(items_below(os.fsencode(library.folder)))
    return library


def _print_shares(file_count: int, rounds: int, rows: Sequence[Sequence[str]], verdict: str) -> None:
    most = f"{SHARE_BUDGET_RATIO * 100:g} %"
    print(f"\n### Orchestration: {file_count:,} files\n")
    print(f"First refreshes; n = {rounds}, with all stages 1; in turn (A B A B); median (min-max); page cache warm.")
    print("Plain calls: the same steps in the same order over the same batches, in as many threads, but no flow run,")
    print("server, states or stored results. Share: (flow - plain) / flow, round by round. No token: find, measure,")
    print("identify, plan, collect and load, all of it processor and disk, where orchestration weighs most. No pace:")
    print("with titles and pictures from a stand-in that answers at once and allows any rate; at TMDB's pace a run")
    print("mostly waits, which would hide the orchestration. Its own record: what a run says of itself, without the")
    print(
        "report it publishes. The process of the flow starts a Prefect server, runs an empty flow on it before the one"
    )
    print("that is measured, as a server that serves for good has run others, and ends it; that of the plain calls")
    print("imports Prefect too, as the steps are declared with it.\n")
    print(table(("refresh", "", FLOW, PLAIN, "orchestration", "share"), rows))
    print(f"\nBudget, at most {most} of the flow from its call to its return, no token: {verdict}.")


def _whole(data: Path, scratch: Path, file_count: int) -> dict[str, list[Run]]:
    """One refresh each way with titles and pictures, from a stand-in that never lets wait."""
    library = _library(data, file_count)
    options = StandInOptions(film_count=library.film_count, show_count=library.show_count)
    with StandInProcess(options) as server:
        asking = {"base_url": server.api_url, "rate_hz": UNPACED_HZ}
        return in_turn(scratch, library.folder, 1, title="no pace", scrape=asking, token=options.token)


def _paced(data: Path, scratch: Path, file_count: int, latency_s: float) -> list[Sequence[str]]:
    """How good the times to go of a refresh are that asks at TMDB's pace, which is as even as a load can be."""
    library = _library(data, file_count)
    options = StandInOptions(film_count=library.film_count, show_count=library.show_count, latency_s=latency_s)
    with StandInProcess(options) as server:
        asking = {"base_url": server.api_url}
        run = program_of(scratch, "refresh_as_flow", library.folder, scrape=asking, token=options.token)
    return eta_rows(f"{file_count:,} files, TMDB's pace", _errors([run]))


def _errors(runs: Sequence[Run]) -> list[Any]:
    return [run.found["eta_errors"] for run in runs]


def in_turn(scratch: Path, library: Path, rounds: int, *, title: str, **request: Any) -> dict[str, list[Run]]:
    """Refresh ``library`` both ways, ``rounds`` times in turn.

    Args:
        request: what :func:`program_of` takes.

    Raises:
        SystemExit: a refresh failed, or they did not do the same work.
    """
    subjects = {FLOW: "refresh_as_flow", PLAIN: "refresh_plainly"}
    field = [Rival(way, partial(program_of, scratch, name, library, **request)) for way, name in subjects.items()]
    runs = interleaved(field, repeats=rounds, title=f"orchestration, {title}")
    found = {way: measured_runs(runs, way) for way in subjects}
    must_be_alike([run for way in found.values() for run in way])
    return found


def must_be_alike(runs: Sequence[Run]) -> None:
    """Refuse to compare runs that have not done the same.

    Raises:
        SystemExit: they differ in steps, items or settings.
    """
    for what in ("step_count", "stages", "settings"):
        seen = {json.dumps(run.found[what], sort_keys=True) for run in runs}
        if len(seen) > 1:
            raise SystemExit(f"the runs differ in their {what}: {' | '.join(sorted(seen))}")


def program_of(
    scratch: Path, name: str, library: Path, *, scrape: Mapping[str, Any] | None = None, token: str = ""
) -> Run:
    """Refresh ``library`` for the first time, in a process of its own with a data folder of its own.

    Raises:
        SystemExit: it failed.
    """
    with tempfile.TemporaryDirectory(dir=scratch, prefix="data-") as data:
        request = {
            "root": str(library),
            "home": str(scratch / "prefect"),
            "settings": {"data_dir": data, "scrape": dict(scrape or {})},
        }
        return program(name, request, {**dict.fromkeys(VARIABLES.values(), ""), VARIABLES["tmdb"]: token})


def share(flow: Run, plain: Run, value: Value) -> float:
    """What the flow has more than the plain calls, of what the flow has."""
    return (value(flow) - value(plain)) / value(flow)


def _call_s(run: Run) -> float:
    return run.work.wall_s


def _record_s(run: Run) -> float:
    return float(run.found["record_wall_s"])


def _process_s(run: Run) -> float:
    return run.wall_s


def _call_cpu_s(run: Run) -> float:
    return run.work.cpu_s


def _process_cpu_s(run: Run) -> float:
    return run.cpu_s


_VALUES: Mapping[str, Value] = {
    "from its call to its return": _call_s,
    "by its own record": _record_s,
    "CPU of process and workers": _call_cpu_s,
    "process, from start to exit": _process_s,
    "CPU with start, exit and server": _process_cpu_s,
}


def share_rows(what: str, runs: Mapping[str, list[Run]]) -> list[Sequence[str]]:
    """Rows of the table: each value of the flow's runs and the plain ones, their difference, and its share."""
    rows: list[Sequence[str]] = []
    for name, value in _VALUES.items():
        flow, plain = ([value(run) for run in runs[way]] for way in (FLOW, PLAIN))
        more = [a - b for a, b in zip(flow, plain, strict=True)]
        rows.append(
            (
                what,
                name,
                *(middle_and_range(values, unit=" s") for values in (flow, plain, more)),
                middle_and_range([one * 100 for one in _shares(runs, value)], unit=" %"),
            )
        )
    return rows


def _shares(runs: Mapping[str, list[Run]], value: Value) -> list[float]:
    return [share(flow, plain, value) for flow, plain in zip(runs[FLOW], runs[PLAIN], strict=True)]


def _budget(runs: Mapping[str, list[Run]]) -> str:
    shares = _shares(runs, _call_s)
    said = middle_and_range([one * 100 for one in shares], unit=" %")
    return f"{said}, {'kept' if statistics.median(shares) <= SHARE_BUDGET_RATIO else 'NOT KEPT'}"


def as_flow(root: str, home: str, settings: Mapping[str, Any]) -> Run:
    """Refresh ``root`` as a flow run, with a Prefect server that keeps its records in ``home``.

    Raises:
        SystemExit: the run is not Completed.
    """
    quieten_prefect(debug=False)
    os.environ["PREFECT_HOME"] = home
    given = Settings.model_validate(settings)
    with serving(Path(home)), sampling(progress) as sampled:
        run, _ = measured_flow_run(root, given)
    return _with_record(run, given, eta_errors=eta_errors(sampled.samples))


def plainly(root: str, home: str, settings: Mapping[str, Any]) -> Run:
    """Refresh ``root`` with the same steps as functions; a Prefect server is neither there nor asked."""
    quieten_prefect(debug=False)
    os.environ.pop("PREFECT_API_URL", None)
    os.environ |= {"PREFECT_HOME": home, "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false"}
    given = Settings.model_validate(settings)
    from flows.budgets_plain import refresh_plainly

    return _with_record(measured(lambda: refresh_plainly([root], given)), given)


def _with_record(run: Run, settings: Settings, **found: Any) -> Run:
    """The run with what its record says: its own time, and what the two ways must have in common."""
    (record,) = run_records(settings.data_dir)
    chosen = json.loads(record["settings"])
    del chosen["data_dir"]
    found |= {
        "record_wall_s": record["wall_s"],
        "step_count": record["task_run_count"],
        "stages": record["run_stages"],
        "settings": chosen,
        "timing_count": read_timings(DataFolder(settings.data_dir).timings).height,
    }
    return replace(run, item_count=record["file_count"], found=found)
