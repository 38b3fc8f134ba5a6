"""Where the time of one run went: its stages, what share of the run each has, and its scopes on a time axis. Pure.

All functions take the records of one run (:func:`tasks.timings.read_timings`); seconds count from its first record.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import polars as pl

from tasks.timings.by_stage import STEP, WHOLE_RUN
from tasks.timings.summary import wall_s

_DRAWN_RATIO = 1 / 400
"""Bars of a summed row that are nearer to each other than this share of the run are one: the eye cannot part them."""
_LEAST_BESIDE_RATIO = 1 / 100


def begin_s(timings: pl.DataFrame) -> pl.Expr:
    """When a record began, in seconds since the first of ``timings``."""
    zero = pl.lit(timings["started_at"].min(), pl.Datetime("us", "UTC"))
    return (pl.col("started_at") - zero).dt.total_microseconds() / 1e6


def spans(timings: pl.DataFrame) -> pl.DataFrame:
    """The measured scopes with their place on the time axis, in the order of their start.

    Columns: ``span_id, parent_id, name, item, ok, begin_s, end_s, value`` (length in seconds).
    """
    return (
        timings.filter((pl.col("kind") == "duration") & pl.col("value").is_not_null())
        .with_columns(begin_s(timings).alias("begin_s"))
        .with_columns((pl.col("begin_s") + pl.col("value")).alias("end_s"))
        .sort("begin_s", "span_id")
        .select("span_id", "parent_id", "name", "item", "ok", "begin_s", "end_s", "value")
    )


def stage_shares(timings: pl.DataFrame) -> pl.DataFrame:
    """How the time of the run is divided among its stages; one row a stage, in the order in which they began.

    A moment in which two stages work counts half for each, so the shares add up to the run. What is measured beside the
    stages (a scope in no step) counts where no stage works, under its own name.

    Columns: ``stage`` (the last row, null, is the time in which nothing was open), ``scope_count``, ``begin_s, end_s``
    (first begin, last end; null in the last row), ``busy_s`` (while it was open), ``busy_ratio``, ``share_s``,
    ``share_ratio`` (of the wall time; these sum up to 1). No rows without records or for a run of no length.
    """
    whole_s = wall_s(timings)
    if whole_s <= 0:
        return pl.DataFrame(schema=_SHARES)
    scopes = _outermost(spans(timings))
    moments = _moments(scopes)
    shares_s = dict(moments.group_by("stage").agg((_LENGTH_S * pl.col("part")).sum()).iter_rows())
    idle_s = max(0.0, whole_s - sum(shares_s.values()))
    rows: list[dict[str, Any]] = []
    for (stage,), group in scopes.group_by("stage", maintain_order=True):
        rows.append(
            {
                "stage": stage,
                "scope_count": group.height,
                "begin_s": group["begin_s"].min(),
                "end_s": group["end_s"].max(),
                "busy_s": _union(group).select(_LENGTH_S.sum()).item(),
                "share_s": shares_s.get(str(stage), 0.0),
            }
        )
    rows.append({"stage": None, "scope_count": 0, "busy_s": idle_s, "share_s": idle_s})
    return (
        pl.DataFrame(rows, schema={n: dtype for n, dtype in _SHARES.items() if not n.endswith("_ratio")})
        .with_columns(
            (pl.col("busy_s") / whole_s).alias("busy_ratio"), (pl.col("share_s") / whole_s).alias("share_ratio")
        )
        .select(list(_SHARES))
    )


_SHARES: dict[str, Any] = {
    "stage": pl.String, "scope_count": pl.Int64, "begin_s": pl.Float64, "end_s": pl.Float64, "busy_s": pl.Float64,
    "busy_ratio": pl.Float64, "share_s": pl.Float64, "share_ratio": pl.Float64,
}  # fmt: skip


def waterfall(timings: pl.DataFrame, *, most_steps: int = 24, longest: int = 3, most_children: int = 3) -> pl.DataFrame:
    """The run on a time axis: a row a step, and below the longest of them what is inside; a line of the frame a bar.

    Steps that are not among the ``most_steps`` longest are summed, in one row a stage with a bar wherever one of them
    was open; likewise, by name, what is inside a step beyond its ``most_children`` longest scopes. What lies in no step
    has a row a name, with bars where no step worked; names with less than a hundredth of the run are one row, of null.
    Bars of such a row that the eye could not part are one.

    Columns: ``row`` (place from above), ``depth`` (0 for a step, 1 for what is inside the one above), ``stage``,
    ``name``, ``item`` (null for a sum), ``ok`` (false where one was left by an exception), ``scope_count`` and
    ``total_s`` (of all scopes of the row; of what lies in no step its share of those moments), ``begin_s``, ``end_s``.

    Args:
        longest: how many steps, the longest, are shown with what is inside them.
    """
    every = spans(timings)
    outermost = _outermost(every)
    is_step = pl.col("rank") == _STEP_RANK
    gap_s = wall_s(timings) * _DRAWN_RATIO
    opened = outermost.filter(is_step).top_k(longest, by="value")["span_id"].to_list()
    placed: list[pl.DataFrame] = []
    rows = _rows(outermost.filter(is_step), most_steps, gap_s, 0) + _beside(outermost, wall_s(timings))
    for row in sorted(rows, key=_first_begin_s):
        placed.append(row)
        if row["span_id"][0] in opened:
            within = every.filter(pl.col("parent_id") == row["span_id"][0])
            placed += _rows(within.with_columns(pl.lit(row["stage"][0]).alias("stage")), most_children, gap_s, 1)
    numbered = [
        row.with_columns(pl.lit(place, pl.Int64).alias("row")).select(list(_ROWS)) for place, row in enumerate(placed)
    ]
    return pl.concat(numbered) if numbered else pl.DataFrame(schema=_ROWS)


_ROWS: dict[str, Any] = {
    "row": pl.Int64, "depth": pl.Int64, "stage": pl.String, "name": pl.String, "item": pl.String, "ok": pl.Boolean,
    "scope_count": pl.Int64, "total_s": pl.Float64, "begin_s": pl.Float64, "end_s": pl.Float64,
}  # fmt: skip


def _outermost(every: pl.DataFrame) -> pl.DataFrame:
    """The steps, and the scopes that lie in no step, with ``stage`` and ``rank``: the deeper inside, the higher.

    The run itself is left out. A scope is recorded when it ends, so that of a run that still works or was cut off the
    last parents are missing: what they held counts as directly below the run.
    """
    run_ids = every.filter(pl.col("name") == WHOLE_RUN)["span_id"]
    below = every.filter(pl.col("name") != WHOLE_RUN)
    orphaned = pl.col("parent_id").is_null() | ~pl.col("parent_id").is_in(every["span_id"].implode())
    level = below.filter(orphaned | pl.col("parent_id").is_in(run_ids.implode()))
    found, depth = [], 0
    is_step = pl.col("name").str.ends_with(STEP)
    while level.height:
        depth += 1
        found.append(level.with_columns(pl.when(is_step).then(_STEP_RANK).otherwise(depth).alias("rank")))
        outside = level.filter(~is_step)["span_id"]
        level = below.filter(pl.col("parent_id").is_in(outside.implode()))
    known = pl.concat(found) if found else below.clear().with_columns(pl.lit(0).alias("rank"))
    return known.with_columns(pl.col("name").str.strip_suffix(STEP).alias("stage")).sort("begin_s", "span_id")


_STEP_RANK = 1_000_000


def _union(group: pl.DataFrame, *, gap_s: float = 0.0) -> pl.DataFrame:
    """The times in which at least one of the scopes was open: ``begin_s, end_s``; nearer than ``gap_s`` are one."""
    covered_s = pl.col("end_s").cum_max().shift(1)
    return (
        group.sort("begin_s")
        .with_columns((pl.col("begin_s") > covered_s + gap_s).fill_null(True).cum_sum().alias("piece"))
        .group_by("piece", maintain_order=True)
        .agg(pl.col("begin_s").min(), pl.col("end_s").max())
        .select("begin_s", "end_s")
    )


def _moments(scopes: pl.DataFrame) -> pl.DataFrame:
    """Which stage a moment belongs to: ``begin_s, end_s, stage, part``; a line for each of several, with equal parts.

    A moment belongs to what is open of the highest rank. Moments in which nothing is open have no line.
    """
    changes: list[tuple[float, int, str, int]] = []
    for (stage, rank), group in scopes.group_by("stage", "rank", maintain_order=True):
        for begin_s, end_s in _union(group).iter_rows():
            changes += [(begin_s, 1, str(stage), int(rank)), (end_s, -1, str(stage), int(rank))]
    changes.sort(key=lambda change: change[0])
    open_now: set[tuple[str, int]] = set()
    found: list[tuple[float, float, str, float]] = []
    for (at_s, change, stage, rank), (until_s, *_) in pairwise(changes):
        open_now = open_now | {(stage, rank)} if change > 0 else open_now - {(stage, rank)}
        highest = max((rank for _, rank in open_now), default=0)
        at_work = [stage for stage, rank in open_now if rank == highest] if until_s > at_s else []
        found += [(at_s, until_s, one, 1 / len(at_work)) for one in at_work]
    schema = {"begin_s": pl.Float64, "end_s": pl.Float64, "stage": pl.String, "part": pl.Float64}
    return pl.DataFrame(found, schema=schema, orient="row")


_LENGTH_S = pl.col("end_s") - pl.col("begin_s")


def _rows(scopes: pl.DataFrame, most: int, gap_s: float, depth: int) -> list[pl.DataFrame]:
    """A frame for each row of the picture, in the order in which they begin: the longest scopes, then sums by name."""
    ordered = scopes.sort(["value", "begin_s"], descending=[True, False])
    single = [
        one.with_columns(total_s="value", scope_count=pl.lit(1, pl.Int64)) for one in ordered.head(most).iter_slices(1)
    ]
    summed = []
    for (_, name), group in ordered.slice(most).group_by("stage", "name", maintain_order=True):
        facts = {
            "span_id": pl.lit(None, pl.Int64) if group.height > 1 else pl.lit(group["span_id"][0]),
            "stage": pl.lit(group["stage"][0]),
            "name": pl.lit(name),
            "item": pl.lit(group["item"][0] if group.height == 1 else None, pl.String),
            "ok": pl.lit(group["ok"].all()),
            "scope_count": pl.lit(group.height, pl.Int64),
            "total_s": pl.lit(group["value"].sum()),
        }
        summed.append(_union(group, gap_s=gap_s).with_columns(**facts))
    rows = sorted([*single, *summed], key=_first_begin_s)
    return [row.with_columns(pl.lit(depth, pl.Int64).alias("depth")) for row in rows]


def _beside(outermost: pl.DataFrame, whole_s: float) -> list[pl.DataFrame]:
    """A frame for each name that lies in no step, where it has moments for itself, and one for the short ones."""
    in_no_step = outermost.filter(pl.col("rank") < _STEP_RANK)
    moments = _moments(outermost).filter(pl.col("stage").is_in(in_no_step["stage"].implode()))
    is_long = _LENGTH_S.sum().over("stage") >= whole_s * _LEAST_BESIDE_RATIO
    named = moments.with_columns(pl.when(is_long).then("stage").alias("row"))
    found = []
    for (name,), alone in named.group_by("row", maintain_order=True):
        of_row = in_no_step.filter(pl.col("stage").is_in(alone["stage"].implode()))
        facts = {
            "span_id": pl.lit(None, pl.Int64),
            "stage": pl.lit(name, pl.String),
            "name": pl.lit(name, pl.String),
            "item": pl.lit(None, pl.String),
            "ok": pl.lit(of_row["ok"].all()),
            "scope_count": pl.lit(of_row.height, pl.Int64),
            "total_s": pl.lit(alone.select((_LENGTH_S * pl.col("part")).sum()).item()),
            "depth": pl.lit(0, pl.Int64),
        }
        found.append(_union(alone, gap_s=whole_s * _DRAWN_RATIO).with_columns(**facts))
    return found


def _first_begin_s(row: pl.DataFrame) -> float:
    return float(row["begin_s"][0])
