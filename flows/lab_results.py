"""What stored benchmarks say together, in Markdown: claims beside measurements, whole runs, growth with the size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

import polars as pl

from flows.benchmark_runs import table
from flows.lab_table import TIMED, claims_table, estimate, times, versions_words
from tasks.core.errors import Refused
from tasks.lab.claims import CLAIMS, claims_beside, flagged_in_d1
from tasks.lab.compare import end_to_end
from tasks.lab.newest import commit_words, is_same_machine, machine_words, newest_with, round_count
from tasks.lab.presets import PRESETS, Preset, preset
from tasks.lab.profiles import BASELINE, OPTIMIZED
from tasks.lab.statistics import interval_words
from tasks.lab.store import Benchmark
from tasks.timings.history import scaling


def as_markdown(kept: Sequence[Benchmark]) -> str:
    """The tables; a claim is answered by the newest benchmark that has its profiles, whole runs by :func:`newest`.

    Args:
        kept: benchmarks that have ended, the newest first.
    """
    chosen, claims = newest(kept), claims_beside(kept)
    elsewhere = set(claims["benchmark_id"]) - {one.manifest.benchmark_id for one in chosen}
    others = [one for one in kept if one.manifest.benchmark_id in elsewhere]
    grown = growth(chosen)
    parts = [
        "### What documents claim, and what was measured here",
        _about([*chosen, *others]),
        claims_table(claims),
        *(_from(one, claims) for one in others),
        _without_a_row(claims, has_growth=grown.height > 0),
        _flagged(),
        "### Whole runs",
        _whole(chosen),
    ]
    if grown.height:
        parts += ["### Growth with the number of files", _growth(grown)]
    return "\n\n".join(parts) + "\n"


def newest(kept: Sequence[Benchmark]) -> list[Benchmark]:
    """Of each preset the newest benchmark that has baseline and optimized, or else optimized alone.

    In the order of the presets; those that are no longer known come last.
    """
    known = [one.name for one in PRESETS]
    names = {one.manifest.preset for one in kept}
    in_order = sorted(names, key=lambda name: (known.index(name) if name in known else len(known), name))
    found = [newest_with(kept, name, BASELINE, OPTIMIZED) or newest_with(kept, name, OPTIMIZED) for name in in_order]
    return [one for one in found if one is not None]


def _about(used: Sequence[Benchmark]) -> str:
    """On what was measured, and what the intervals are."""
    lines = [
        "First refreshes, or replays of calls and writes; rounds in turn, and their median.",
        "A ratio is the median of the ratios of each round, not the ratio of the medians.",
        TIMED,
    ]
    several = sorted({round_count(one.runs) for one in used} - {1})
    lines += [f"In brackets, where n = {n}: the {interval_words(n)}." for n in several]
    of_place: dict[str, list[str]] = {}
    for one in used:
        place = f"{machine_words(one.manifest)}; {versions_words(one.manifest)}"
        of_place.setdefault(place, []).append(one.manifest.preset)
    for place, presets in of_place.items():
        lines.append(f"{place}." if len(of_place) == 1 else f"{', '.join(dict.fromkeys(presets))}: {place}.")
    return "\n".join(lines)


def _from(one: Benchmark, claims: pl.DataFrame) -> str:
    """Of claims that another benchmark answers than the one of the whole runs, which it is."""
    about = one.manifest
    told = claims.filter(benchmark_id=about.benchmark_id).select("document", "said").iter_rows()
    which = "; ".join(f"{document}: {said}" for document, said in told)
    return f"From a benchmark of {about.preset} of {about.started_at:%Y-%m-%d}, {commit_words(about)}: {which}."


def _without_a_row(claims: pl.DataFrame, *, has_growth: bool) -> str:
    """What answers the claims that no pair of profiles can, and those that have not been measured."""
    grown = "the last table here" if has_growth else "which takes benchmarks of two presets that differ in nothing else"
    measured = set(claims.select("document", "said").iter_rows())
    missing = [
        f"{one.document}: {one.said} (`{one.command}`)" for one in CLAIMS if (one.document, one.said) not in measured
    ]
    return (
        "Claims without a row: D2 says that time grows in step with the files, and that calls limit it, not "
        f"processing: what ours does is told by growth, {grown}, and by the scopes of d0. D4 aims at 99.9 % "
        "reliability: `reelhouse budgets --only faults` counts what becomes of every item where one in twenty goes "
        "wrong." + (f"\nNot measured yet: {'; '.join(missing)}." if missing else "")
    )


def growth(chosen: Sequence[Benchmark]) -> pl.DataFrame:
    """How the time of a first refresh grows with the files, over presets that differ in nothing else.

    Benchmarks of another kind of machine than the newest of them are left out.

    Columns: ``kind`` (the presets, with the rounds of each), ``profile, exponent, low, high, run_count, verdict``; as
    :func:`tasks.timings.history.scaling` tells them.
    """
    rows = []
    for of_kind in _kinds(chosen):
        latest = max(of_kind, key=lambda one: one.manifest.started_at)
        alike = [one for one in of_kind if is_same_machine(one.manifest, latest.manifest)]
        for profile in (BASELINE, OPTIMIZED):
            of_profile = [one for one in alike if profile in set(one.runs["profile"])]
            if len(of_profile) < 2:
                continue
            first = pl.concat([one.runs for one in of_profile]).filter(profile=profile, is_warm=False)
            found = scaling(first.select("file_count", "wall_s").iter_rows())
            kind = ", ".join(f"{one.manifest.preset} (n = {round_count(one.runs)})" for one in of_profile)
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
        base = BASELINE if BASELINE in set(one.runs["profile"]) else OPTIMIZED
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
                    f"{about.started_at:%Y-%m-%d}, {commit_words(about)}",
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
    told = table(("presets", "profile", "runs", "exponent", "a first refresh grows"), rows)
    once = "" if not grown["kind"].str.contains("(n = 1)", literal=True).any() else f"\n\n{_RUN_ONCE}"
    return f"{told}{once}"


_RUN_ONCE = "Where a size was run once (n = 1), the interval does not hold how much its runs differ."
