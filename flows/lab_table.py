"""The tables of a benchmark in Markdown: the whole first, then what was counted, where the time went, the switches."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from flows.benchmark_runs import table
from flows.lab_stages import stages_table
from tasks.core.units import human_duration, human_size
from tasks.lab.claims import claims_beside
from tasks.lab.compare import counts, end_to_end, scopes_side_by_side, switches_worth
from tasks.lab.newest import commit_words, machine_words, round_count
from tasks.lab.presets import PRESETS
from tasks.lab.profiles import ALL_BUT, BASELINE, OPTIMIZED, switch
from tasks.lab.replay import ASSUMED_WRITE_S, TRIAL_SCOPE, Shape, way_of
from tasks.lab.statistics import FEWEST_RUNS, interval_words
from tasks.lab.store import Benchmark, Manifest
from tasks.timings.by_stage import WHOLE_RUN

LEAST_SHARE_RATIO = 0.02
"""Scopes that take less of the longest run are left out."""
SEVERAL = 1.05
"""Concurrency from which on it is told."""
TIMED = "A refresh is timed from the call of its flow to its end: starting Python and a Prefect server comes on top."
"""What the times of refreshes are, for the heads of tables."""
_KINDS = {False: "first refresh", True: "unchanged"}
_KIND = {"refreshes": "a first refresh", "replays": "calls and writes"}
_ABOUT = {
    "refreshes": [
        "First refresh: a new data folder; unchanged: the same one again. Page cache warm in both.",
        TIMED,
    ],
    "replays": ["All calls come first, then all writes into a new DuckDB file; no media server, and not D3's program."],
}


def as_markdown(benchmark: Benchmark) -> str:
    """All tables of a benchmark."""
    manifest, runs = benchmark.manifest, benchmark.runs
    first, *others = manifest.profiles
    parts = [_head(manifest, round_count(runs))]
    measured = set(runs["profile"])  # of one that was stopped, not all
    compared = [profile for profile in others if profile in measured and not profile.startswith(ALL_BUT)]
    parts += [_whole(benchmark, first, other) for other in compared] if others else [_alone(benchmark, first)]
    if manifest.measures == "replays":
        parts.append(_beside_model(benchmark))
    claims = claims_beside([benchmark])
    if claims.height:
        parts.append(claims_table(claims))
    if first in measured:
        parts.append(_counts(benchmark, [first, *compared]))
    if compared:
        parts.append(_scopes(benchmark, first, compared[0]))
    if any(profile.startswith(ALL_BUT) for profile in manifest.profiles):
        parts.append(_switches(runs))
    parts.append(stages_table(benchmark))
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(manifest: Manifest, n: int) -> str:
    files = f" ({manifest.file_count:,} files)" if manifest.measures == "refreshes" else ""
    planned = "" if n == manifest.rounds else f" of {manifest.rounds} that were planned"
    spread = f", in turn; median ({interval_words(n)})" if n > 1 else ""
    lines = [
        f"### Benchmark {manifest.preset}\n",
        f"{manifest.words[0].upper()}{manifest.words[1:]}{files}.",
        f"`{_command(manifest)}`: n = {n}{planned}{spread}.",
        *_ABOUT[manifest.measures],
        *_conditions(manifest),
        *(f"{profile}: {way_of(facts).words}." for profile, facts in _ways(manifest)),
        f"{manifest.started_at:%-d %B %Y}{_took(manifest)}; {machine_words(manifest)};",
        f"{versions_words(manifest)}; commit {commit_words(manifest)}.",
    ]
    if n < 2:
        lines.append("Fewer than two rounds say nothing of differences.")
    elif n < FEWEST_RUNS:
        lines.append(f"Nothing is called faster or slower below {FEWEST_RUNS} rounds.")
    return "\n".join(lines)


def _command(manifest: Manifest) -> str:
    """What was typed to make the benchmark, or would make such a one."""
    usual = next((one.profiles for one in PRESETS if one.name == manifest.preset), ())
    named = "" if tuple(manifest.profiles) == usual else "".join(f" --profile {name}" for name in manifest.profiles)
    return f"reelhouse benchmark {manifest.preset} --rounds {manifest.rounds}{named}"


def _conditions(manifest: Manifest) -> Iterator[str]:
    """Of refreshes: how fast the service answers and is asked, and what is not as we ship it in any profile."""
    if manifest.measures != "refreshes":
        return
    if "latency_s" in manifest.stand_in:
        answer_s = manifest.stand_in["latency_s"]
        picture_s = manifest.stand_in.get("image_latency_s")
        pace = manifest.settings.get(OPTIMIZED, {}).get("scrape", {}).get("rate_hz")
        takes = (
            f"{1000 * answer_s:g} ms an answer, {1000 * (answer_s if picture_s is None else picture_s):g} ms a picture"
        )
        yield f"The stand-in takes {takes}{'' if pace is None else f'; it is asked at most {pace:,g} times a second'}."
    first, *others = manifest.profiles.values()
    common = {path: value for path, value in first.items() if all(one.get(path) == value for one in others)}
    if others and common:
        yield f"In all of them: {', '.join(f'{path} = {value}' for path, value in common.items())}."


def _took(manifest: Manifest) -> str:
    if manifest.finished_at is None:
        return ""
    return f", {human_duration((manifest.finished_at - manifest.started_at).total_seconds())} in all"


def versions_words(manifest: Manifest) -> str:
    """What was measured and what it is built on, for people; what the manifest does not say is called unknown."""
    versions = dict.fromkeys(("reelhouse", "prefect", "polars", "duckdb"), "unknown") | dict(manifest.versions)
    return (
        f"reelhouse {versions['reelhouse']}, Prefect {versions['prefect']}, Polars {versions['polars']}, "
        f"DuckDB {versions['duckdb']}"
    )


def _ways(manifest: Manifest) -> list[tuple[str, Mapping[str, Any]]]:
    return list(manifest.profiles.items()) if manifest.measures == "replays" else []


def _whole(benchmark: Benchmark, first: str, other: str) -> str:
    rows: list[Sequence[str]] = []
    for value, word in _TIMES:
        for row in end_to_end(benchmark.runs, base=first, other=other, value=value).to_dicts():
            sides = [estimate(row, side) for side in ("base", "other")]
            rows.append((f"{_kind(benchmark, row)}{word}", *sides, times(row), row["verdict"] or ""))
    rows += _shares(benchmark, (first, other))
    return table(("whole runs", first, other, f"{first} / {other}", f"{other} is"), rows)


def _alone(benchmark: Benchmark, only: str) -> str:
    """Whole runs where one profile was run, and nothing can be compared."""
    rows: list[Sequence[str]] = [
        (f"{_kind(benchmark, row)}{word}", estimate(row, "base"))
        for value, word in _TIMES
        for row in end_to_end(benchmark.runs, base=only, other=only, value=value).to_dicts()
    ]
    return table(("whole runs", only), [*rows, *_shares(benchmark, (only,))])


_TIMES = (("wall_s", ""), ("cpu_s", ", CPU"))
_SHARES = (
    (False, "inside_ratio", "of a first refresh inside the flow; the rest is Prefect, beginning and ending its run"),
    (True, "inside_ratio", "of an unchanged one inside the flow"),
    (False, "attributed_ratio", "of the time inside a first refresh in named scopes"),
    (False, "prefect_ratio", "of the time inside a first refresh in scopes of Prefect alone"),
)


def _kind(benchmark: Benchmark, row: Mapping[str, Any]) -> str:
    return _KINDS[row["is_warm"]] if benchmark.manifest.measures == "refreshes" else "calls and writes"


def _shares(benchmark: Benchmark, profiles: Sequence[str]) -> list[Sequence[str]]:
    inside = benchmark.scopes.filter(name=WHOLE_RUN).select("run_id", pl.col("busy_s").alias("inside_s"))
    runs = benchmark.runs.join(inside, on="run_id", how="left")
    runs = runs.with_columns((pl.col("inside_s") / pl.col("wall_s")).alias("inside_ratio"))
    rows = [
        (word, [_share(runs.filter(profile=one, is_warm=is_warm)[column]) for one in profiles])
        for is_warm, column, word in _SHARES
    ]
    return [(word, *shares) for word, shares in rows if any(shares)]


def _share(found: pl.Series) -> str:
    known = found.drop_nulls().to_list()
    return f"{statistics.median(known):.1%}" if known else ""


def _beside_model(benchmark: Benchmark) -> str:
    """What a model of calls and writes says of each way, from the latency and what a write takes here, and measured."""
    about = benchmark.manifest.stand_in
    shape, call_s = Shape(about["show_count"], *about["show_shape"]), about["latency_s"]
    rows = []
    for profile, facts in _ways(benchmark.manifest):
        way, walls = way_of(facts), benchmark.runs.filter(profile=profile).select("run_id", "wall_s")
        if not walls.height:
            continue
        trial, requests = (
            walls.join(benchmark.scopes.filter(name=name), on="run_id", how="left", maintain_order="left")
            for name in (TRIAL_SCOPE, "http.request")
        )
        write_s = trial["total_s"] / trial["count"]
        told = [way.expected_s(shape, call_s=call_s, write_s=of_run_s) for of_run_s in write_s]
        beside = statistics.median(wall_s / told_s for wall_s, told_s in zip(walls["wall_s"], told, strict=True))
        rows.append(
            (
                profile,
                f"{way.turn_count(shape):,} of {call_s * 1000:g} ms",
                f"{statistics.median(requests['concurrency']):.1f}",
                f"{way.transaction_count(shape):,} of {statistics.median(write_s) * 1000:.1f} ms",
                f"{statistics.median(told):.1f} s",
                f"{statistics.median(walls['wall_s']):.1f} s",
                f"{beside - 1:+.0%}",
                f"{way.expected_s(shape, call_s=call_s, write_s=ASSUMED_WRITE_S['rows']):.1f} s",
            )
        )
    head = (
        "way", "turns of a call", "calls at once", "transactions", "so the model says", "measured", "beside the model",
        f"with D3's {ASSUMED_WRITE_S['rows'] * 1000:g} ms a write",
    )  # fmt: skip
    return table(head, rows)


def claims_table(claims: pl.DataFrame) -> str:
    """Claims, what their documents' own figures support, and what was measured here."""
    rows = [
        (
            f"{row['document']}: {row['said']}",
            row["support"],
            "nothing measured" if row["supported"] is None else f"{row['supported']:.2f}",
            *(_in_unit(row, side) for side in ("base", "other")),
            times(row),
            f"{row['n']}",
            row["verdict"] or "",
        )
        for row in claims.to_dicts()
    ]
    return table(_CLAIM_HEAD, rows)


_CLAIM_HEAD = (
    "claim", "the document's own figures", "as a ratio", "baseline", "our way", "times", "n", "it is",
)  # fmt: skip
_USUAL = {"base": BASELINE, "other": OPTIMIZED}


def _in_unit(row: Mapping[str, Any], side: str) -> str:
    """A measured value with its unit; the profile, where it is not the one of the column."""
    value, unit, profile = row[side], row["unit"], row[f"{side}_profile"]
    if unit == "byte":
        shown = human_size(value)
    elif unit == "s":
        shown = f"{value:.1f} s" if value >= 10 else f"{value:.2f} s" if value >= 1 else f"{value:.3g} s"
    else:
        shown = f"{value:,.{1 if unit == 'at once' else 0}f} {unit}"
    return shown if profile == _USUAL[side] else f"{shown} ({profile})"


def _counts(benchmark: Benchmark, profiles: Sequence[str]) -> str:
    runs, first = benchmark.runs, profiles[0]
    found = [counts(runs, base=first, other=one).filter(~pl.col("is_warm")).to_dicts() for one in profiles]
    rows: list[Sequence[str]] = []
    for of_one in zip(*found, strict=True):
        amounts = [row["other"] for row in of_one]
        if any(amounts):
            shown = [_amount(of_one[0]["count"], amount) for amount in amounts]
            rows.append((of_one[0]["words"].rstrip(".").partition(";")[0], *shown))
    pictures = [_pictures_a_title(runs, profile) for profile in profiles]
    if any(pictures):
        rows.append(("Pictures kept a movie or show", *pictures))
    return table((f"counted in {_KIND[benchmark.manifest.measures]}", *profiles), rows)


def _pictures_a_title(runs: pl.DataFrame, profile: str) -> str:
    first = runs.filter(profile=profile, is_warm=False)
    kept = [images / titles for images, titles in first.select("image_count", "title_count").iter_rows() if titles]
    return f"{statistics.median(kept):.2f}" if any(kept) else ""


def _scopes(benchmark: Benchmark, first: str, other: str) -> str:
    found = scopes_side_by_side(benchmark.runs, benchmark.scopes, base=first, other=other).filter(~pl.col("is_warm"))
    longest_s = max((row["base_s"] for row in found.to_dicts()), default=0.0)
    rows = [
        (
            row["name"],
            *(_scope_side(row, side) for side in ("base", "other")),
            times(row),
        )
        for row in found.to_dicts()
        if max(row["base_s"], row["other_s"]) >= LEAST_SHARE_RATIO * longest_s
    ]
    told = table((f"open in {_KIND[benchmark.manifest.measures]}", first, other, f"{first} / {other}"), rows)
    return f"{told}\n\n{_AT_ONCE}"


_AT_ONCE = (
    "A scope contains others, and is open also while it waits. At once: the sum of its durations by the time in which "
    "it was open."
)


def _scope_side(row: dict[str, Any], side: str) -> str:
    if row[f"{side}_count"] is None:
        return ""
    at_once = row[f"{side}_concurrency"]
    several = f", {at_once:.1f} at once" if at_once is not None and at_once >= SEVERAL else ""
    return f"{estimate(row, side)}{several}"


def _switches(runs: pl.DataFrame) -> str:
    rows = [
        (
            f"{' with '.join((row['switch'], *switch(row['switch']).needs))}: {row['words']}",
            _KINDS[row["is_warm"]],
            estimate(row, "base"),
            _worth(row),
            times(row),
            row["verdict"] or "",
        )
        for row in switches_worth(runs).filter(~pl.col("is_warm")).to_dicts()
    ]
    return table(("the old way of one thing", "", "takes", "beside optimized", "times", "optimized is"), rows)


def _worth(row: Mapping[str, Any]) -> str:
    middle = f"{row['worth_s']:+.2f} s"
    return middle if row["n"] == 1 else f"{middle} ({row['worth_low_s']:+.2f} to {row['worth_high_s']:+.2f})"


def estimate(row: Mapping[str, Any], side: str) -> str:
    """Seconds of one side of a comparison, with the interval where several runs give one."""
    middle, low, high = (row[f"{side}{part}_s"] for part in ("", "_low", "_high"))
    form = ".1f" if middle >= 10 else ".2f"
    if row["n"] == 1:
        return f"{middle:{form}} s"
    return f"{middle:{form}} s ({low:{form}}-{high:{form}})"


def times(row: Mapping[str, Any]) -> str:
    """A ratio of a comparison, with its interval; empty where there is none."""
    if row["ratio"] is None:
        return ""
    if row["n"] == 1:
        return f"{row['ratio']:.2f}"
    return f"{row['ratio']:.2f} ({row['ratio_low']:.2f}-{row['ratio_high']:.2f})"


def _amount(name: str, amount: float | None) -> str:
    if amount is None:
        return "not counted"
    return human_size(amount) if name.endswith("_bytes") else f"{amount:,.0f}"
