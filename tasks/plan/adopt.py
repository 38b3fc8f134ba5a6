"""Measurements that need not be made again: those of runs that ended before they were loaded, and of other warehouses.

A measurement holds for a file if it was made of the same content: of the same path, size, time of change and inode in
an unloaded run; of the same fingerprint and size in another warehouse.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from pandera.errors import SchemaError, SchemaErrors

from tasks.core.units import printable
from tasks.plan.elsewhere import CANNOT_READ, columns_of, opened, rows_under_our_ids
from tasks.schema import warehouse_tables
from tasks.schema.probes import Probes
from tasks.schema.table import Table

TABLES: tuple[type[Table], ...] = (Probes, *(t for t in warehouse_tables() if t.part_of() == Probes.table_name()))
"""``probes`` and its parts: a measurement is a row of the first with its rows of the others."""
USABLE = ("ok", "partial")
"""A file that could not be read is measured again: it may have been the disk."""
_SEEN = ("size_bytes", "mtime_ns", "ctime_ns", "inode")
_KEYS = ("file_id", *_SEEN, "status", "engine_version", "probed_at")
_ROWS_A_CHECK = 100_000
_SAVES_AT_ONCE = 1_000
"""Saves whose keys are compared together: every comparison looks at all files that are to be measured."""
_WRONG = (*CANNOT_READ, ValueError)


@dataclass(frozen=True)
class Adopted:
    """Measurements taken over, under the ids of the files they hold for."""

    rows: dict[type[Table], pl.DataFrame]
    """Rows by table, to be staged in one save; tables without rows are not in it."""
    file_ids: pl.Series
    """The files that need not be measured."""
    resumed_count: int
    """Of these, files measured by a run that was not loaded."""
    reused_count: int
    """Of these, files whose content another warehouse knows."""
    notes: tuple[str, ...]
    """What could not be used, and why, for people."""


def adopted(
    to_probe: pl.DataFrame,
    *,
    staging: Path,
    fingerprints: pl.DataFrame,
    warehouses: Sequence[Path] = (),
    engine_versions: Collection[str] | None = None,
) -> Adopted:
    """The measurements that exist already of the files ``to_probe`` (rows of ``files``).

    Args:
        staging: staging folder of this run; those of other runs lie beside it.
        fingerprints: rows of ``fingerprints`` that this run has read.
        warehouses: DuckDB files that may know the content; the first that does is asked. One that cannot be read is a
            note.
        engine_versions: versions whose measurements count; ``None`` for any.
    """
    rows = _by_table(_sound([*_of_unloaded_runs(to_probe, staging, engine_versions)]))
    resumed_count = sum(frame.height for frame in rows[Probes])
    notes = []
    for warehouse in warehouses:
        left = to_probe.join(_file_ids(rows[Probes]), on="file_id", how="anti", maintain_order="left")
        printed = left.join(fingerprints.drop("content_hash"), on=["path_bytes", "size_bytes", "mtime_ns", "inode"])
        if not printed.height:
            break
        try:
            found = _of_warehouse(printed, warehouse, engine_versions)
        except _WRONG as exc:
            reason = printable(str(exc).partition("\n")[0])
            notes.append(f"measurements of {printable(str(warehouse))} were not taken over: {reason}")
            continue
        for table, frame in found.items():
            rows[table].append(frame)
    file_ids = _file_ids(rows[Probes])["file_id"]
    return Adopted(
        rows={table: pl.concat(frames) for table, frames in rows.items() if any(frame.height for frame in frames)},
        file_ids=file_ids,
        resumed_count=resumed_count,
        reused_count=file_ids.len() - resumed_count,
        notes=tuple(notes),
    )


def _by_table(measurements: Sequence[Mapping[type[Table], pl.DataFrame]]) -> dict[type[Table], list[pl.DataFrame]]:
    return {table: [m[table] for m in measurements if table in m] for table in TABLES}


def _sound(measurements: list[dict[type[Table], pl.DataFrame]]) -> list[dict[type[Table], pl.DataFrame]]:
    """The ``measurements`` without those with a row that breaks today's rules: these files are measured again.

    They are looked at together, and only where something is wrong one save after the other, which takes far longer.
    """
    together = {table: pl.concat(frames) for table, frames in _by_table(measurements).items() if frames}
    return measurements if _is_sound(together) else [m for m in measurements if _is_sound(m)]


def _is_sound(measurement: Mapping[type[Table], pl.DataFrame]) -> bool:
    try:
        for table, frame in measurement.items():
            for rows in frame.iter_slices(_ROWS_A_CHECK):
                table.validate(rows)
    except (SchemaError, SchemaErrors):
        return False
    return True


def _file_ids(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat([Probes.frame().select("file_id"), *(frame.select("file_id") for frame in frames)])


def _counts(engine_versions: Collection[str] | None) -> pl.Expr:
    is_usable = pl.col("status").is_in(list(USABLE))
    return is_usable if engine_versions is None else is_usable & pl.col("engine_version").is_in(list(engine_versions))


def _of_unloaded_runs(
    to_probe: pl.DataFrame, staging: Path, engine_versions: Collection[str] | None
) -> Iterator[dict[type[Table], pl.DataFrame]]:
    """What lies in the staging folders of other runs, one save after the other; of each file the newest measurement.

    The keys of all saves are read first, and the rest of a save only where it has something.
    """
    if not to_probe.height:  # an unchanged library: the folders of many ended runs may lie here
        return
    saves = [
        save
        for run in sorted(staging.parent.iterdir())
        if run != staging
        for save in sorted(run.glob(f"*/*/[0-9]*/{Probes.table_name()}.parquet"))
    ]
    seen = to_probe.select("file_id", *(pl.col(name).alias(f"seen_{name}") for name in _SEEN))
    found = []
    for start in range(0, len(saves), _SAVES_AT_ONCE):
        keys = [_keys(save, start + number) for number, save in enumerate(saves[start : start + _SAVES_AT_ONCE])]
        found.append(_still_true(pl.concat(keys), seen, engine_versions))
    if not any(frame.height for frame in found):
        return
    newest = pl.concat(found).sort("probed_at", "save").unique("file_id", keep="last", maintain_order=True)
    for (number,), chosen in newest.group_by("save", maintain_order=True):
        try:
            yield _whole_save(saves[int(str(number))].parent, chosen)
        except _WRONG:  # written by a version of this program with other columns: these files are measured again
            continue


def _keys(save: Path, number: int) -> pl.DataFrame:
    """What decides whether a measurement still holds, of the rows of one save, and in ``save`` its number."""
    try:
        keys = pl.read_parquet(save, columns=list(_KEYS), glob=False)
    except _WRONG:  # torn by a crash of the machine
        keys = Probes.frame().select(_KEYS)
    return keys.with_columns(save=pl.lit(number, dtype=pl.Int64))


def _still_true(keys: pl.DataFrame, seen: pl.DataFrame, engine_versions: Collection[str] | None) -> pl.DataFrame:
    """Of the measurements those of the content that is ``seen`` now: ``file_id``, ``probed_at`` and ``save``."""
    same_content = pl.all_horizontal(pl.col(name) == pl.col(f"seen_{name}") for name in _SEEN if name != "ctime_ns")
    same_rights = (pl.col("status") == "ok") | (pl.col("ctime_ns") == pl.col("seen_ctime_ns"))
    return (
        keys.filter(_counts(engine_versions))
        .join(seen, on="file_id")
        .filter(same_content & same_rights)
        .select("file_id", "probed_at", "save")
    )


def _whole_save(folder: Path, chosen: pl.DataFrame) -> dict[type[Table], pl.DataFrame]:
    """The rows of the ``chosen`` files that were saved together in ``folder``."""
    return {
        table: table.fitted(pl.read_parquet(path, glob=False)).join(chosen, on="file_id", how="semi")
        for table in TABLES
        if (path := folder / f"{table.table_name()}.parquet").exists()
    }


def _of_warehouse(
    wanted: pl.DataFrame, warehouse: Path, engine_versions: Collection[str] | None
) -> dict[type[Table], pl.DataFrame]:
    """Measurements of the same content (``fingerprint`` and size of the ``wanted`` files) in another warehouse.

    Rows that break the rules of their table are not taken: nothing of that warehouse is.
    """
    with opened(warehouse) as connection:
        if "fingerprint" not in columns_of(connection, Probes):
            raise ValueError("it holds no fingerprints; a refresh of its library with this version writes them")
        connection.register("wanted_files", wanted.select("file_id", "fingerprint", "size_bytes"))
        theirs = connection.sql(_SAME_CONTENT).pl()
        chosen = (
            theirs.filter(_counts(engine_versions))
            .sort("probed_at", "their_id")
            .unique("file_id", keep="last", maintain_order=True)
            .select("file_id", "their_id")
        )
        found = {table: rows_under_our_ids(connection, table, chosen) for table in TABLES}
    here = wanted.select("file_id", "mtime_ns", "ctime_ns", "inode")
    found[Probes] = (
        found[Probes].drop("mtime_ns", "ctime_ns", "inode").join(here, on="file_id").select(list(Probes.dtypes()))
    )
    if not _is_sound(found):
        raise ValueError("it has rows that break the rules of this version")
    return found


_SAME_CONTENT = """
SELECT wanted_files.file_id, theirs.file_id AS their_id, theirs.status, theirs.engine_version, theirs.probed_at
FROM wanted_files JOIN probes AS theirs
    ON theirs.fingerprint = wanted_files.fingerprint AND theirs.size_bytes = wanted_files.size_bytes
"""
