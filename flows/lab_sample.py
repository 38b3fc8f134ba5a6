"""Make the sample of benchmarks that a notebook shows before there is one: ``python -m flows.lab_sample``.

The benchmarks are real and made by the lab, five hours of them. Kept are their manifests, their runs and the
sums of their scopes and stages; not the timings and records of each run, which no comparison asks for.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from flows.benchmark_runs import say
from flows.lab_run import SAMPLE
from flows.parameters import PROJECT
from tasks.lab.profiles import ALL_BUT, BASELINE, OPTIMIZED, SWITCHES
from tasks.lab.store import benchmark_folders, lab_folder, read_benchmark, write_manifest, write_runs

BENCHMARKS: tuple[tuple[str, tuple[str, ...], int], ...] = (
    ("tiny", (), 5),
    ("d0", (BASELINE, OPTIMIZED, *(f"{ALL_BUT}{one.name}" for one in SWITCHES if "D0" in one.documents)), 5),
    ("d0", (OPTIMIZED, f"{ALL_BUT}thumbnails"), 5),
    ("d2", (), 5),
    ("d2-answers", (), 5),
    ("d3", (), 1),
    ("d3-calls", (), 5),
    ("d3-assumed", (), 5),
    ("d4", (), 5),
    ("d4-10k", (), 1),
    ("1k", (), 1),
    ("10k", (), 3),
    ("100k", (), 1),
    ("1m", (), 1),
)
"""Presets, their profiles where they are not the usual ones, and rounds: few where one takes long."""


def make_sample(target: Path) -> None:
    """Run the benchmarks of the sample and leave them in ``target`` in the place of those that were there.

    Raises:
        subprocess.CalledProcessError: a benchmark failed; what it said stands above.
    """
    with tempfile.TemporaryDirectory(prefix="reelhouse-sample-") as folder:
        data = Path(folder)
        for preset, profiles, rounds in BENCHMARKS:
            chosen = [part for profile in profiles for part in ("--profile", profile)]
            command = [sys.executable, "-m", "flows.cli", "benchmark", preset, "--rounds", f"{rounds}", *chosen]
            subprocess.run([*command, "--data", str(data)], cwd=PROJECT, check=True)
        for old in benchmark_folders(target):
            shutil.rmtree(old)
        for made in benchmark_folders(data):
            keep(made, target)


def keep(benchmark: Path, target: Path) -> Path:
    """Copy what comparisons ask for to ``target``; returns the folder there.

    Raises:
        Refused: there is no benchmark.
        StorageFull: the disk is full.
    """
    whole = read_benchmark(benchmark)
    folder = lab_folder(target) / whole.manifest.benchmark_id
    folder.mkdir(parents=True, exist_ok=True)
    write_runs(folder, whole.runs.to_dicts(), whole.scopes, whole.stages)
    write_manifest(folder, whole.manifest)
    return folder


def main(arguments: Sequence[str]) -> None:
    """Make the sample anew, or keep benchmarks in it that were run before."""
    parser = argparse.ArgumentParser(prog="python -m flows.lab_sample", description=main.__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=SAMPLE, help="the sample (default: data/sample)")
    parser.add_argument("benchmarks", nargs="*", type=Path, help="keep these; none is run then, and none removed")
    chosen = parser.parse_args(arguments)
    if chosen.benchmarks:
        for benchmark in chosen.benchmarks:
            keep(benchmark, chosen.folder)
    else:
        make_sample(chosen.folder)
    size_bytes = sum(path.stat().st_size for path in lab_folder(chosen.folder).rglob("*") if path.is_file())
    say(f"{lab_folder(chosen.folder)}: {size_bytes / 1024:.0f} KiB")


if __name__ == "__main__":
    main(sys.argv[1:])
