"""What steps leave for each other: Parquet files in the run's staging folder, whole or not at all.

::

    staging/<run>/known/<table>.parquet                     what the warehouse held when the run began
    staging/<run>/<stage>/<batch>.items.parquet             what the batch has to do
    staging/<run>/<stage>/<batch>/<attempt>-<part>-<token>/<table>.parquet   what it has done

A batch that is run again (by Prefect's retry, the Retry button or after a crash) reads what its earlier attempts left
and works on the rest only. Two may work on the same batch at the same time, where Dask has given up a worker that still
lives: each part has a name of its own, and whoever reads takes the later one of an item.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from tasks.core import atomic
from tasks.core.errors import BatchAbandoned, BatchIncomplete, ItemError, RefreshError, Transient
from tasks.core.ids import digest
from tasks.core.progress import progress
from tasks.schema.files import Identities, PresentFiles
from tasks.schema.runs import Costs, Outcomes
from tasks.schema.table import Table
from tasks.schema.titles import Matches

ITEMS_SUFFIX = ".items.parquet"
_LABELS = ("path", "title", "source_path")
"""Columns that name an item for people, where a batch has one."""


@dataclass(frozen=True)
class Batch:
    """A share of a stage's items; small, plain and equal for equal items, as Prefect's result cache needs it."""

    stage: str
    name: str
    """Name within the stage: ``0003``."""
    staging: str
    """Staging folder of the run."""
    item_count: int
    content: str
    """Digest of the item ids, so that a batch with other items is another batch."""

    @property
    def items_path(self) -> Path:
        """Parquet file with one row an item."""
        return Path(self.staging, self.stage, f"{self.name}{ITEMS_SUFFIX}")

    @property
    def folder(self) -> Path:
        """Folder of the attempts."""
        return Path(self.staging, self.stage, self.name)

    def items(self) -> pl.DataFrame:
        """The items of the batch, as the step that cut it wrote them."""
        return pl.read_parquet(self.items_path, glob=False)


@dataclass(frozen=True)
class BatchResult:
    """What a batch came to: counts only, the rows are in staging."""

    stage: str
    name: str
    done_count: int
    quarantined_count: int
    failed_count: int
    deferred_count: int
    counters: Mapping[str, int] = field(default_factory=dict)
    """What it cost, by name: ``calls``, ``cache_hits``, ``downloads``."""


Results = tuple[BatchResult | None, ...]
"""Results of the batches a plan builds on, ``None`` where one failed.

A plan reads their rows from staging; it takes the results so that Prefect plans anew when a retry has changed them.
"""


@dataclass(frozen=True)
class StagePlan:
    """The items of one stage: how many there are, and the batches of those that need work."""

    total_count: int
    batches: tuple[Batch, ...]


@dataclass(frozen=True)
class Outcome:
    """What became of one item of a batch."""

    item_id: str
    item: str
    outcome: str
    error: RefreshError | None = None
    reason: str | None = None
    """Why it was deferred or set aside where no error says it."""

    def row(self, stage: str, attempt: int) -> dict[str, Any]:
        """The row of ``outcomes``."""
        reason = self.reason
        if isinstance(self.error, ItemError):
            reason = self.error.reason
        elif self.error is not None:
            reason = str(self.error)
        return {
            "stage": stage,
            "item_id": self.item_id,
            "item": self.item,
            "outcome": self.outcome,
            "cause": type(self.error).__name__ if self.error else None,
            "reason": reason,
            "is_transient": isinstance(self.error, Transient),
            "attempt": attempt,
        }


def cut(
    items: pl.DataFrame,
    *,
    stage: str,
    staging: Path,
    id_column: str,
    batch_size: int,
    max_batches: int,
    prefix: str = "",
) -> list[Batch]:
    """Cut ``items`` into batches and write each one's items; the same items give the same batches.

    Batches hold ``batch_size`` items, more where that would make more than ``max_batches`` of them. The order of
    ``items`` is kept, so whoever cuts decides what lies together. Their names begin with ``prefix``, for stages that
    are cut in several goes.

    A run that is executed again (Retry) may find other items, because it knows more now. An item stays in the batch it
    was in, so that what is done of it is found there; only items that are in none are cut into further batches.
    """
    earlier = _earlier_batches(items, stage=stage, staging=staging, id_column=id_column, prefix=prefix)
    if earlier:
        kept = pl.concat([batch.items().select(id_column) for batch in earlier])
        items = items.join(kept, on=id_column, how="anti", maintain_order="left")
    first = 1 + max((_number(path, prefix) for path in _items_paths(staging, stage, prefix)), default=-1)
    size = max(batch_size, -(-items.height // max_batches))
    batches = []
    for number, start in enumerate(range(0, items.height, size), start=first):
        share = items.slice(start, size)
        batch = _batch(share, stage=stage, name=f"{prefix}{number:04d}", staging=staging, id_column=id_column)
        with atomic.writing(batch.items_path) as temporary:
            share.write_parquet(temporary)
        batches.append(batch)
    return [*earlier, *batches]


def _earlier_batches(items: pl.DataFrame, *, stage: str, staging: Path, id_column: str, prefix: str) -> list[Batch]:
    """The batches that an earlier execution of the run has cut, with those of their items that are still wanted."""
    batches = []
    for path in _items_paths(staging, stage, prefix):
        share = pl.read_parquet(path, glob=False)
        wanted = share.join(items, on=id_column, how="semi", maintain_order="left")
        if not wanted.height:
            continue
        if wanted.height < share.height:
            with atomic.writing(path) as temporary:
                wanted.write_parquet(temporary)
        name = path.name.removesuffix(ITEMS_SUFFIX)
        batches.append(_batch(wanted, stage=stage, name=name, staging=staging, id_column=id_column))
    return batches


def _items_paths(staging: Path, stage: str, prefix: str) -> list[Path]:
    return sorted(Path(staging, stage).glob(f"{prefix}[0-9]*{ITEMS_SUFFIX}"))


def _number(path: Path, prefix: str) -> int:
    return int(path.name.removeprefix(prefix).removesuffix(ITEMS_SUFFIX))


def _batch(share: pl.DataFrame, *, stage: str, name: str, staging: Path, id_column: str) -> Batch:
    return Batch(
        stage=stage,
        name=name,
        staging=str(staging),
        item_count=share.height,
        content=digest(*(str(i) for i in share[id_column].to_list())),
    )


class Ledger:
    """What one batch has left so far, and the place for what this attempt adds.

    ::

        ledger = Ledger(batch, id_column="file_id")
        for chunk in chunks(ledger.open_items()):
            ...
            ledger.save({Probes: rows}, outcomes)
        return ledger.close()
    """

    def __init__(self, batch: Batch, *, id_column: str) -> None:
        self.batch = batch
        self._id_column = id_column
        earlier = sorted(int(p.name.partition("-")[0]) for p in batch.folder.glob("[0-9]*") if p.is_dir())
        self.attempt = earlier[-1] + 1 if earlier else 1
        self._part = 0
        # Another attempt with the same number may be at work on another machine: neither takes the other's place.
        self._token = secrets.token_hex(4)
        self._counters: dict[str, int] = {}

    def open_items(self) -> pl.DataFrame:
        """The items that no earlier attempt has settled, in the batch's order; for once at the attempt's beginning."""
        outcomes = self._outcomes()
        is_open = (pl.col("outcome") == "failed") & pl.col("is_transient")
        progress.reopen(self.batch.stage, outcomes.filter(is_open).height)
        settled = outcomes.filter(~is_open)["item_id"]
        return self.batch.items().filter(~pl.col(self._id_column).is_in(settled.implode()))

    def count(self, counter: str, amount: int = 1) -> None:
        """Add to a counter of what the batch costs; it is kept with the next part that is saved."""
        self._counters[counter] = self._counters.get(counter, 0) + amount

    def save(
        self,
        rows: Mapping[type[Table], Iterable[Mapping[str, Any]] | pl.DataFrame],
        outcomes: Sequence[Outcome],
    ) -> None:
        """Write rows and outcomes of some items together: after a crash either all of it is there or nothing.

        Raises:
            StorageFull: the disk is full.
        """
        final = self.batch.folder / f"{self.attempt:03d}-{self._part:04d}-{self._token}"
        frames: dict[type[Table], pl.DataFrame] = {
            table: given if isinstance(given, pl.DataFrame) else table.frame(given) for table, given in rows.items()
        }
        frames[Outcomes] = Outcomes.frame([o.row(self.batch.stage, self.attempt) for o in outcomes])
        frames[Costs] = Costs.frame(
            {"stage": self.batch.stage, "counter": counter, "amount": amount}
            for counter, amount in self._counters.items()
        )
        _write_part(final, frames)
        self._part += 1
        self._counters.clear()

    def close(self) -> BatchResult:
        """The counts over all attempts.

        Raises:
            BatchIncomplete: items failed in a way that may pass; what was done is saved.
        """
        if self._counters:
            self.save({}, [])
        outcomes = self._outcomes()
        open_failures = outcomes.filter((pl.col("outcome") == "failed") & pl.col("is_transient"))
        if open_failures.height:
            first = open_failures.row(0, named=True)
            raise BatchIncomplete(
                stage=self.batch.stage,
                batch=self.batch.name,
                failed_count=open_failures.height,
                example=f"{first['item']}: {first['reason']}",
            )
        counts = dict(outcomes.group_by("outcome").len().iter_rows())
        return BatchResult(
            stage=self.batch.stage,
            name=self.batch.name,
            done_count=counts.get("done", 0),
            quarantined_count=counts.get("quarantined", 0),
            failed_count=counts.get("failed", 0),
            deferred_count=counts.get("deferred", 0),
            counters=dict(
                self._parts(Costs).group_by("counter").agg(pl.col("amount").sum()).sort("counter").iter_rows()
            ),
        )

    def abandon(self, error: BaseException) -> None:
        """Give every item that has no outcome yet one: the batch ended with ``error`` before it came to them.

        A later attempt tries them again.
        """
        failed = BatchAbandoned(f"the batch ended with {type(error).__name__}: {error}")
        left = self.batch.items().filter(~pl.col(self._id_column).is_in(self._parts(Outcomes)["item_id"].implode()))
        label = next((name for name in _LABELS if name in left.columns), self._id_column)
        outcomes = [
            Outcome(item_id, str(item), "failed", failed)
            for item_id, item in left.select(self._id_column, pl.col(label).alias("_item")).iter_rows()
        ]
        if outcomes:
            self.save({}, outcomes)

    def _outcomes(self) -> pl.DataFrame:
        return latest_outcomes(self._parts(Outcomes))

    def _parts(self, table: type[Table]) -> pl.DataFrame:
        return _read(table, sorted(self.batch.folder.glob(f"[0-9]*/{table.table_name()}.parquet")))


def _write_part(final: Path, frames: Mapping[type[Table], pl.DataFrame]) -> None:
    with atomic.writing_folder(final) as temporary:
        for table, frame in frames.items():
            if frame.height:
                frame.write_parquet(temporary / f"{table.table_name()}.parquet")


def write_staged(rows: Mapping[type[Table], pl.DataFrame], *, staging: Path, stage: str) -> None:
    """Write what a step that works on everything at once (a plan) has found; a second call takes the first's place."""
    final = staging / stage / "all" / "001-0000"
    shutil.rmtree(final, ignore_errors=True)
    _write_part(final, rows)


def known_path(table: type[Table], *, staging: Path) -> Path:
    """Where the snapshot of a warehouse table lies."""
    return staging / "known" / f"{table.table_name()}.parquet"


def read_known(table: type[Table], *, staging: Path) -> pl.DataFrame:
    """The rows of ``table`` that the warehouse held when the run began."""
    return pl.read_parquet(known_path(table, staging=staging), glob=False)


def scan_known(table: type[Table], *, staging: Path) -> pl.LazyFrame:
    """What :func:`read_known` gives, not read yet: a step reads the columns and rows that it needs."""
    return pl.scan_parquet(known_path(table, staging=staging), glob=False)


def latest_outcomes(outcomes: pl.DataFrame) -> pl.DataFrame:
    """One row an item and stage: that of its last attempt, of two at the same time that which did not fail."""
    is_better = pl.col("outcome") != "failed"
    return outcomes.sort("attempt", is_better, maintain_order=True).unique(
        ["stage", "item_id"], keep="last", maintain_order=True
    )


def settled_count(staging: str, stage: str) -> int:
    """Items of a stage that earlier executions of the run have settled: all but failures that may pass."""
    outcomes = latest_outcomes(read_staged(Outcomes, staging=Path(staging), stage=stage))
    return outcomes.filter(~((pl.col("outcome") == "failed") & pl.col("is_transient"))).height


def read_staged(table: type[Table], *, staging: Path, stage: str = "*", source: str | None = None) -> pl.DataFrame:
    """All rows of ``table`` that the steps of a run (or of one ``stage``) have left, in a stable order.

    The same key may come twice: a batch may be executed twice. The later attempt stands later.

    Args:
        source: name of a further column with the folder a row was saved in; rows of one save share it.
    """
    paths = _staged_paths(table, staging, stage)
    if source is None:
        return _read(table, paths)
    parts = [_read(table, [path]).with_columns(pl.lit(str(path.parent)).alias(source)) for path in paths]
    return pl.concat(parts) if parts else table.frame().with_columns(pl.lit(None, dtype=pl.String).alias(source))


def scan_staged(table: type[Table], *, staging: Path, stage: str = "*") -> pl.LazyFrame:
    """What :func:`read_staged` gives, not read yet."""
    paths = _staged_paths(table, staging, stage)
    return pl.scan_parquet(paths, glob=False) if paths else table.frame().lazy()


def present_identities(staging: Path, *, stage: str = "*", columns: Sequence[str] | None = None) -> pl.DataFrame:
    """What is known of the names of the files that the run is about: ``identities``, one row a file.

    Args:
        stage: what this stage has read holds over what was known; that of all steps so far by default.
        columns: those to read, ``file_id`` among them; all by default, which takes a gigabyte for a million files.
    """
    names = list(columns or Identities.dtypes())
    read = scan_staged(Identities, staging=staging, stage=stage).select(names).collect()
    read = read.unique("file_id", keep="last", maintain_order=True)
    known = scan_known(Identities, staging=staging).select(names)
    if read.height:
        known = known.join(read.lazy().select("file_id"), on="file_id", how="anti", maintain_order="left")
    present = scan_staged(PresentFiles, staging=staging, stage="plan")
    identities = pl.concat([known, read.lazy()]).join(present, on="file_id", how="semi", maintain_order="left")
    return identities.collect(engine="streaming")  # all that is known passes by, and is not held


def of_files(file_ids: pl.Series, rows: pl.LazyFrame) -> pl.DataFrame:
    """Those of the ``rows`` that belong to these files; the others are not held in memory."""
    return rows.filter(pl.col("file_id").is_in(file_ids.implode())).collect()


def overlaid(rows: pl.DataFrame, newer: pl.DataFrame) -> pl.DataFrame:
    """``rows`` of files, those of which there is a ``newer`` one left out, then the newer ones; each one row a file."""
    if newer.height:
        rows = rows.join(newer.select("file_id"), on="file_id", how="anti", maintain_order="left")
    return pl.concat([rows, newer])


def latest_matches(staging: Path) -> pl.DataFrame:
    """What is known of the titles behind names, after all steps of the run so far: ``matches``, one row a key."""
    return pl.concat(
        [read_known(Matches, staging=staging), read_staged(Matches, staging=staging, stage="match")]
    ).unique("title_key", keep="last", maintain_order=True)


def _staged_paths(table: type[Table], staging: Path, stage: str) -> list[Path]:
    return sorted(staging.glob(f"{stage}/*/[0-9]*/{table.table_name()}.parquet"))


def _read(table: type[Table], paths: Sequence[Path]) -> pl.DataFrame:
    return pl.read_parquet(list(paths), glob=False) if paths else table.frame()


@dataclass(frozen=True)
class Collected:
    """What ``collect`` made of a run's staged rows: counts only, the rows lie in ``folder``, one Parquet file a table.

    ``warehouse`` loads it. Tables without rows have no file and do not stand in ``rows``.
    """

    run_id: str
    folder: str
    rows: Mapping[str, int]
    """Rows to load, by table."""
    quarantined: Mapping[str, int]
    """Rows set aside, by the table whose checks refused them or the stage that gave the item up."""
    failed_count: int
    """Items that failed and may be tried again; each is a row of ``failures``."""
    content: str
    """Digest of the files, so that other rows are another input for the step that loads them."""

    def path(self, table: type[Table]) -> Path:
        """Parquet file of ``table``; it is there if ``rows`` names the table."""
        return Path(self.folder, f"{table.table_name()}.parquet")
