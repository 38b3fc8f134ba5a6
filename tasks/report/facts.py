"""The facts of a run, from its record, the warehouse and the timing summary; nothing is worded here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tasks.report.items import Item, failed_items, set_aside_items
from tasks.report.library import LibraryFacts, read_library


@dataclass(frozen=True)
class StageAccount:
    """What became of the items of one stage."""

    stage: str
    total_count: int
    unchanged_count: int
    done_count: int
    quarantined_count: int
    failed_count: int
    deferred_count: int

    @property
    def unaccounted_count(self) -> int:
        """Items that stand nowhere; anything but 0 is a fault of ours and is shown."""
        return self.total_count - (
            self.unchanged_count + self.done_count + self.quarantined_count + self.failed_count + self.deferred_count
        )


@dataclass(frozen=True)
class Skip:
    """Entries that discovery passed over for one reason."""

    root: str
    reason: str
    skip_count: int
    example_path: str


@dataclass(frozen=True)
class RootFacts:
    """How a root, or the folder in it that was asked for, was found."""

    root: str
    folder: str
    state: str
    reason: str | None
    file_count: int
    expected_count: int
    held_back_count: int


@dataclass(frozen=True)
class FileEvent:
    """What happened to a known file."""

    event: str
    path: str
    earlier_path: str | None = None
    proof: str | None = None
    is_upgrade: bool | None = None
    earlier_size_bytes: int | None = None
    size_bytes: int | None = None
    earlier_quality: str | None = None
    quality: str | None = None
    earlier_video_codec: str | None = None
    video_codec: str | None = None
    earlier_hdr_format: str | None = None
    hdr_format: str | None = None
    earlier_bitrate_bps: int | None = None
    bitrate_bps: int | None = None


@dataclass(frozen=True)
class ItemGroup:
    """Items that failed or were set aside for the same cause."""

    where: str
    """Stage, or table whose checks refused the row."""
    cause: str
    is_transient: bool
    item_count: int
    items: tuple[tuple[str, str], ...]
    """Item and reason, in the order of the items, the first few of ``item_count``."""
    query: str
    """SQL that lists all of them."""
    next_step: str
    """What a person can do, and what makes them be tried again."""


@dataclass(frozen=True)
class Link:
    """Words and the address they lead to; ``None`` where there is none."""

    text: str
    address: str | None


@dataclass(frozen=True)
class SlowItem:
    """One of the items that took longest."""

    scope: str
    item: str
    duration_s: float


@dataclass(frozen=True)
class StageTime:
    """How long a stage was at work."""

    stage: str
    batch_count: int
    busy_s: float
    """Time in which at least one of its batches was open."""
    item_count: int | None
    """Items it worked on; ``None`` for a step that is no stage of items."""


@dataclass(frozen=True)
class Scope:
    """Where time went: one row of the timing summary."""

    name: str
    count: int
    error_count: int
    p50_s: float
    p95_s: float
    total_s: float
    wall_ratio: float | None
    concurrency: float | None


@dataclass(frozen=True)
class RunFacts:
    """All that a report says."""

    run_id: str
    name: str
    state: str
    wall_s: float | None
    roots: tuple[str, ...]
    file_count: int
    probe_count: int
    call_count: int
    image_count: int
    task_run_count: int
    peak_memory_bytes: int | None
    counters: Mapping[str, int]
    """What it cost besides, by name; names that end in ``_bytes`` are sizes."""
    stages: tuple[StageAccount, ...]
    skips: tuple[Skip, ...]
    failures: tuple[ItemGroup, ...]
    quarantine: tuple[ItemGroup, ...]
    library: LibraryFacts | None
    """``None`` where there is no warehouse yet."""
    scopes: tuple[Scope, ...]
    notes: tuple[str, ...]
    odd_roots: tuple[RootFacts, ...] = ()
    """Roots that are not as they were, so that files which were not found may still be there."""
    events: tuple[FileEvent, ...] = ()
    """The first of what happened to known files; ``counters`` has the numbers of all."""
    stage_times: tuple[StageTime, ...] = ()
    slowest: tuple[SlowItem, ...] = ()
    titles: tuple[Link, ...] = ()
    """The first titles that were fetched, with their pages."""
    links: tuple[Link, ...] = ()

    def file_count_of(self, change: str) -> int:
        """Files that are new, changed, moved, replaced, upgraded, vanished, returned, purged or held_back."""
        return self.counters.get(f"{change}_files", 0)

    @property
    def did_nothing(self) -> bool:
        """Whether the run found everything as the last one had left it; looking (``discover``) is not counted."""
        return not (
            any(stage.failed_count or (stage.done_count and stage.stage != "discover") for stage in self.stages)
            or any(self.file_count_of(change) for change in _CHANGES)
            or self.odd_roots
            or self.probe_count + self.call_count + self.image_count
        )


_CHANGES = ("new", "changed", "moved", "replaced", "vanished", "returned", "purged", "held_back")


def facts(
    run: Mapping[str, Any],
    *,
    warehouse: Path | None = None,
    durations: pl.DataFrame | None = None,
    slowest: pl.DataFrame | None = None,
    titles: Sequence[Link] = (),
    links: Sequence[Link] = (),
    item_limit: int = 20,
    scope_limit: int = 12,
) -> RunFacts:
    """The facts of one run.

    Args:
        run: a row of ``runs`` as a mapping, with the rows of its parts as lists of mappings under ``run_stages``,
            ``run_roots``, ``run_skips``, ``failures`` and ``quarantine``, and optionally ``counters`` (a mapping of
            names to counts), ``file_events`` (the first rows of that table) and ``notes`` (sentences for people). Of
            ``runs`` only ``run_id`` must be there.
        warehouse: the DuckDB file, read only; it need not exist.
        durations: what ``tasks.timings.durations`` gives.
        slowest: what ``tasks.timings.summary.slowest`` gives.
        titles: titles that were fetched, for people, with their pages.
        links: where to see more.
        item_limit: items listed of one cause.
        scope_limit: scopes listed, those with the largest totals.

    Raises:
        WarehouseDamaged: the warehouse cannot be opened as a DuckDB database.
    """
    roots = run.get("roots") or ()
    return RunFacts(
        run_id=run["run_id"],
        name=run.get("name") or run["run_id"],
        state=run.get("state") or "unknown",
        wall_s=run.get("wall_s"),
        roots=tuple(json.loads(roots) if isinstance(roots, str) else (str(root) for root in roots)),
        file_count=run.get("file_count") or 0,
        probe_count=run.get("probe_count") or 0,
        call_count=run.get("call_count") or 0,
        image_count=run.get("image_count") or 0,
        task_run_count=run.get("task_run_count") or 0,
        peak_memory_bytes=run.get("peak_memory_bytes"),
        counters=dict(run.get("counters") or {}),
        stages=tuple(
            StageAccount(**{field: row[field] for field in StageAccount.__dataclass_fields__})
            for row in run.get("run_stages", ())
        ),
        skips=tuple(
            sorted(
                (
                    Skip(**{field: row[field] for field in Skip.__dataclass_fields__})
                    for row in run.get("run_skips", ())
                ),
                key=lambda skip: (skip.root, -skip.skip_count, skip.reason),
            )
        ),
        failures=_groups(
            failed_items(run),
            limit=item_limit,
            query="SELECT item, reason FROM failures WHERE run_id = {run} AND stage = {where} AND cause = {cause}",
            run_id=run["run_id"],
        ),
        quarantine=_groups(
            set_aside_items(run),
            limit=item_limit,
            query="SELECT item, reason FROM quarantine WHERE run_id = {run} AND refused_by = {where} AND {is_cause}",
            run_id=run["run_id"],
        ),
        library=read_library(warehouse) if warehouse is not None and warehouse.exists() else None,
        scopes=_scopes(durations, scope_limit),
        notes=tuple(run.get("notes") or ()),
        odd_roots=tuple(
            RootFacts(**{field: row.get(field) for field in RootFacts.__dataclass_fields__})
            for row in sorted(run.get("run_roots") or (), key=lambda row: (row["root"], row["folder"]))
            if row["state"] != "good"
        ),
        events=tuple(
            FileEvent(**{field: row.get(field) for field in FileEvent.__dataclass_fields__})
            for row in run.get("file_events") or ()
        ),
        stage_times=_stage_times(durations, run.get("run_stages", ())),
        slowest=tuple(SlowItem(*row) for row in slowest.select("name", "item", "value").iter_rows())
        if slowest is not None
        else (),
        titles=tuple(titles),
        links=tuple(links),
    )


def _groups(items: Iterable[Item], *, limit: int, query: str, run_id: str) -> tuple[ItemGroup, ...]:
    """Items by stage and cause, the largest group first."""
    by_cause: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        by_cause.setdefault((item.stage, item.cause or ""), []).append(item)
    return tuple(
        ItemGroup(
            where=where,
            cause=cause,
            is_transient=group[0].is_transient,
            item_count=len(group),
            items=tuple(sorted((item.item, item.reason) for item in group)[:limit]),
            query=query.format(
                run=_quoted(run_id),
                where=_quoted(where),
                cause=_quoted(cause),
                is_cause=f"cause = {_quoted(cause)}" if cause else "cause IS NULL",
            ),
            next_step=group[0].advice.next_step,
        )
        for (where, cause), group in sorted(by_cause.items(), key=lambda each: (-len(each[1]), each[0]))
    )


_STEP = ".step"


def _stage_times(durations: pl.DataFrame | None, stages: Iterable[Mapping[str, Any]]) -> tuple[StageTime, ...]:
    """The steps of the run, the one that was at work longest first."""
    if durations is None:
        return ()
    worked_on = {
        row["stage"]: sum(row[f"{part}_count"] for part in ("done", "quarantined", "failed")) for row in stages
    }
    return tuple(
        StageTime(stage := name.removesuffix(_STEP), count, busy_s, worked_on.get(stage))
        for name, count, busy_s in durations.filter(pl.col("name").str.ends_with(_STEP))
        .sort("busy_s", "name", descending=[True, False])
        .select("name", "count", "busy_s")
        .iter_rows()
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _scopes(durations: pl.DataFrame | None, limit: int) -> tuple[Scope, ...]:
    if durations is None:
        return ()
    rows: Sequence[dict[str, Any]] = durations.head(limit).to_dicts()
    return tuple(Scope(**{field: row[field] for field in Scope.__dataclass_fields__}) for row in rows)
