"""Measure the probe stage beside what else can measure videos: many small files, then a few large ones."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from flows import budgets_rivals as rivals
from flows.benchmark_runs import (
    NotMeasured,
    Rival,
    Run,
    Runs,
    budget,
    interleaved,
    measured_runs,
    program,
    ratios,
    size,
    spread,
    table,
)
from tasks.core.ids import file_id
from tasks.core.settings import DiscoverySettings
from tasks.core.units import human_size
from tasks.discovery.walk import Walk
from tasks.probe.pyav_engine import ENGINE_VERSION
from tasks.staging import cut
from tasks.standin.bench_library import make_bench_library
from tasks.standin.large_videos import LARGE_VIDEOS, make_large_videos, missing_bytes

SAMPLE_FILES = 100
"""Files that slow rivals are given: ffprobe needs 50 ms and more for each."""
FFPROBE_STAGE_FILES = 300
FEW_FILES = (20, 100, 500)
"""Small libraries, where starting a second worker may cost more than it saves."""

STAGE, STAGE_WORK = "the probe stage, whole process", "of that the stage, without Python's start and imports"
ENGINE, C_PROGRAM = "our engine alone, in one process", "minimal C program, in one process"
PYAV_OPEN = "PyAV opens and closes, in one process"
MINIDLNA = "minidlnad, full scan"
C_BUDGET_RATIO, MINIDLNA_BUDGET_RATIO = 1.25, 1.2


def measure_probe(data: Path, *, file_count: int, repeats: int, large_bytes: int) -> None:
    """Print what it takes to measure ``file_count`` small files, and three of ``large_bytes`` (0: none), here and now.

    Raises:
        StorageFull: the disk is full.
        SystemExit: our own stage does not do its work.
    """
    library = make_bench_library(data / f"videos-{file_count}", file_count)
    with tempfile.TemporaryDirectory(dir=data, prefix="probe-") as folder:
        scratch = Path(folder)
        items = items_below(os.fsencode(library.folder))
        warm(items)
        _print_rivals(scratch, library.folder, items, repeats)
        _print_workers(scratch, items, repeats)
        if large_bytes:
            _print_large(data / f"large-{large_bytes // 1_000_000}", large_bytes, repeats, items["path"][0])


def items_below(root: bytes) -> pl.DataFrame:
    """The items of the probe stage for the files below ``root``, in path order."""
    rows = [
        {
            "file_id": file_id(path, generation=0),
            "path": os.fsdecode(path),
            "path_bytes": path,
            "size_bytes": size_bytes,
            "mtime_ns": mtime_ns,
            "ctime_ns": ctime_ns,
            "inode": inode,
            "device": device,
        }
        for path, _, size_bytes, mtime_ns, ctime_ns, inode, device in Walk(root, DiscoverySettings()).files(root)
    ]
    return pl.DataFrame(rows).sort("path_bytes")


def sample(items: pl.DataFrame, count: int) -> pl.DataFrame:
    """``count`` of ``items``, evenly spread; all of them where there are no more."""
    if items.height <= count:
        return items
    return items[[number * items.height // count for number in range(count)]]


def warm(items: pl.DataFrame) -> None:
    """Read every file once, so that the page cache has it."""
    for path in items["path_bytes"]:
        with open(path, "rb") as video:  # noqa: PTH123 - bytes
            video.read()


def probe_stage(
    items: pl.DataFrame, scratch: Path, settings: Mapping[str, Any], environment: Mapping[str, str] | None = None
) -> Run:
    """Run the probe stage once over ``items``, in a process of its own.

    Raises:
        SystemExit: it failed, or did not measure every file.
    """
    with staging_in(scratch) as staging:
        batches = cut(items, stage="probe", staging=staging, id_column="file_id", batch_size=500, max_batches=150)
        request = {"batches": [asdict(batch) for batch in batches], "settings": settings}
        run = program("probe_stage", request, environment)
    if run.found != {"done": items.height, "quarantined": 0}:
        raise SystemExit(f"the probe stage was given {items.height} files and says {dict(run.found)}")
    return run


@contextmanager
def staging_in(scratch: Path) -> Iterator[Path]:
    """A new staging folder: what an earlier run left there would not be done again."""
    staging = Path(tempfile.mkdtemp(dir=scratch, prefix="staging-"))
    try:
        yield staging
    finally:
        shutil.rmtree(staging)


def _print_rivals(scratch: Path, tree: Path, items: pl.DataFrame, repeats: int) -> None:
    paths = scratch / "paths"
    paths.write_bytes(b"".join(path + b"\0" for path in items["path_bytes"]))
    cores = os.cpu_count() or 1
    minimal, c_version = _minimal_probe(paths, items.height, scratch)
    few = sample(items, SAMPLE_FILES)["path_bytes"].to_list()
    one_call, three_calls = [rivals.SHOW_ALL], [(option,) for option in rivals.SHOW_ALL]
    runs = interleaved(
        [
            Rival(STAGE, partial(probe_stage, items, scratch, {})),
            Rival(ENGINE, lambda: program("probe_engine", {"paths": str(paths)}).work),
            Rival(PYAV_OPEN, lambda: program("pyav_open", {"paths": str(paths)}).work),
            Rival(C_PROGRAM, minimal),
            Rival(MINIDLNA, partial(rivals.minidlnad, tree, scratch)),
            Rival("the probe stage, one worker", partial(probe_stage, items, scratch, {"workers": 1})),
            Rival(
                "the probe stage, engine = ffprobe",
                partial(_stage_with_ffprobe, sample(items, FFPROBE_STAGE_FILES), scratch),
            ),
            Rival(
                f"ffprobe, one call a file, {cores} at once",
                partial(rivals.ffprobe, few, calls_each=one_call, at_once=cores),
            ),
            Rival("ffprobe, one call a file", partial(rivals.ffprobe, few, calls_each=one_call, at_once=1)),
            Rival("ffprobe, three calls a file", partial(rivals.ffprobe, few, calls_each=three_calls, at_once=1)),
        ],
        repeats=repeats,
        title="probe",
    )
    stage = measured_runs(runs, STAGE)
    work = [run.work for run in stage]
    rows: Runs = {STAGE: stage, STAGE_WORK: work, **{name: runs[name] for name in runs if name != STAGE}}
    print(f"\n### Probe: {items.height:,} files\n")
    print(f"n = {repeats}, in turn (A B A B); median (min-max); page cache warm.")
    print("The files are hard links to two dozen short videos: kinder than a library. ffprobe is given an even sample.")
    print("CPU is user and system time with all child processes; ratios are taken round by round.")
    print(f"Ours: {ENGINE_VERSION}; {c_version}.\n")
    head = ("", "files", "wall", "files/s", "CPU a file", "CPU a file, ours = 1", "wall a file, ours = 1")
    print(table(head, [_row(name, rows[name], stage) for name in rows]))
    print(f"\nBudgets, as ratios of the CPU time a file:\n\n- at most {C_BUDGET_RATIO} of the C program:")
    engine = measured_runs(runs, ENGINE)
    print(f"  the engine alone {budget(engine, runs[C_PROGRAM], _cpu, most=C_BUDGET_RATIO)};")
    print(f"  the stage without its start {budget(work, runs[C_PROGRAM], _cpu, most=C_BUDGET_RATIO)}")
    print(f"- at most {MINIDLNA_BUDGET_RATIO} of minidlnad's scan:")
    print(f"  the whole process {budget(stage, runs[MINIDLNA], _cpu, most=MINIDLNA_BUDGET_RATIO)};")
    print(f"  its wall time {budget(stage, runs[MINIDLNA], _wall, most=MINIDLNA_BUDGET_RATIO)}")


def _cpu(run: Run) -> float:
    return run.cpu_ms


def _wall(run: Run) -> float:
    return run.wall_ms


def _minimal_probe(paths: Path, count: int, scratch: Path) -> tuple[Callable[[], Run], str]:
    try:
        run, version = rivals.minimal_probe(paths, count, scratch)
        return run, f"the C program: libavformat {version}"
    except NotMeasured as exc:
        missing = exc

    def not_measured() -> Run:
        raise missing

    return not_measured, "no C program"


def _stage_with_ffprobe(items: pl.DataFrame, scratch: Path) -> Run:
    rivals.found_program("ffprobe")
    return probe_stage(items, scratch, {"engine": "ffprobe"})


def _row(name: str, runs: list[Run] | NotMeasured, base: Sequence[Run]) -> Sequence[str]:
    if isinstance(runs, NotMeasured):
        return name, f"not measured: {runs}"
    return (
        name,
        f"{runs[0].item_count:,}",
        f"{spread([run.wall_s for run in runs], '.2f')} s",
        spread([run.rate_hz for run in runs], ",.0f"),
        f"{spread([run.cpu_ms for run in runs], '.2f')} ms",
        spread(ratios(runs, base, _cpu), ".2f"),
        spread(ratios(runs, base, _wall), ".2f"),
    )


def _print_workers(scratch: Path, items: pl.DataFrame, repeats: int) -> None:
    cores = os.cpu_count() or 1
    counts = [count for count in FEW_FILES if count <= items.height]
    if cores == 1 or not counts:
        return
    rows = []
    for count in counts:
        share = sample(items, count)
        field = [
            Rival(str(workers), partial(probe_stage, share, scratch, {"workers": workers})) for workers in (1, cores)
        ]
        runs = interleaved(field, repeats=repeats, title=f"{count} files, workers")
        one, many = ([run.work for run in measured_runs(runs, str(workers))] for workers in (1, cores))
        rows.append(
            (
                f"{count:,}",
                f"{spread([run.wall_s for run in one], '.2f')} s",
                f"{spread([run.wall_s for run in many], '.2f')} s",
                spread(ratios(many, one, _wall), ".2f"),
                spread(ratios(many, one, _cpu), ".2f"),
            )
        )
    print(f"\n### Probe of small libraries: one worker, and {cores}\n")
    print("The stage without Python's start and imports; its workers are started anew each time.\n")
    print(table(("files", "wall, 1 worker", f"wall, {cores} workers", "wall ratio", "CPU ratio"), rows))


def _print_large(folder: Path, large_bytes: int, repeats: int, warm_up: str) -> None:
    print(f"\n### Probe of large files: {human_size(large_bytes)} each\n")
    if missing := missing_bytes(folder, large_bytes):
        print(f"Not measured: {human_size(missing)} too little room in {folder}; --large-gb sets another size.")
        return
    paths = make_large_videos(folder, large_bytes)
    rows = []
    for path, kind in zip(paths, LARGE_VIDEOS, strict=True):
        for evicted in (False, True):
            request = {"path": str(path), "warm_up": warm_up, "evict": evicted}
            field = [
                Rival("ours", partial(program, "probe_once", request)),
                Rival("ffprobe, one call", partial(rivals.ffprobe_once, path, evicted=evicted)),
            ]
            runs = interleaved(field, repeats=repeats, title=f"{kind.what}, {'evicted' if evicted else 'cached'}")
            rows += [_large_row(kind.what, name, runs[name], evicted=evicted) for name in runs]
    print("Ours: the engine in a process that is already there; ffprobe: with its start. Asked for: bytes the program")
    print("read, from the cache or not. From disk: what the disk gave, with what the system reads ahead.\n")
    print(table(("file", "page cache", "", "CPU", "wall", "asked for", "from disk"), rows))


def _large_row(what: str, name: str, runs: list[Run] | NotMeasured, *, evicted: bool) -> Sequence[str]:
    start = (what, "evicted" if evicted else "warm", name)
    if isinstance(runs, NotMeasured):
        return *start, f"not measured: {runs}"
    read = runs[-1].found
    return (
        *start,
        f"{spread([run.work.cpu_ms for run in runs])} ms",
        f"{spread([run.work.wall_ms for run in runs])} ms",
        size(read.get("asked_bytes")),
        size(read.get("disk_bytes")),
    )
