"""The tables of a benchmark in Markdown: the whole first, then what was counted, where the time went, the switches."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import polars as pl

from flows.benchmark_runs import table
from tasks.core.units import human_size
from tasks.lab.claims import claims_beside
from tasks.lab.compare import counts, end_to_end, scopes_side_by_side, switches_worth
from tasks.lab.profiles import ALL_BUT
from tasks.lab.statistics import FEWEST_RUNS
from tasks.lab.store import Benchmark, Manifest

LEAST_SHARE_RATIO = 0.02
"""Scopes that take less of the longest run are left out."""
SEVERAL = 1.05
"""Concurrency from which on it is told."""
_KINDS = {False: "first refresh", True: "unchanged"}


def as_markdown(benchmark: Benchmark) -> str:
    """All tables of a benchmark."""
    manifest, runs = benchmark.manifest, benchmark.runs
    first, *others = manifest.profiles
    parts = [_head(manifest)]
    compared = [profile for profile in others if not profile.startswith(ALL_BUT)]
    parts += [_whole(runs, first, other) for other in compared]
    claims = claims_beside(runs, benchmark.scopes)
    if claims.height:
        parts.append(_claims(claims))
    for other in compared[:1]:
        parts += [_counts(runs, first, other), _scopes(benchmark, first, other)]
    if any(profile.startswith(ALL_BUT) for profile in manifest.profiles):
        parts.append(_switches(runs))
    return "\n\n".join(parts) + "\n"


def _head(manifest: Manifest) -> str:
    host, versions = manifest.host, manifest.versions
    lines = [
        f"### Benchmark {manifest.preset}\n",
        f"{manifest.words[0].upper()}{manifest.words[1:]} ({manifest.file_count:,} files).",
        f"n = {manifest.rounds}, in turn; median (bootstrap interval, 95 %; up to n = 5 that is the whole range).",
        "First refresh: a new data folder; unchanged: the same one again. Page cache warm in both.",
        f"{manifest.started_at:%-d %B %Y}; {host['system']} {host['machine']}, {host['cores']} cores;",
        f"Python {host['python']}, reelhouse {versions['reelhouse']} ({_commit(manifest)}),",
        f"Prefect {versions['prefect']}, Polars {versions['polars']}, DuckDB {versions['duckdb']}.",
    ]
    if manifest.rounds == 1:
        lines.append("One round: nothing can be said of differences.")
    elif manifest.rounds < FEWEST_RUNS:
        share = 1 - 2.0 ** (1 - manifest.rounds)
        lines.append(f"Intervals of {manifest.rounds} rounds hold the true median {share:.0%} of the time.")
    return "\n".join(lines)


def _commit(manifest: Manifest) -> str:
    if manifest.commit is None:
        return "no checkout"
    return manifest.commit[:10] + (" and changes" if manifest.commit.endswith("+") else "")


def _whole(runs: pl.DataFrame, first: str, other: str) -> str:
    rows: list[Sequence[str]] = []
    for value, word in (("wall_s", ""), ("cpu_s", ", CPU")):
        for row in end_to_end(runs, base=first, other=other, value=value).to_dicts():
            sides = [_estimate(row, side, unit=" s") for side in ("base", "other")]
            rows.append((f"{_KINDS[row['is_warm']]}{word}", *sides, _times(row), row["verdict"] or ""))
    explained = [_explained(runs, profile) for profile in (first, other)]
    rows.append(("of a first refresh in named scopes", *explained))
    return table(("whole runs", first, other, f"{first} / {other}", f"{other} is"), rows)


def _explained(runs: pl.DataFrame, profile: str) -> str:
    shares = runs.filter(profile=profile, is_warm=False)["attributed_ratio"].drop_nulls().to_list()
    return f"{statistics.median(shares):.0%}" if shares else ""


def _claims(claims: pl.DataFrame) -> str:
    rows = [
        (
            f"{row['document']}: {row['said']}",
            row["support"],
            "nothing measured" if row["supported"] is None else f"{row['supported']:.2f}",
            _times(row),
        )
        for row in claims.to_dicts()
    ]
    return table(("claim", "the document's own figures", "as a ratio", "here"), rows)


def _counts(runs: pl.DataFrame, first: str, other: str) -> str:
    found = counts(runs, base=first, other=other).filter(~pl.col("is_warm"))
    rows = [
        (row["words"].rstrip("."), _amount(row["count"], row["base"]), _amount(row["count"], row["other"]))
        for row in found.to_dicts()
        if row["base"] or row["other"]
    ]
    return table(("counted in a first refresh", first, other), rows)


def _scopes(benchmark: Benchmark, first: str, other: str) -> str:
    found = scopes_side_by_side(benchmark.runs, benchmark.scopes, base=first, other=other).filter(~pl.col("is_warm"))
    longest_s = max((row["base_s"] for row in found.to_dicts()), default=0.0)
    rows = [
        (
            row["name"],
            *(_scope_side(row, side) for side in ("base", "other")),
            _times(row),
        )
        for row in found.to_dicts()
        if max(row["base_s"], row["other_s"]) >= LEAST_SHARE_RATIO * longest_s
    ]
    return table(("open in a first refresh", first, other, f"{first} / {other}"), rows)


def _scope_side(row: dict[str, Any], side: str) -> str:
    if row[f"{side}_count"] is None:
        return ""
    at_once = row[f"{side}_concurrency"]
    several = f", {at_once:.1f} at once" if at_once is not None and at_once >= SEVERAL else ""
    return f"{_estimate(row, side, unit=' s')}{several}"


def _switches(runs: pl.DataFrame) -> str:
    rows = [
        (
            f"{row['switch']}: {row['words']}",
            _KINDS[row["is_warm"]],
            _estimate(row, "base", unit=" s"),
            f"{row['worth_s']:+.2f} s",
            _times(row),
            row["verdict"] or "",
        )
        for row in switches_worth(runs).filter(~pl.col("is_warm")).to_dicts()
    ]
    return table(("the old way of one thing", "", "takes", "beside optimized", "times", "optimized is"), rows)


def _estimate(row: dict[str, Any], side: str, *, unit: str) -> str:
    middle, low, high = (row[f"{side}{part}_s"] for part in ("", "_low", "_high"))
    form = ".1f" if middle >= 10 else ".2f"
    if row["n"] == 1:
        return f"{middle:{form}}{unit}"
    return f"{middle:{form}}{unit} ({low:{form}}-{high:{form}})"


def _times(row: dict[str, Any]) -> str:
    if row["ratio"] is None:
        return ""
    if row["n"] == 1:
        return f"{row['ratio']:.2f}"
    return f"{row['ratio']:.2f} ({row['ratio_low']:.2f}-{row['ratio_high']:.2f})"


def _amount(name: str, amount: float | None) -> str:
    if amount is None:
        return "not counted"
    return human_size(amount) if name.endswith("_bytes") else f"{amount:,.0f}"
