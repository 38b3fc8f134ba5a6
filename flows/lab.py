"""The benchmark of the lab: the same work done with several profiles in turn, and their tables compared.

A B A B: in every round each profile has its turn, first with a data folder of its own that is new, then once more with
the same one. Every measured refresh is a process of its own and a flow run of the same Prefect server. Files are read
once before the first run: emptying the page cache takes the rights of root, so "cold" is said of our data, not of the
disk. What else a preset may measure, and how, stands in ``flows.lab_subjects``.

What was measured is stored as it comes, and stays where the benchmark is stopped.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import polars as pl
from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run
from pydantic import Field, PositiveInt

from flows.benchmark_runs import say
from flows.lab_library import made_library
from flows.lab_ready import must_be_ready
from flows.lab_scratch import scratch_folder
from flows.lab_subjects import Refreshes, Replays, Subject
from flows.lab_table import as_markdown
from flows.parameters import PROJECT
from tasks.core.clock import utc_now
from tasks.core.errors import RefreshError, StorageFull
from tasks.core.layout import DataFolder
from tasks.lab.equality import TablesDiffer, differences
from tasks.lab.inputs import commit, commit_of_all, host_class, versions
from tasks.lab.presets import Preset, chosen_profiles, preset
from tasks.lab.store import (
    Manifest,
    MeasuredRun,
    keep_run,
    lab_folder,
    new_id,
    read_benchmark,
    write_manifest,
    write_runs,
)
from tasks.standin.running import StandInProcess
from tasks.standin.server import StandInOptions

ROUNDS = 5
LEAST_FREE_BYTES = 1 << 20
"""Below it whatever went wrong did for want of space: Prefect's server, which writes too, says no more than "500"."""


class RefreshFailed(RefreshError):
    """A measured refresh or replay did not complete, so there is nothing to compare."""


def _run_name() -> str:
    return f"benchmark {' '.join(flow_run.parameters['presets'])} {utc_now():%Y-%m-%d %H:%M}"


@flow(name="benchmark", flow_run_name=_run_name)
def benchmark(
    presets: Annotated[list[str], Field(min_length=1)],
    data: str,
    rounds: PositiveInt = ROUNDS,
    profiles: tuple[str, ...] = (),
) -> list[str]:
    """Refresh the library of each preset with each profile in turn; returns the folders of the benchmarks.

    Args:
        presets: which libraries and services (``tasks.lab.presets``).
        data: folder for libraries and results.
        rounds: how often each profile has its turn.
        profiles: baseline, optimized, all-but-SWITCH, only-SWITCH; the tables of all must equal those of the first. If
            none is named, those of the preset: baseline and optimized, of a replay its three ways, of 10k, 100k and
            1m optimized alone.

    Raises:
        Refused: a preset or profile is not known, or a profile needs a program that is not installed.
        StorageNotWritable: ``data`` cannot be written.
        TablesDiffer: two profiles gave other rows.
        RefreshFailed: a refresh did not complete.
    """
    chosen = chosen_profiles(presets, profiles)
    for settings in chosen.values():
        must_be_ready(Path(data), settings)
    return [str(_benchmark(preset(name), Path(data), rounds, settings)) for name, settings in chosen.items()]


@dataclass
class _Measured:
    """What a benchmark has measured so far, on disk after every run."""

    folder: Path
    runs: list[MeasuredRun] = field(default_factory=list)

    def add(self, run: MeasuredRun, known: Mapping[str, Any]) -> None:
        """Keep a run; ``known`` is what the benchmark knows of it: the other columns of ``LabRuns``."""
        self.runs.append(replace(run, row={**known, **run.row}))
        scopes = pl.concat([one.scopes for one in self.runs])
        stages = pl.concat([one.stages for one in self.runs])
        write_runs(self.folder, [one.row for one in self.runs], scopes, stages)


def _benchmark(wanted: Preset, data: Path, rounds: int, profiles: Mapping[str, Mapping[str, Any]]) -> Path:
    subject = prepare(wanted.name, str(data))
    started_at = utc_now()
    manifest = Manifest(
        benchmark_id=new_id(wanted.name, started_at),
        preset=wanted.name,
        words=wanted.words,
        measures="refreshes" if wanted.replayed is None else "replays",
        started_at=started_at,
        rounds=rounds,
        order=tuple(profiles) * rounds,
        profiles=profiles,
        stand_in=subject.options.model_dump(mode="json", exclude={"token"}) if wanted.asks_service else {},
        file_count=subject.file_count,
        input_hash=subject.input_hash,
        page_cache=subject.page_cache,
        host=host_class(),
        versions=versions(),
        commit=commit(PROJECT),
    )
    measured = _Measured(lab_folder(data) / manifest.benchmark_id)
    write_manifest(measured.folder, manifest)
    settings: dict[str, Mapping[str, Any]] = {}
    with (
        _service(wanted, subject.options) as (service, token),
        scratch_folder(data) as scratch,
    ):
        for number in range(1, rounds + 1):
            folders = {profile: scratch / f"{profile}-{number}" for profile in profiles}
            for profile, folder in folders.items():
                say(f"{wanted.name}, round {number} of {rounds}: {profile}")
                for is_warm in subject.turns:
                    run = measure(
                        profile, number, is_warm, subject, profiles[profile], folder, token=token, service=service
                    )
                    run_id = run.row["run_id"]
                    keep_run(measured.folder, folder, run_id)
                    known = {"benchmark_id": manifest.benchmark_id, "preset": wanted.name, "profile": profile}
                    measured.add(run, {**known, "round": number, "is_warm": is_warm})
                    settings.setdefault(profile, subject.settings_had(folder, run_id))
            compare_tables(folders, measured.folder)
            for folder in folders.values():
                shutil.rmtree(folder)
    # Each run was a process of its own, with the files that were there when it began.
    ended = {"finished_at": utc_now(), "settings": settings, "commit": commit_of_all(manifest.commit, commit(PROJECT))}
    write_manifest(measured.folder, manifest.model_copy(update=ended))
    publish(measured.folder)
    return measured.folder


@contextmanager
def _service(wanted: Preset, options: StandInOptions) -> Iterator[tuple[str | None, str]]:
    """The address of a stand-in and its token; none, and no token, where the preset asks nobody."""
    if not wanted.asks_service:
        yield None, ""
        return
    with StandInProcess(options) as server:
        yield server.url, options.token


@task(name="make library", task_run_name="make library {name}", cache_policy=NO_CACHE)
def prepare(name: str, data: str) -> Subject:
    """Make the library of a preset, unless it is there or it needs none, and read it once."""
    wanted = preset(name)
    return Refreshes(wanted, made_library(Path(data), wanted)) if wanted.replayed is None else Replays(wanted)


@task(name="measure", task_run_name="measure {profile}, round {number}, warm: {is_warm}", cache_policy=NO_CACHE)
def measure(
    profile: str,  # noqa: ARG001 - for the name of the task run, as the two after it
    number: int,  # noqa: ARG001
    is_warm: bool,  # noqa: ARG001
    subject: Subject,
    settings: Mapping[str, Any],
    data_dir: Path,
    *,
    token: str,
    service: str | None,
) -> MeasuredRun:
    """Measure once.

    Raises:
        StorageFull: the disk is full.
        RefreshFailed: it did not complete.
    """
    try:
        return subject.measure(settings, data_dir, token=token, service=service)
    except (SystemExit, Exception) as exc:
        if shutil.disk_usage(data_dir.parent).free < LEAST_FREE_BYTES:
            raise StorageFull(f"no space left in {data_dir.parents[1]}; free some and run the benchmark again") from exc
        if isinstance(exc, SystemExit):
            raise RefreshFailed(f"{exc}; what it said stands above") from exc
        raise


@task(name="compare tables", cache_policy=NO_CACHE)
def compare_tables(folders: Mapping[str, Path], kept_in: Path) -> None:
    """Compare the warehouse of the first profile with those of the others, row by row.

    Raises:
        TablesDiffer: they are not the same; both stay in ``kept_in``.
    """
    (first, reference), *others = ((profile, DataFolder(folder).warehouse) for profile, folder in folders.items())
    for profile, warehouse in others:
        found = differences(reference, warehouse)
        if found:
            for name, path in ((first, reference), (profile, warehouse)):
                shutil.copyfile(path, kept_in / f"{name}.duckdb")
            raise TablesDiffer(sides=(first, profile), found=found, kept_in=kept_in)


@task(name="publish table", cache_policy=NO_CACHE)
def publish(folder: Path) -> None:
    """Show the table of a benchmark among the artifacts of its run."""
    found = read_benchmark(folder)
    create_markdown_artifact(as_markdown(found), key=f"benchmark-{found.manifest.preset}")
