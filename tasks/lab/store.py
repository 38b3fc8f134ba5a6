"""A benchmark on disk: written while it goes on, read by tables and notebooks.

::

    <data>/lab/<id>/
        manifest.json        what was run, on what, with what: enough to run it again
        runs.parquet         one row a measured run (LabRuns)
        scopes.parquet       how long the scopes of each took (LabScopes)
        stages.parquet       what the stages of each took of the machine (LabStages); not of replays, nor in older ones
        timings/run_id=.../  the timings of all runs, as a refresh keeps them
        runs/<run_id>.json   the records of all runs
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pandera.errors import SchemaError
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from tasks.core import atomic
from tasks.core.errors import Refused
from tasks.core.layout import DataFolder
from tasks.schema.lab import LabRuns, LabScopes, LabStages
from tasks.schema.table import Table

MANIFEST, RUNS, SCOPES, STAGES = "manifest.json", "runs.parquet", "scopes.parquet", "stages.parquet"


class Manifest(BaseModel):
    """What a benchmark was."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    benchmark_id: str
    preset: str
    words: str = Field(min_length=1, description="The preset in words.")
    measures: Literal["refreshes", "replays"] = Field("refreshes", description="What its runs are.")
    started_at: AwareDatetime
    finished_at: AwareDatetime | None = Field(None, description="None while it goes on, and of one that was stopped.")
    rounds: int = Field(description="How often each profile had its turn: n.")
    order: tuple[str, ...] = Field(description="The profiles in the order in which they ran, all rounds.")
    profiles: Mapping[str, Mapping[str, Any]] = Field(description="Profile -> settings that are not the defaults.")
    settings: Mapping[str, Mapping[str, Any]] = Field({}, description="Profile -> all settings its first run had.")
    stand_in: Mapping[str, Any] = Field(description="Options of the service; empty where none was asked.")
    file_count: int
    input_hash: str = Field(description="Hash of names, sizes and content of the library; of replays, of their shape.")
    page_cache: str | None = Field(None, description="State of the page cache; None where no files are read.")
    host: Mapping[str, str | int] = Field(description="Class of the machine; not its name.")
    versions: Mapping[str, str]
    commit: str | None = Field(
        description="Commit of the program, + where files differed from it, or another was there at the end."
    )


@dataclass(frozen=True)
class MeasuredRun:
    """One run of a benchmark, just measured."""

    row: Mapping[str, Any]
    """The columns of ``LabRuns`` that the run itself tells."""
    scopes: pl.DataFrame
    """``LabScopes``."""
    stages: pl.DataFrame = field(default_factory=LabStages.frame)
    """``LabStages``."""


@dataclass(frozen=True)
class Benchmark:
    """A benchmark as it was stored."""

    folder: Path
    manifest: Manifest
    runs: pl.DataFrame
    """``LabRuns``, in the order in which they ran."""
    scopes: pl.DataFrame
    """``LabScopes``."""
    stages: pl.DataFrame = field(default_factory=LabStages.frame)
    """``LabStages``; empty where they were not stored."""

    @property
    def timings(self) -> Path:
        """Folder of the timings, as ``tasks.timings.read_timings`` takes it."""
        return DataFolder(self.folder).timings


def lab_folder(data: Path) -> Path:
    """Where the benchmarks of a data folder lie."""
    return data / "lab"


def new_id(preset: str, at: datetime) -> str:
    """An id that sorts by time within a preset."""
    return f"{preset}-{at:%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest; a second one takes the first's place.

    Raises:
        StorageFull: the disk is full.
    """
    atomic.write_bytes(folder / MANIFEST, manifest.model_dump_json(indent=2).encode())


def write_runs(
    folder: Path, runs: Sequence[Mapping[str, Any]], scopes: pl.DataFrame, stages: pl.DataFrame | None = None
) -> None:
    """Write what was measured so far; it takes the place of what was written before.

    Args:
        runs: rows of ``LabRuns``.
        scopes: ``LabScopes``.
        stages: ``LabStages``; without a row there is no file of them.

    Raises:
        KeyError, TypeError, pandera.errors.SchemaError: the rows are none of these tables; our bug.
        StorageFull: the disk is full.
    """
    _write(folder / RUNS, LabRuns, LabRuns.frame(runs))
    _write(folder / SCOPES, LabScopes, LabScopes.fitted(scopes))
    if stages is not None and stages.height:
        _write(folder / STAGES, LabStages, LabStages.fitted(stages))


def _write(path: Path, table: type[Table], frame: pl.DataFrame) -> None:
    table.validate(frame)
    with atomic.writing(path) as temporary:
        frame.write_parquet(temporary, compression="zstd")


def keep_run(folder: Path, data: Path, run_id: str) -> None:
    """Copy the timings of a run, and the record that a refresh has, from its own data folder to the benchmark's."""
    source, target = DataFolder(data), DataFolder(folder)
    name = f"run_id={run_id}"
    shutil.copytree(source.timings / name, target.timings / name)
    target.runs.mkdir(exist_ok=True)
    record = source.runs / f"{run_id}.json"
    if record.exists():
        shutil.copyfile(record, target.runs / record.name)


def benchmark_folders(data: Path, preset: str | None = None) -> list[Path]:
    """Folders of the benchmarks of ``data`` that have ended, the newest first; of one preset if it is named.

    Those whose manifest cannot be read are left out: :func:`read_benchmarks` tells which they are.
    """
    found = []
    for path in lab_folder(data).glob(f"*/{MANIFEST}"):
        with suppress(Refused):
            manifest = _manifest(path)
            if manifest.finished_at is not None and preset in (None, manifest.preset):
                found.append((manifest.finished_at, path.parent))
    return [folder for _, folder in sorted(found, reverse=True)]


def read_benchmarks(data: Path) -> tuple[list[Benchmark], list[str]]:
    """The benchmarks of ``data`` that have ended, the newest first, and for each that cannot be read the reason."""
    found, refused = [], []
    for path in sorted(lab_folder(data).glob(f"*/{MANIFEST}")):
        try:
            if _manifest(path).finished_at is not None:
                found.append(read_benchmark(path.parent))
        except Refused as exc:
            refused.append(str(exc))
    return sorted(found, key=lambda one: one.manifest.finished_at or one.manifest.started_at, reverse=True), refused


def read_benchmark(folder: Path) -> Benchmark:
    """A benchmark as it was stored, also one that was stopped.

    Raises:
        Refused: there is none in ``folder``, or it is none of this version.
    """
    manifest = _manifest(folder / MANIFEST)
    try:
        runs, scopes = (_read(folder / name, table) for name, table in ((RUNS, LabRuns), (SCOPES, LabScopes)))
        stages = _read(folder / STAGES, LabStages) if (folder / STAGES).exists() else LabStages.frame()
    except (OSError, ValueError, SchemaError, pl.exceptions.PolarsError) as exc:
        raise Refused(f"{folder} holds no whole benchmark: {str(exc).splitlines()[0]}") from exc
    return Benchmark(folder, manifest, runs, scopes, stages)


def _manifest(path: Path) -> Manifest:
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except OSError as exc:
        raise Refused(f"there is no benchmark in {path.parent}: {exc.strerror}") from exc
    except ValidationError as exc:
        first = exc.errors()[0]
        reason = ": ".join((".".join(map(str, first["loc"])), first["msg"])) if first["loc"] else first["msg"]
        raise Refused(f"{path} is no manifest of this version: {reason}") from exc


def _read(path: Path, table: type[Table]) -> pl.DataFrame:
    frame = table.fitted(pl.read_parquet(path, glob=False, hive_partitioning=False))
    table.validate(frame)
    return frame
