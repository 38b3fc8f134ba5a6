"""Make the sample that the notebooks show before there is a library: ``python -m flows.sample``, a few minutes.

Twelve refreshes of a made library that grows, against the stand-in. What is kept of these real runs is changed only in
this: the runs, seconds apart, are dated as nights; paths begin at ``/videos``; tables, texts and timings that no
notebook asks for are left out.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import orjson
import polars as pl

from flows.benchmark_runs import say
from flows.parameters import PROJECT
from flows.server import serving
from flows.status import EXIT_FAILED_ITEMS
from tasks.core import atomic
from tasks.core.clock import utc_now
from tasks.core.layout import DataFolder
from tasks.core.secrets import VARIABLES
from tasks.standin.faults import Fault
from tasks.standin.running import StandInProcess
from tasks.standin.sample_library import FILM_COUNT, NIGHTS, SEED, SHOW_COUNT, make_sample_library
from tasks.standin.server import StandInOptions
from tasks.timings import read_timings
from tasks.timings.resources import PREFIX
from tasks.warehouse.ddl import literal, quoted
from tasks.warehouse.runs import run_records

SAMPLE = PROJECT / "data" / "sample" / "library"
FIRST_NIGHT = datetime(2026, 1, 5, 3, tzinfo=UTC)
LATENCY_S = 0.02
FAILING_NIGHT = 4
"""Night in which the service refuses one film in ten; the next night tries these again. All its timings are kept."""
KEPT_NIGHT, RESTORED_NIGHT = 6, 10
"""Before the second of these nights the warehouse of the first one is put back, as from a backup."""
_LEFT_OUT = (
    "alternative_titles", "artwork", "artwork_wanted", "attachments", "chapters", "credits", "external_ids",
    "match_candidates", "people", "responses", "title_countries", "title_keywords", "title_studios", "title_videos",
)  # fmt: skip
_TEXTS = (("titles", "overview"), ("titles", "tagline"), ("episodes", "overview"), ("probes", "tags"))
_BLOCK_BYTES = 16 * 1024
"""Smallest that DuckDB takes; with its own default most of a small file is empty."""


@dataclass(frozen=True)
class Shift:
    """A night's run: what lies between its begin and that of the next is dated so much later or earlier."""

    began_at: datetime
    by: timedelta


def make_sample(target: Path) -> None:
    """Refresh the made library night by night, and leave what the notebooks need in ``target``.

    Raises:
        SystemExit: a refresh did not end as it should.
    """
    with tempfile.TemporaryDirectory(prefix="reelhouse-sample-") as folder:
        work = Path(folder).resolve()
        data = DataFolder(work / "data")
        shifts = _nights(work, data)
        shutil.rmtree(target, ignore_errors=True)
        sample = DataFolder(target)
        sample.runs.mkdir(parents=True)
        _keep_runs(data, sample, shifts, work)
        _keep_warehouse(data, sample, shifts, work)


def _nights(work: Path, data: DataFolder) -> list[Shift]:
    options = StandInOptions(film_count=FILM_COUNT, show_count=SHOW_COUNT, seed=SEED, latency_s=LATENCY_S)
    kept = work / "kept.duckdb"
    shifts = []
    with StandInProcess(options) as service, serving(work / "prefect"):
        environment = {
            **os.environ,
            VARIABLES["tmdb"]: options.token,
            "REELHOUSE_DATA_DIR": str(data.path),
            "REELHOUSE_SCRAPE__BASE_URL": service.api_url,
            "REELHOUSE_SCRAPE__ATTEMPTS": "1",
            "REELHOUSE_ARTWORK__STILLS": "false",
            "REELHOUSE_FLOW__RETRIES": "0",
        }
        for night, file_count in enumerate(NIGHTS):
            say(f"night {night + 1} of {len(NIGHTS)}: {file_count} files")
            make_sample_library(work / "videos", night, kept=work / "clips")
            service.set_faults(*([Fault(path="/3/movie/*7")] if night == FAILING_NIGHT else []))
            if night == RESTORED_NIGHT:
                shutil.copyfile(kept, data.warehouse)
            began_at = utc_now()
            shifts.append(Shift(began_at, FIRST_NIGHT + timedelta(days=night) - began_at))
            command = [sys.executable, "-m", "flows.cli", "refresh", str(work / "videos"), "--json"]
            done = subprocess.run(command, env=environment, cwd=work, capture_output=True, check=False)
            states = [record["state"] for record in run_records(data.path)]
            ended = len(states) == night + 1 and states[0] in ("completed", "incomplete")
            if done.returncode not in (0, EXIT_FAILED_ITEMS) or not ended:
                sys.stderr.buffer.write(done.stderr)
                raise SystemExit(f"the refresh of night {night + 1} ended with {done.returncode}")
            if night == KEPT_NIGHT:
                shutil.copyfile(data.warehouse, kept)
    return shifts


def _keep_runs(data: DataFolder, sample: DataFolder, shifts: Sequence[Shift], work: Path) -> None:
    """The records of the runs, and of their timings those that past runs are judged by; of one run all."""
    for record in run_records(data.path, newest=len(shifts)):
        shift = _shift_of(datetime.fromisoformat(record["started_at"]), shifts)
        started_at, finished_at = (
            datetime.fromisoformat(record[name]) + shift for name in ("started_at", "finished_at")
        )
        moved = {"started_at": started_at, "finished_at": finished_at, "name": _name(started_at), "settings": "{}"}
        content = orjson.dumps(record | moved, option=orjson.OPT_INDENT_2)
        run_id = record["run_id"]
        atomic.write_bytes(sample.runs / f"{run_id}.json", content.replace(str(work).encode(), b""))
        timings = read_timings(data.timings, run_id)
        if shift != shifts[FAILING_NIGHT].by:
            name = pl.col("name")
            judged_by = name.str.ends_with(".step") | name.is_in(["refresh.run", "http.request"])
            timings = timings.filter(judged_by | name.str.starts_with(PREFIX)).with_columns(
                item=pl.lit(None, pl.String)
            )
        timings = timings.with_columns(
            pl.col("started_at") + shift,
            pl.col("item", "attributes").str.replace_all(str(work), "", literal=True),
            pl.lit(1, pl.Int64).alias("thread_id"),
            pl.lit(1, pl.Int64).alias("pid"),
        )
        part = sample.timings / f"run_id={run_id}" / "part-1-000000-000000-000000.parquet"
        part.parent.mkdir(parents=True)
        timings.write_parquet(part, compression="zstd")


def _keep_warehouse(data: DataFolder, sample: DataFolder, shifts: Sequence[Shift], work: Path) -> None:
    """The warehouse without what no notebook asks for, in small blocks."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"ATTACH {literal(str(data.warehouse))} AS whole (READ_ONLY)")
        connection.execute("ATTACH ':memory:' AS part")
        connection.execute("COPY FROM DATABASE whole TO part")
        connection.execute("USE part")
        for table in _LEFT_OUT:
            connection.execute(f"DELETE FROM {quoted(table)}")
        for table, column in _TEXTS:
            connection.execute(f"UPDATE {quoted(table)} SET {quoted(column)} = NULL")
        columns = connection.execute(
            "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE database_name = 'part' "
            "AND table_name IN (SELECT table_name FROM duckdb_tables() WHERE database_name = 'part')"
        ).fetchall()
        for table, column, data_type in columns:
            if changed := _changed(quoted(column), data_type, shifts, str(work)):
                connection.execute(f"UPDATE {quoted(table)} SET {quoted(column)} = {changed}")
        connection.execute(
            "UPDATE runs SET settings = '{}', name = 'refresh videos ' || strftime(started_at, '%Y-%m-%d %H:%M')"
        )
        connection.execute(f"ATTACH {literal(str(sample.warehouse))} AS small (BLOCK_SIZE {_BLOCK_BYTES})")
        connection.execute("COPY FROM DATABASE part TO small")
        connection.execute("DETACH small")


def _changed(column: str, data_type: str, shifts: Sequence[Shift], work: str) -> str | None:
    """What becomes of a column that holds paths or times; ``None`` for others."""
    if data_type == "VARCHAR":
        return f"replace({column}, {literal(work)}, '')"
    if data_type == "BLOB":
        return f"encode(replace(decode({column}), {literal(work)}, ''))"
    if data_type == "TIMESTAMP WITH TIME ZONE":
        nights = "".join(
            f" WHEN {column} >= {literal(shift.began_at.isoformat())}::TIMESTAMPTZ "
            f"THEN {column} + to_microseconds({shift.by // timedelta(microseconds=1)})"
            for shift in reversed(shifts)
        )
        return f"CASE{nights} ELSE {column} END"
    return None


def _shift_of(at: datetime, shifts: Sequence[Shift]) -> timedelta:
    return next(shift.by for shift in reversed(shifts) if at >= shift.began_at)


def _name(started_at: datetime) -> str:
    return f"refresh videos {started_at:%Y-%m-%d %H:%M}"


def main(arguments: Sequence[str]) -> None:
    """Make the library that the notebooks show before there is one."""
    parser = argparse.ArgumentParser(prog="python -m flows.sample", description=main.__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=SAMPLE, help="where to (default: data/sample/library)")
    target = parser.parse_args(arguments).folder
    make_sample(target)
    size_bytes = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    say(f"{target}: {size_bytes / 1024:.0f} KiB")


if __name__ == "__main__":
    main(sys.argv[1:])
