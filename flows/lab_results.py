"""What stored benchmarks say together, in Markdown: claims beside measurements, whole runs, growth with the size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

import polars as pl

from flows.benchmark_runs import table
from flows.lab_table import claims_table, commit_of, estimate, times
from tasks.core.errors import Refused
from tasks.lab.claims import claims_beside, flagged_in_d1
from tasks.lab.compare import end_to_end
from tasks.lab.presets import PRESETS, Preset, preset
from tasks.lab.profiles import BASELINE, OPTIMIZED
from tasks.lab.store import Benchmark
from tasks.schema.lab import LabRuns, LabScopes
from tasks.timings.history import scaling


def as_markdown(kept: Sequence[Benchmark]) -> str:
    """The tables; of each preset and pair of profiles the newest benchmark counts.

    Args:
        kept: benchmarks that have ended, the newest first.
    """
    chosen = newest(kept)
    runs = pl.concat([LabRuns.frame(), *(one.runs for one in chosen)])
    scopes = pl.concat([LabScopes.frame(), *(one.scopes for one in chosen)])
    parts = [
        "### What documents claim, and what was measured here\n\nFirst refreshes, or replays of calls and writes.",
        claims_table(claims_beside(runs, scopes)),
        _flagged(),
        "### Whole runs",
        _whole(chosen),
    ]
    grown = growth(chosen)
    if grown.height:
        parts += ["### Growth with the number of files", _growth(grown)]
    return "\n\n".join(parts) + "\n"


def newest(kept: Sequence[Benchmark]) -> list[Benchmark]:
    """Of each preset the newest benchmark that has both sides, or else of ours alone, in the order of the presets."""
    ours = [one for one in kept if OPTIMIZED in one.manifest.profiles]
    both = [one for one in ours if BASELINE in one.manifest.profiles]
    of_preset = {one.manifest.preset: one for one in (*reversed(ours), *reversed(both))}
    names = [known.name for known in PRESETS]
    return [of_preset[name] for name in sorted(of_preset, key=lambda n: names.index(n) if n in names else len(names))]


def growth(chosen: Sequence[Benchmark]) -> pl.DataFrame:
    """How the time of a first refresh grows with the files, over presets that differ in nothing else.

    Benchmarks of another machine than the newest of a kind are left out.

    Columns: ``kind`` (the presets), ``profile, exponent, low, high, run_count, verdict``; as
    :func:`tasks.timings.history.scaling` tells them.
    """
    rows = []
    for of_kind in _kinds(chosen):
        latest = max(of_kind, key=lambda one: one.manifest.started_at)
        alike = [one for one in of_kind if one.manifest.host == latest.manifest.host]
        for profile in (BASELINE, OPTIMIZED):
            of_profile = [one for one in alike if profile in one.manifest.profiles]
            if len(of_profile) < 2:
                continue
            first = pl.concat([one.runs for one in of_profile]).filter(profile=profile, is_warm=False)
            found = scaling(first.select("file_count", "wall_s").iter_rows())
            kind = ", ".join(one.manifest.preset for one in of_profile)
            told = {"exponent": found.exponent, "low": found.low, "high": found.high, "run_count": found.run_count}
            rows.append({"kind": kind, "profile": profile, **told, "verdict": found.verdict})
    numbers = dict.fromkeys(("exponent", "low", "high"), pl.Float64)
    return pl.DataFrame(
        rows, schema={"kind": pl.String, "profile": pl.String, **numbers, "run_count": pl.Int64, "verdict": pl.String}
    )


def _kinds(chosen: Sequence[Benchmark]) -> Iterator[list[Benchmark]]:
    """Benchmarks of presets that differ in the number of files only, at least two of them."""
    sized = []
    for one in chosen:
        known = _preset(one.manifest.preset)
        if known is not None and known.file_count:
            sized.append((repr(replace(known, name="", words="", file_count=0, is_long=False)), known.file_count, one))
    for _, group in groupby(sorted(sized, key=lambda entry: entry[:2]), key=lambda entry: entry[0]):
        of_kind = [one for _, _, one in group]
        if len(of_kind) > 1:
            yield of_kind


def _preset(name: str) -> Preset | None:
    try:
        return preset(name)
    except Refused:
        return None


def _flagged() -> str:
    worst = flagged_in_d1().row(0, named=True)
    return (
        f"D1's run that had become slower, given to our comparison of scopes: `{worst['name']}` is flagged first, from "
        f"{worst['before_s'] * 1000:,.0f} ms to {worst['after_s'] * 1000:,.0f} ms a film "
        f"(+{worst['growth_s'] * 1000:,.0f} ms)."
    )


def _whole(chosen: Sequence[Benchmark]) -> str:
    rows = []
    for one in chosen:
        about = one.manifest
        base = BASELINE if BASELINE in about.profiles else OPTIMIZED
        is_alone = base == OPTIMIZED
        for row in end_to_end(one.runs, base=base).to_dicts():
            kind = "calls and writes" if about.measures == "replays" else "unchanged" if row["is_warm"] else "first"
            rows.append(
                (
                    about.preset,
                    kind,
                    f"{about.file_count:,}",
                    "not run" if is_alone else estimate(row, "base"),
                    estimate(row, "other"),
                    "" if is_alone else times(row),
                    f"{row['n']}",
                    "" if is_alone else row["verdict"] or "",
                    f"{about.started_at:%Y-%m-%d}, {commit_of(about)}",
                )
            )
    head = ("preset", "refresh", "files", BASELINE, OPTIMIZED, f"{BASELINE} / {OPTIMIZED}", "n", f"{OPTIMIZED} is", "")
    return table(head, rows)


def _growth(grown: pl.DataFrame) -> str:
    rows = [
        (
            row["kind"],
            row["profile"],
            f"{row['run_count']}",
            "" if row["exponent"] is None else f"{row['exponent']:.2f} ({row['low']:.2f}-{row['high']:.2f})",
            row["verdict"],
        )
        for row in grown.to_dicts()
    ]
    return table(("presets", "profile", "runs", "exponent", "a first refresh grows"), rows)
