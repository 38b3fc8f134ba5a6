"""The benchmark of the lab: the same library refreshed with several profiles in turn, and their tables compared.

A B A B: in every round each profile has its turn, first with a data folder of its own that is new, then once more with
the same one. Every measured refresh is a process of its own and a flow run of the same Prefect server. Files are read
once before the first run: emptying the page cache takes the rights of root, so "cold" is said of our data, not of the
disk.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import polars as pl
from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from flows.benchmark_runs import say
from flows.lab_library import MadeLibrary, made_library
from flows.lab_refresh import measured_refresh
from flows.lab_table import as_markdown
from flows.parameters import PROJECT
from tasks.core.clock import utc_now
from tasks.core.errors import RefreshError
from tasks.core.layout import DataFolder
from tasks.lab.equality import TablesDiffer, differences
from tasks.lab.inputs import commit, host_class, versions
from tasks.lab.presets import Preset, preset
from tasks.lab.profiles import BASELINE, OPTIMIZED, nested, overlay, switch
from tasks.lab.store import (
    Manifest,
    keep_run,
    lab_folder,
    new_id,
    read_benchmark,
    write_manifest,
    write_runs,
)
from tasks.schema.lab import LabScopes
from tasks.standin.running import StandInProcess
from tasks.standin.server import StandInOptions
from tasks.warehouse.runs import read_run_record

ROUNDS = 5
OF_THE_PLACE = ("data_dir", "base_url")
"""Settings that say where a run was, not how it was done."""


class RefreshFailed(RefreshError):
    """A measured refresh did not complete, so there is nothing to compare."""


def _run_name() -> str:
    return f"benchmark {' '.join(flow_run.parameters['presets'])} {utc_now():%Y-%m-%d %H:%M}"


@flow(name="benchmark", flow_run_name=_run_name)
def benchmark(
    presets: list[str], data: str, rounds: int = ROUNDS, profiles: tuple[str, ...] = (BASELINE, OPTIMIZED)
) -> list[str]:
    """Refresh the library of each preset with each profile in turn; returns the folders of the benchmarks.

    Args:
        presets: which libraries and services (``tasks.lab.presets``).
        data: folder for libraries and results.
        rounds: how often each profile has its turn.
        profiles: baseline, optimized, all-but-SWITCH, only-SWITCH; the tables of all must equal those of the first.

    Raises:
        Refused: a preset or profile is not known.
        TablesDiffer: two profiles gave other rows.
        RefreshFailed: a refresh did not complete.
    """
    chosen = [preset(name) for name in presets]
    overlays = {profile: overlay(profile) for profile in profiles}
    return [str(_benchmark(one, Path(data), rounds, overlays)) for one in chosen]


@dataclass
class _Measured:
    """What a benchmark has measured so far."""

    folder: Path
    rows: list[dict[str, Any]] = field(default_factory=list)
    scopes: list[pl.DataFrame] = field(default_factory=lambda: [LabScopes.frame()])

    def add(self, row: dict[str, Any], scopes: pl.DataFrame) -> None:
        self.rows.append(row)
        self.scopes.append(scopes)
        write_runs(self.folder, self.rows, pl.concat(self.scopes))


def _benchmark(wanted: Preset, data: Path, rounds: int, overlays: Mapping[str, Mapping[str, Any]]) -> Path:
    library = prepare(wanted.name, str(data))
    left_out = {path for name in wanted.without for path in switch(name).old}
    options = StandInOptions(
        film_count=library.film_count,
        show_count=library.show_count,
        latency_s=wanted.latency_s,
        image_latency_s=wanted.image_latency_s,
    )
    started_at = utc_now()
    manifest = Manifest(
        benchmark_id=new_id(wanted.name, started_at),
        preset=wanted.name,
        words=wanted.words,
        started_at=started_at,
        rounds=rounds,
        order=tuple(overlays) * rounds,
        profiles={
            profile: {**wanted.settings, **{path: value for path, value in old.items() if path not in left_out}}
            for profile, old in overlays.items()
        },
        stand_in=options.model_dump(mode="json", exclude={"token"}) if wanted.asks_service else {},
        file_count=library.file_count,
        input_hash=library.input_hash,
        host=host_class(),
        versions=versions(),
        commit=commit(PROJECT),
    )
    measured = _Measured(lab_folder(data) / manifest.benchmark_id)
    write_manifest(measured.folder, manifest)
    settings: dict[str, Mapping[str, Any]] = {}
    with _service(wanted, options) as (service, token), tempfile.TemporaryDirectory(dir=data, prefix="lab-") as scratch:
        for number in range(1, rounds + 1):
            folders = {profile: Path(scratch, f"{profile}-{number}") for profile in overlays}
            for profile, folder in folders.items():
                say(f"{wanted.name}, round {number} of {rounds}: {profile}")
                for is_warm in (False, True):
                    place = {"data_dir": str(folder)} | ({"scrape.base_url": f"{service}/3"} if service else {})
                    row, scopes = measure(
                        profile,
                        number,
                        is_warm,
                        library.folder,
                        {**manifest.profiles[profile], **place},
                        token,
                        service,
                    )
                    keep_run(measured.folder, folder, row["run_id"])
                    known = {"benchmark_id": manifest.benchmark_id, "preset": wanted.name, "profile": profile}
                    measured.add({**known, "round": number, "is_warm": is_warm, **row}, scopes)
                    settings.setdefault(profile, _settings_of(folder, row["run_id"]))
            compare_tables(folders, measured.folder)
            for folder in folders.values():
                shutil.rmtree(folder)
    write_manifest(measured.folder, manifest.model_copy(update={"finished_at": utc_now(), "settings": settings}))
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
def prepare(name: str, data: str) -> MadeLibrary:
    """Make the library of a preset, unless it is there, and read it once."""
    return made_library(Path(data), preset(name))


@task(name="measure", task_run_name="measure {profile}, round {number}, warm: {is_warm}", cache_policy=NO_CACHE)
def measure(
    profile: str,  # noqa: ARG001 - for the name of the task run, as the two after it
    number: int,  # noqa: ARG001
    is_warm: bool,  # noqa: ARG001
    root: str,
    settings: Mapping[str, Any],
    token: str,
    service: str | None,
) -> tuple[dict[str, Any], pl.DataFrame]:
    """Refresh once and give its rows.

    Raises:
        RefreshFailed: it did not complete.
    """
    try:
        return measured_refresh(root, nested(settings), token=token, service=service)
    except SystemExit as exc:
        raise RefreshFailed(f"{exc}; what it said stands above") from exc


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
            raise TablesDiffer(sides=(first, profile), found=found)


@task(name="publish table", cache_policy=NO_CACHE)
def publish(folder: Path) -> None:
    """Show the table of a benchmark among the artifacts of its run."""
    found = read_benchmark(folder)
    create_markdown_artifact(as_markdown(found), key=f"benchmark-{found.manifest.preset}")


def _settings_of(folder: Path, run_id: str) -> dict[str, Any]:
    """The settings that a run had, with those that it chose, but for where it was."""
    record = read_run_record(folder, run_id)
    assert record is not None
    settings: dict[str, Any] = orjson.loads(record["settings"])
    for room in (settings, *(value for value in settings.values() if isinstance(value, dict))):
        for name in OF_THE_PLACE:
            room.pop(name, None)
    return settings
