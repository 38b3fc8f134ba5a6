"""What the stages of a run read from and wrote to storage. Pure; ``resources`` says what is recorded for it."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import polars as pl

from tasks.timings.opened import open_s
from tasks.timings.resources import READ, WRITTEN

_NAMES = {"read_bytes": READ, "written_bytes": WRITTEN}


def storage_by_stage(steps: pl.DataFrame, timings: pl.DataFrame, *, measuring: Collection[str]) -> pl.DataFrame:
    """Bytes by stage: ``stage`` (null for the time without a step), ``read_bytes``, ``written_bytes``.

    What was transferred between two samples is divided among the stages that were at work meanwhile, by the time of
    their steps, so the rows add up to all that was sampled. What workers transferred is divided among the stages they
    measure for. A stage of whose processes nothing was sampled has no row.

    Args:
        steps: scopes of steps with their ``stage``.
        timings: of the same run.
        measuring: names of the stages that workers measure for.
    """
    samples = timings.filter(pl.col("name").is_in(list(_NAMES.values()))).with_columns(
        pl.col("attributes").str.json_path_match("$.whose").alias("whose")
    )
    parts = [_EMPTY]
    for (pid,), of_process in samples.partition_by("pid", as_dict=True).items():
        of_stages = dict(steps.filter(pid=pid).partition_by("stage", as_dict=True))
        edges = of_process["started_at"].unique().sort()
        open_by_stage = {str(stage): _open_between(edges, rows) for (stage,), rows in of_stages.items()}
        parts += [pl.DataFrame({"stage": list(open_by_stage)}).with_columns(**dict.fromkeys(_NAMES, pl.lit(0.0)))]
        for name, record in _NAMES.items():
            for whose, grown in _grown(of_process.filter(name=record), edges):
                at_work = [one for one in open_by_stage if whose == "run" or one in measuring]
                parts += _divided(grown, {one: open_by_stage[one] for one in at_work}, name)
    known = pl.concat(parts, how="diagonal")
    return known.group_by("stage").agg(pl.col(*_NAMES).sum().round().cast(pl.Int64))


_EMPTY = pl.DataFrame(schema={"stage": pl.String, **dict.fromkeys(_NAMES, pl.Float64)})


def _open_between(edges: pl.Series, steps: pl.DataFrame) -> pl.Series:
    """Seconds that steps were at work between each moment and the one before it."""
    begins_s = (steps["started_at"] - edges[0]).dt.total_microseconds() / 1e6
    edges_s = (edges - edges[0]).dt.total_microseconds() / 1e6
    return open_s(begins_s, begins_s + steps["value"], edges_s).diff().fill_null(0.0).clip(lower_bound=0.0)


def _grown(samples: pl.DataFrame, edges: pl.Series) -> Iterator[tuple[str, pl.Series]]:
    """What the run and the workers transferred between each moment and the one before it.

    A worker that has ended has become part of the run: only the sum of both never shrinks, but for a sample taken just
    then. Of what the sum grew by the workers have what they themselves grew by.
    """
    by_moment = pl.DataFrame({"started_at": edges}).join(
        samples.group_by("started_at").agg(
            pl.col("value").sum().alias("all"), pl.col("value").filter(pl.col("whose") == "workers").sum()
        ),
        on="started_at",
        how="left",
        maintain_order="left",
    )
    together = by_moment["all"].cum_max().forward_fill().diff().fill_null(0.0)
    of_workers = by_moment["value"].forward_fill().diff().fill_null(0.0).clip(lower_bound=0.0)
    of_workers = pl.select(pl.min_horizontal(of_workers, together)).to_series()
    yield "run", together - of_workers
    yield "workers", of_workers


def _divided(grown: pl.Series, open_by_stage: dict[str, pl.Series], name: str) -> Iterator[pl.DataFrame]:
    """The shares of each stage in what was transferred, and what was while none of them was at work."""
    shares = pl.DataFrame({**open_by_stage, "": grown * 0})
    all_s = shares.sum_horizontal()
    for stage, stage_s in open_by_stage.items():
        amount = (grown * stage_s / all_s).filter(all_s > 0).sum()
        yield pl.DataFrame({"stage": [stage], name: [float(amount)]})
    yield pl.DataFrame({"stage": [None], name: [float(grown.filter(all_s <= 0).sum())]}, schema_overrides=_STAGE)


_STAGE = {"stage": pl.String}
