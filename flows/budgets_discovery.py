"""Measure the walk beside a bare loop over the same tree, and both disk stages on a share that answers slowly."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from flows.benchmark_runs import (
    NotMeasured,
    Rival,
    Run,
    budget,
    interleaved,
    measured_runs,
    program,
    ratios,
    size,
    spread,
    table,
)
from flows.budgets_probe import items_below, probe_stage, sample, staging_in, warm
from tasks.core.settings import DiscoverySettings, ProbeSettings
from tasks.discovery.listing import batches_of, entries_of
from tasks.discovery.roots import check_roots
from tasks.standin import slow_disk
from tasks.standin.bench_library import make_bench_library, make_empty_library

REMOTE_FILES = 1_000
REMOTE_PROBES = 400
LATENCIES_S = (0.001, 0.005)
"""A round trip in a house's wired network with the server's disk, and over Wi-Fi or to a disk that has to seek."""
RATE_BUDGET_RATIO = 0.7
BARE, OS_WALK = "bare scandir and stat", "os.walk and lstat"
WALK, STAGE = "our walk", "the discovery stage: our walk, rows in staging"

Way = Callable[[Mapping[str, str]], Run]
"""Something that is run with further environment variables."""


def measure_discovery(data: Path, *, entry_count: int, file_count: int, repeats: int) -> None:
    """Print how fast ``entry_count`` empty files are found here, and up to ``file_count`` videos on a slow share.

    Raises:
        OSError: the disk has no room for so many files.
        SystemExit: our own stage does not find every file.
    """
    tree = make_empty_library(data / f"entries-{entry_count}", entry_count)
    with tempfile.TemporaryDirectory(dir=data, prefix="discovery-") as scratch:
        _print_local(tree, entry_count, Path(scratch), repeats)
        _print_remote(data, min(file_count, REMOTE_FILES), Path(scratch), repeats)


def discovery_stage(
    root: Path, scratch: Path, settings: Mapping[str, Any], environment: Mapping[str, str] | None = None
) -> Run:
    """Run the discovery stage once over ``root``, in a process of its own, cut into batches as a refresh does it.

    Raises:
        SystemExit: it failed.
    """
    rules = DiscoverySettings(**settings)
    scopes = check_roots([str(root)], rules).scopes
    with staging_in(scratch) as staging:
        batches = batches_of(entries_of(scopes, rules), staging=Path(staging))
        request = {"batches": [asdict(batch) for batch in batches], "settings": settings}
        return program("discovery_stage", request, environment)


def _print_local(tree: Path, entry_count: int, scratch: Path, repeats: int) -> None:
    request = {"root": str(tree), "settings": {}}
    program("bare_scandir", request)  # what comes first reads the disk; all others find it in memory
    runs = interleaved(
        [
            Rival(BARE, partial(program, "bare_scandir", request)),
            Rival(WALK, partial(program, "walk", request)),
            Rival(STAGE, partial(discovery_stage, tree, scratch, {})),
            Rival(OS_WALK, partial(program, "os_walk", request)),
        ],
        repeats=repeats,
        title="discovery",
    )
    work = {name: [run.work for run in measured_runs(runs, name)] for name in runs}
    for name, found in work.items():
        if any(run.item_count != entry_count for run in found):
            raise SystemExit(f"{name} found {found[0].item_count} of {entry_count} files")
    print(f"\n### Discovery: {entry_count:,} files\n")
    print(f"n = {repeats}, in turn (A B A B); median (min-max); everything in the kernel's memory.")
    print("Empty files, 50 to 100 in a folder. Each way is a process of its own, without its start and imports.")
    print("Ratios: the bare loop = 1. Memory: the largest of the process, and how much of that the work has added.\n")
    head = ("", "files", "wall", "files/s", "rate, ratio", "CPU a file", "CPU, ratio", "memory", "added")
    print(table(head, [_local_row(name, found, work[BARE]) for name, found in work.items()]))
    kept = [budget(work[name], work[BARE], _rate, least=RATE_BUDGET_RATIO) for name in (WALK, STAGE)]
    print(
        f"\nBudget, at least {RATE_BUDGET_RATIO} of the bare loop's rate: our walk {kept[0]}; the stage {kept[1]}.",
        flush=True,
    )


def _local_row(name: str, runs: Sequence[Run], bare: Sequence[Run]) -> Sequence[str]:
    last = runs[-1]
    return (
        name,
        f"{last.item_count:,}",
        f"{spread([run.wall_s for run in runs], '.2f')} s",
        spread([run.rate_hz for run in runs], ",.0f"),
        spread(ratios(runs, bare, _rate), ".2f"),
        f"{spread([run.cpu_ms * 1000 for run in runs])} µs",
        spread(ratios(runs, bare, _cpu), ".2f"),
        size(last.peak_bytes),
        size(last.found.get("grown_bytes")),
    )


def _rate(run: Run) -> float:
    return run.rate_hz


def _cpu(run: Run) -> float:
    return run.cpu_ms


def _wall(run: Run) -> float:
    return run.wall_ms


def _print_remote(data: Path, file_count: int, scratch: Path, repeats: int) -> None:
    print("\n### A share that answers slowly\n")
    tree = make_bench_library(data / f"videos-{file_count}", file_count).folder / "Movies"
    items = items_below(os.fsencode(tree))
    warm(items)
    probes, probe = sample(items, REMOTE_PROBES), ProbeSettings()
    walks: list[Sequence[str]] = []
    measurements: list[Sequence[str]] = []
    try:
        library = _slow_disk(scratch)
        for latency_s in LATENCIES_S:
            slow = _Share(library, tree, latency_s, scratch / "counts")
            walking: list[tuple[str, Way]] = [
                (BARE, partial(program, "bare_scandir", {"root": str(tree)})),
                ("the stage, profile local", partial(discovery_stage, tree, scratch, {"profile": "local"})),
                ("the stage, profile remote", partial(discovery_stage, tree, scratch, {"profile": "remote"})),
            ]
            probing: list[tuple[str, Way]] = [
                (f"the stage, {count} workers", partial(probe_stage, probes, scratch, {"workers": count}))
                for count in dict.fromkeys((probe.workers, probe.remote_workers))
            ]
            walks += slow.compared(walking, repeats=repeats, title="walk of a slow share")
            measurements += slow.compared(probing, repeats=repeats, title="probe on a slow share")
    except NotMeasured as exc:
        print(f"Not measured: {exc}.")
        return
    print("A stand-in: every call that would ask the server takes as long as said, and no answer is kept.")
    print(
        f"n = {repeats}, in turn; without the start of Python. Ratio: wall time a file, first row of a latency = 1.\n"
    )
    print(f"Discovery of {items.height:,} films, each in a folder of its own:\n")
    head = ("a call", "", "files", "wall", "ratio", "calls a file")
    print(table(head, walks))
    print(f"\nProbe of {probes.height:,} of them:\n")
    print(table(head, measurements), flush=True)


def _slow_disk(folder: Path) -> Path:
    """Compile the library that makes a folder slow.

    Raises:
        NotMeasured: that cannot be done here.
    """
    if sys.platform != "linux":
        raise NotMeasured("it needs Linux")
    try:
        return slow_disk.compiled(folder)
    except FileNotFoundError as exc:
        raise NotMeasured(str(exc.strerror)) from exc
    except subprocess.CalledProcessError as exc:
        raise NotMeasured(f"{slow_disk.SOURCE.name} does not compile here") from exc


@dataclass(frozen=True)
class _Share:
    """A folder that answers slowly to whoever is given its variables."""

    library: Path
    folder: Path
    latency_s: float
    counts: Path

    def compared(self, ways: Sequence[tuple[str, Way]], *, repeats: int, title: str) -> list[Sequence[str]]:
        """Rows of the table for ``ways`` to work on this folder, the first of them the yardstick."""
        field = [Rival(name, partial(self._run, way)) for name, way in ways]
        runs = interleaved(field, repeats=repeats, title=f"{title}, {self.latency_s * 1000:g} ms")
        work = {name: measured_runs(runs, name) for name in runs}
        first = work[ways[0][0]]
        return [
            (
                f"{self.latency_s * 1000:g} ms",
                name,
                f"{found[0].item_count:,}",
                f"{spread([run.wall_s for run in found], '.2f')} s",
                spread(ratios(found, first, _wall), ".3f"),
                spread([run.found["calls"] / run.item_count for run in found]),
            )
            for name, found in work.items()
        ]

    def _run(self, way: Way) -> Run:
        variables = slow_disk.environment(
            self.library, prefix=self.folder, latency_s=self.latency_s, counts=self.counts
        )
        run = way(variables).work
        calls = sum(slow_disk.counts(self.counts).values())
        if not calls:
            raise NotMeasured("this system does not let its calls be delayed")
        return replace(run, found={"calls": calls})
