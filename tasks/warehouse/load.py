"""Put collected rows and run records into the warehouse, in the place of those they replace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from tasks.core.progress import progress
from tasks.core.settings import WarehouseSettings
from tasks.core.stopwatch import record_value, span
from tasks.schema import table as table_called
from tasks.schema import warehouse_tables
from tasks.schema.files import Purges
from tasks.schema.runs import Failures, FileEvents, Quarantine, Runs
from tasks.schema.table import Table
from tasks.staging import Collected
from tasks.warehouse.connect import opened_read_only
from tasks.warehouse.ddl import literal, quoted
from tasks.warehouse.insert import Incoming, Insert, by_table, insert_of
from tasks.warehouse.migrate import current_layout, found_layout, migrate
from tasks.warehouse.publish import publishing
from tasks.warehouse.runs import PARTS, RunRecord, pending_records

_OF_THE_RUN: tuple[type[Table], ...] = (Failures, Quarantine, FileEvents)
"""Tables of which ``collect`` makes all rows of its run: no row is an answer too, after a retry that mended all."""

_OUTLIVES_ITS_FILE: tuple[type[Table], ...] = (FileEvents,)
"""What happened to a file is still true when nothing else is known of it any more."""


@dataclass(frozen=True)
class LoadResult:
    """What a load came to."""

    rows: Mapping[str, int]
    """Rows inserted, by table."""
    bytes_written: int
    """Size of the published file; 0 if there was nothing to publish."""
    published: bool


def load(collected: Collected, warehouse: Path, *, data_dir: Path, settings: WarehouseSettings) -> LoadResult:
    """Publish the warehouse with the collected rows and all records of runs that it lacks, without the purged files.

    Loading the same rows twice gives the same tables. Where there are no rows, and the warehouse has the layout of this
    program, nothing is written: the record of such a run waits for the next load.

    Raises:
        StorageFull: there is not enough space; the old warehouse is untouched.
        WarehouseDamaged, WarehouseTooNew, WarehouseBusy: the old warehouse cannot be taken over.
    """
    if not collected.rows and _is_up_to_date(warehouse):
        return LoadResult({}, 0, published=False)
    written_ns = warehouse.stat().st_mtime_ns if warehouse.exists() else 0
    paths = [path for table in warehouse_tables() if (path := collected.path(table)).exists()]
    progress.begin("load", sum(collected.rows.values()))
    with publishing(
        warehouse, settings=settings, incoming_bytes=sum(path.stat().st_size for path in paths)
    ) as connection:
        with span("warehouse.migrate"):
            migrate(connection)
        known_runs = {run_id for (run_id,) in connection.execute("SELECT run_id FROM runs").fetchall()}
        records, refused = pending_records(data_dir, loaded=known_runs, since_ns=written_ns)
        insert = insert_of(settings)
        rows = load_collected(connection, collected, insert)
        _purge(connection, collected)
        rows |= load_records(connection, [_without_collected(record, collected) for record in records], insert)
        if refused:
            _load_refused(connection, Quarantine.frame(r | {"run_id": collected.run_id} for r in refused), insert)
    record_value("load.transactions", 1)
    progress.finish("load")
    return LoadResult(rows, warehouse.stat().st_size, published=True)


def _is_up_to_date(warehouse: Path) -> bool:
    if not warehouse.exists():
        return False
    layout = current_layout()
    with opened_read_only(warehouse) as connection:
        return found_layout(connection, layout) == (layout.version, layout.fingerprint)


def _without_collected(record: RunRecord, collected: Collected) -> RunRecord:
    """The record without the tables that ``collect`` has just made for its run: those rows are the newer ones."""
    if record.run_id != collected.run_id:
        return record
    return RunRecord(record.run_id, {t: frame for t, frame in record.frames.items() if t not in _OF_THE_RUN})


def load_collected(
    connection: duckdb.DuckDBPyConnection, collected: Collected, insert: Insert = by_table
) -> dict[str, int]:
    """Load the files of ``collect``; return rows by table.

    A row takes the place of the one with its key. Parts of a row (``part_of``) are replaced as a whole: a file that is
    measured again keeps no stream that it no longer has.
    """
    sources = {
        table.table_name(): _parquet(collected.path(table))
        for table in warehouse_tables()
        if table.table_name() in collected.rows
    }
    return insert(connection, [i for table in warehouse_tables() if (i := _incoming(table, sources, collected))])


def _incoming(table: type[Table], sources: dict[str, str], collected: Collected) -> Incoming | None:
    source = sources.get(table.table_name())
    if table in _OF_THE_RUN:
        return Incoming(table, source, ["run_id"], f"SELECT {literal(collected.run_id)} AS run_id")
    owner = table.part_of()
    key = table_called(owner).key() if owner else table.key()
    replacing = [s for s in (source, sources.get(owner or "")) if s]
    if not replacing:
        return None
    names = ", ".join(quoted(name) for name in key)
    return Incoming(table, source, key, " UNION ".join(f"SELECT {names} FROM {s}" for s in replacing))


def load_records(connection: duckdb.DuckDBPyConnection, records: Sequence[RunRecord], insert: Insert) -> dict[str, int]:
    """Load records of runs; a part that a record does not name stays as it is. Return rows by table."""
    incoming = []
    tables: tuple[type[Table], ...] = (Runs, *PARTS)
    for table in tables:
        frames = [record.frames[table] for record in records if table in record.frames]
        if frames:
            name = f"incoming_{table.table_name()}"
            connection.register(name, pl.concat(frames))
            run_ids = ", ".join(f"({literal(record.run_id)})" for record in records if table in record.frames)
            incoming.append(Incoming(table, quoted(name), ["run_id"], f"SELECT * FROM (VALUES {run_ids}) AS r(run_id)"))
    return insert(connection, incoming)


def _purge(connection: duckdb.DuckDBPyConnection, collected: Collected) -> None:
    """Take every row of the purged files out of the tables that have a row, or several, a file.

    It comes after the new rows: where a step has staged something for a file that goes, that goes too.
    """
    if Purges.table_name() not in collected.rows:
        return
    purged = f"SELECT file_id FROM {_parquet(collected.path(Purges))}"
    for table in warehouse_tables():
        if "file_id" in table.key() and table not in _OUTLIVES_ITS_FILE:
            with span("load.purge", item=table.table_name()):
                connection.execute(f"DELETE FROM {quoted(table.table_name())} WHERE file_id IN ({purged})").fetchall()
    progress.advance("load", collected.rows[Purges.table_name()])


def _load_refused(connection: duckdb.DuckDBPyConnection, rows: pl.DataFrame, insert: Insert) -> None:
    connection.register("incoming_refused", rows)
    keys = "SELECT run_id, refused_by, row_key FROM incoming_refused"
    insert(connection, [Incoming(Quarantine, "incoming_refused", Quarantine.key(), keys)])


def _parquet(path: Path) -> str:
    """SQL that reads one file, whatever its path looks like: not a pattern, and ``a=b`` in it is not a column."""
    escaped = "".join(f"[{character}]" if character in "*?[" else character for character in str(path))
    return f"read_parquet({literal(escaped)}, hive_partitioning = false)"
