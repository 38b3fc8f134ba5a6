"""Gather a run's staged rows, check them, and write what may be loaded and what may not."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tasks.collect.check import REASON, aligned, checked, has_twins, last_by_key, without_owner
from tasks.core import atomic
from tasks.core.progress import progress
from tasks.core.stopwatch import record_value, span
from tasks.schema import table as table_called
from tasks.schema import warehouse_tables
from tasks.schema.files import Files, Purges
from tasks.schema.runs import Failures, Outcomes, Quarantine
from tasks.schema.table import Table
from tasks.staging import Collected, latest_outcomes, read_staged

_SOURCE = "staged_in"
_NAMES_FOR_PEOPLE = ("path", "title", "name")


def collect(staging: Path, *, run_id: str) -> Collected:
    """Write the rows of every warehouse table that a run has staged into ``<staging>/collected``; return the counts.

    The files whose rows are to go are written beside them, as rows of ``purges``.

    A second call on the same staging folder writes the same files. What a row belongs to (``part_of``) must have been
    saved with it: where an item was saved twice, the later save stands, and parts of the earlier one go.

    Raises:
        KeyError, TypeError: a step staged rows that are no rows of their table; a bug of that step.
        StorageFull: the disk is full.
    """
    folder = staging / "collected"
    set_aside = []
    owners: dict[str, _Owner] = {}
    rows: dict[str, int] = {}
    tables = [t for t in _owners_first(warehouse_tables()) if t not in (Failures, Quarantine)]
    progress.begin("collect", len(tables))
    for table in tables:
        owner = owners.get(table.part_of() or "")
        with span("collect.table", item=table.table_name()) as timing:
            rows[table.table_name()], found = _collect_table(table, owner, staging, folder)
            set_aside.append(_refused_rows(table, found.refused))
            timing.note(good=rows[table.table_name()], refused=found.refused.height)
        if table.part_of() is None:
            owners[table.table_name()] = found
        progress.advance("collect")
    rows[Purges.table_name()] = _write(Purges, _purges(staging), folder)
    refused = pl.concat(set_aside)
    unfinished, names = _outcomes(staging, refused["item_id"])
    failures = _failures(unfinished, run_id)
    rows[Failures.table_name()] = _write(Failures, failures, folder)
    quarantine = _quarantine(refused, names, unfinished, run_id)
    rows[Quarantine.table_name()] = _write(Quarantine, quarantine, folder)
    progress.finish("collect")
    rows = {name: count for name, count in rows.items() if count}
    record_value("collect.rows", sum(rows.values()))
    return Collected(
        run_id=run_id,
        folder=str(folder),
        rows=rows,
        quarantined=dict(sorted(Counter(quarantine["refused_by"].to_list()).items())),
        failed_count=failures.height,
        content=_content(folder, rows),
    )


def _owners_first(tables: Iterable[type[Table]]) -> list[type[Table]]:
    return sorted(tables, key=lambda table: table.part_of() is not None)


@dataclass(frozen=True)
class _Owner:
    """What the parts of a table must know of the rows they belong to."""

    refused: pl.DataFrame
    """Refused rows, with the reason."""
    replaced: pl.DataFrame
    """Keys, and the save (column ``staged_in``) of them that a later save has replaced."""


def _collect_table(table: type[Table], owner: _Owner | None, staging: Path, folder: Path) -> tuple[int, _Owner]:
    """Write the good rows of one table; return their number, and what its parts must know.

    A function of its own, so that the rows of one table are gone from memory before the next is read.
    """
    staged = aligned(table, _current(table, owner, staging) if owner else read_staged(table, staging=staging))
    replaced = _replaced(table, staged, staging)
    staged = last_by_key(table, staged)
    refused = []
    if owner is not None and owner.refused.height:
        owned = without_owner(staged, owner.refused, owner=table_called(table.part_of() or ""))
        staged = owned.good
        refused.append(owned.refused)
    own = checked(table, staged)
    return _write(table, own.good, folder), _Owner(pl.concat([*refused, own.refused]), replaced)


def _purges(staging: Path) -> pl.DataFrame:
    """Files whose rows go: one that the same run found again, and so staged a row of ``files`` for, stays."""
    purges = aligned(Purges, read_staged(Purges, staging=staging)).unique(maintain_order=True)
    if not purges.height:
        return purges
    found = read_staged(Files, staging=staging).select("file_id")
    return purges.join(found, on="file_id", how="anti", maintain_order="left")


def _replaced(table: type[Table], staged: pl.DataFrame, staging: Path) -> pl.DataFrame:
    """Keys that were saved more than once, with the saves that are out of date; for tables with parts only.

    Others, of which people stand in the save of every title they belong to, need it not, and it takes memory.
    """
    key = table.key()
    has_parts = any(part.part_of() == table.table_name() for part in warehouse_tables())
    if not has_parts or not has_twins(staged, key):
        return staged.select(key).clear()
    saves = read_staged(table, staging=staging, source=_SOURCE).select(*key, _SOURCE)
    latest = saves.unique(key, keep="last", maintain_order=True)
    return saves.unique().join(latest, on=saves.columns, how="anti")


def _current(part: type[Table], owner: _Owner, staging: Path) -> pl.DataFrame:
    """Rows of ``part`` without those that were saved with an owner which a later save has replaced.

    Without this a file that was measured twice in one run would keep a stream that only the first attempt saw.
    """
    if not owner.replaced.height:
        return read_staged(part, staging=staging)
    saves = read_staged(part, staging=staging, source=_SOURCE)
    return saves.join(owner.replaced, on=owner.replaced.columns, how="anti", maintain_order="left").drop(_SOURCE)


def _refused_rows(table: type[Table], refused: pl.DataFrame) -> pl.DataFrame:
    key = table.key()
    name = next((name for name in _NAMES_FOR_PEOPLE if name in refused.columns), None)
    return refused.select(
        item_id=pl.col(key[0]).cast(pl.String),
        refused_by=pl.lit(table.table_name()),
        row_key=pl.concat_str([pl.col(name).cast(pl.String).fill_null("null") for name in key], separator="/"),
        name=pl.col(name) if name else pl.lit(None, dtype=pl.String),
        reason=pl.col(REASON),
    )


def _outcomes(staging: Path, refused_ids: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Last outcomes of the items that failed or were given up; and item id -> the item for people, of the refused.

    One stage at a time: nearly all outcomes are "done", and a million of them need not lie in memory four times.
    """
    unfinished, names = [Outcomes.frame()], [Outcomes.frame().select("item_id", "item")]
    stages = sorted({path.parts[-4] for path in staging.glob(f"*/*/[0-9]*/{Outcomes.table_name()}.parquet")})
    for stage in stages:
        outcomes = aligned(Outcomes, read_staged(Outcomes, staging=staging, stage=stage))
        suspects = outcomes.filter(pl.col("outcome").is_in(["failed", "quarantined"]))["item_id"].unique()
        latest = latest_outcomes(outcomes.filter(pl.col("item_id").is_in(suspects.implode())))
        unfinished.append(latest.filter(pl.col("outcome").is_in(["failed", "quarantined"])))
        names.append(outcomes.filter(pl.col("item_id").is_in(refused_ids.implode())).select("item_id", "item"))
    return pl.concat(unfinished), pl.concat(names).unique("item_id", keep="first", maintain_order=True)


def _quarantine(refused: pl.DataFrame, names: pl.DataFrame, unfinished: pl.DataFrame, run_id: str) -> pl.DataFrame:
    by_checks = refused.join(names, on="item_id", how="left", maintain_order="left").select(
        run_id=pl.lit(run_id),
        refused_by="refused_by",
        row_key="row_key",
        item=pl.coalesce("item", "name"),
        reason="reason",
        cause=pl.lit(None, dtype=pl.String),
        attempts=pl.lit(None, dtype=pl.Int64),
    )
    by_stages = unfinished.filter(pl.col("outcome") == "quarantined").select(
        run_id=pl.lit(run_id),
        refused_by="stage",
        row_key="item_id",
        item="item",
        reason=pl.coalesce("reason", "cause", pl.lit("the step gave no reason")),
        cause="cause",
        attempts="attempt",
    )
    # Rows whose own key has holes share a row_key; a number tells them apart, so that none is lost.
    number = pl.int_range(pl.len()).over("refused_by", "row_key") + 1
    return pl.concat([by_stages, by_checks]).with_columns(
        row_key=pl.when(number > 1).then(pl.format("{}#{}", "row_key", number)).otherwise("row_key")
    )


def _failures(outcomes: pl.DataFrame, run_id: str) -> pl.DataFrame:
    return outcomes.filter(pl.col("outcome") == "failed").select(
        run_id=pl.lit(run_id),
        stage="stage",
        item_id="item_id",
        item="item",
        cause=pl.col("cause").fill_null("unknown"),
        reason=pl.coalesce("reason", "cause", pl.lit("the step gave no reason")),
        is_transient="is_transient",
        attempts="attempt",
    )


def _write(table: type[Table], frame: pl.DataFrame, folder: Path) -> int:
    target = folder / f"{table.table_name()}.parquet"
    if not frame.height:
        target.unlink(missing_ok=True)  # left by an earlier attempt that had rows
        return 0
    with atomic.writing(target) as temporary:
        frame.write_parquet(temporary)
    return frame.height


def _content(folder: Path, tables: Iterable[str]) -> str:
    hasher = hashlib.blake2b(digest_size=12)
    for name in sorted(tables):
        with (folder / f"{name}.parquet").open("rb") as file:
            hasher.update(f"{name}:{hashlib.file_digest(file, 'blake2b').hexdigest()};".encode())
    return hasher.hexdigest()
