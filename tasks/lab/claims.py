"""What the documents claim, what their own figures support, and what was measured here beside it. Pure.

Ratios say how many times as much the old way takes. The measured one is our ``baseline`` against what we ship, on the
preset with the document's shape: another program, so it judges the idea, not theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from tasks.lab.compare import regressions, sides
from tasks.lab.newest import newest_with
from tasks.lab.profiles import ALL_BUT, BASELINE, OPTIMIZED
from tasks.lab.replay import SHIPPED
from tasks.lab.statistics import median_of, ratio_of, verdict
from tasks.lab.store import Benchmark

Row = Mapping[str, Any]
Unit = Literal["s", "files/s", "requests", "programs", "byte", "at once"]


@dataclass(frozen=True)
class Measure:
    """Something of a run that a claim is about."""

    unit: Unit
    of: Callable[[Row], float | None]
    """From the row of a run, with its scopes by name as ``scopes`` and the most memory of its stages as
    ``stage_peak_bytes``; ``None`` where the run does not tell."""
    more_is_better: bool = False

    @property
    def is_time(self) -> bool:
        """Whether it is another one each time, so that a few runs say little; counts are the same."""
        return self.unit in ("s", "files/s")


def _column(unit: Unit, name: str) -> Measure:
    return Measure(unit, lambda run: run[name])


def _scope(name: str, column: str) -> Measure:
    return Measure("s", lambda run: run["scopes"][name][column] if name in run["scopes"] else None)


def _found_and_named(run: Row) -> float | None:
    scopes = run["scopes"]
    took_s = sum(scopes[name]["busy_s"] for name in ("discover.step", "identify.step") if name in scopes)
    return run["file_count"] / took_s if took_s else None


def _calls_at_once(run: Row) -> float | None:
    return run["scopes"]["http.request"]["concurrency"] if "http.request" in run["scopes"] else None


def _request_s(run: Row) -> float | None:
    found = run["scopes"].get("http.request")
    return found["total_s"] / found["count"] if found else None


def _memory_bytes(run: Row) -> float | None:
    """The most of run and workers together: samples of both may miss the moment at which the run alone had more."""
    together = run["stage_peak_bytes"]
    return None if together is None else max(together, run["peak_bytes"] or 0)


WALL = _column("s", "wall_s")


@dataclass(frozen=True)
class Claim:
    """One claim of a document."""

    document: str
    preset: str
    said: str
    said_low: float | None
    """As a ratio, with ``said_high``; ``None`` where it is none."""
    said_high: float | None
    support: str
    """What the document's own figures come to."""
    supported: float | None
    """As a ratio; ``None`` where nothing was measured."""
    measure: Measure = WALL
    base: str = BASELINE
    other: str = OPTIMIZED
    """Profiles that stand for what was before and after."""

    @property
    def command(self) -> str:
        """What is typed to measure it."""
        return f"reelhouse benchmark {self.preset}{' --ablation' * self.base.startswith(ALL_BUT)}"


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "D0",
        "d0",
        "61 % less time for scraping in bulk",
        1 / (1 - 0.61),
        1 / (1 - 0.61),
        "sum of its stages 210.4 s, then 171.3 s: 19 % less, 12 % if a source that it did not change had not changed; "
        "61 % is of saving pictures alone",
        210.4 / 171.3,
    ),
    Claim(
        "D0",
        "d0",
        "pictures 3 to 5 times as fast",
        3.0,
        5.0,
        "815 ms a film, then 296 ms",
        815 / 296,
        measure=_scope("artwork.step", "busy_s"),
    ),
    Claim(
        "D0",
        "d0",
        "a call takes 33 % less time, as all share a client (here: mean of calls and pictures)",
        1 / (1 - 0.33),
        1 / (1 - 0.33),
        "64 ms, then 43 ms, once each; the library that makes its calls cannot use that client",
        64 / 43,
        measure=Measure("s", _request_s),
        base=f"{ALL_BUT}clients",
    ),
    Claim(
        "D1",
        "d0",
        "saving pictures took 1.42 times as long, as a small one was fetched before each",
        1231 / 868,
        1231 / 868,
        "868 ms a film, then 1,231 ms, once each, though fetching had become faster in between",
        1231 / 868,
        measure=_scope("artwork.step", "busy_s"),
        base=f"{ALL_BUT}thumbnails",
    ),
    Claim(
        "D2",
        "d2",
        "3 times as fast",
        3.0,
        3.0,
        "417 files in 2.27 s, then in 2.30 s, once each: no gain shown",
        2.27 / 2.30,
    ),
    Claim(
        "D2",
        "d2",
        "over 500 files a second found and named",
        None,
        None,
        "184 files a second, then 181 (ours, here, are named while others are measured)",
        181.1 / 183.6,
        measure=Measure("files/s", _found_and_named, more_is_better=True),
    ),
    Claim(
        "D2",
        "d0",
        "half as many requests, as answers are kept (here: each title once, no ids in the names)",
        2.0,
        2.0,
        "not counted",
        None,
        measure=_column("requests", "call_count"),
        base=f"{ALL_BUT}answers",
    ),
    Claim(
        "D2",
        "d2-answers",
        "half as many requests, as answers are kept (here: ids in the names, one film in five twice)",
        2.0,
        2.0,
        "not counted",
        None,
        measure=_column("requests", "call_count"),
    ),
    Claim(
        "D2",
        "d4-10k",
        "less than 100 MB of memory for more than 10,000 files (here: run and workers, with what they start)",
        None,
        None,
        "at most 417 files were run, and their memory is not told",
        None,
        measure=Measure("byte", _memory_bytes),
    ),
    Claim(
        "D3",
        "d3-calls",
        "6 to 12 times as fast",
        6.0,
        12.0,
        "projected from 191 s of assumed calls and writes, never measured; rows were still saved one by one: its own "
        "10 ms for each make it 3.2",
        None,
        other=SHIPPED,
    ),
    Claim(
        "D3",
        "d3-assumed",
        "191 s, then 31 s, by its own model (here: its calls, and its 10 ms a write for each row)",
        191 / 31,
        191 / 31,
        "never measured; the model has rows saved in batches, which was not built",
        None,
        other=SHIPPED,
    ),
    Claim(
        "D3",
        "d3-calls",
        "25 to 50 calls at once in effect",
        25.0,
        50.0,
        "never measured; 5 shows of 5 seasons at once are 25 at most",
        None,
        measure=Measure("at once", _calls_at_once, more_is_better=True),
        other=SHIPPED,
    ),
    Claim(
        "D3",
        "d3-calls",
        "100 shows in seconds instead of minutes",
        None,
        None,
        "never measured",
        None,
    ),
    Claim(
        "D3",
        "d3",
        "half of the time, or less, for 100 shows",
        2.0,
        2.0,
        "never measured",
        None,
    ),
    Claim(
        "D4",
        "d4",
        "5 to 8 times as fast: 1,000 files in 2 to 4 minutes, not in 15 to 25 (here: of half a second each)",
        5.0,
        8.0,
        "its ranges give 3.75 to 12.5; no run is told",
        None,
    ),
    Claim(
        "D4",
        "d4-10k",
        "10 times as fast for 10,000 files and more (here: of half a second each)",
        10.0,
        10.0,
        "a target for later, never measured",
        None,
    ),
    Claim(
        "D4",
        "d4",
        "1,000 starts of ffprobe for 1,000 files, not 3,000",
        3.0,
        3.0,
        "not counted",
        None,
        measure=_column("programs", "program_call_count"),
    ),
    Claim(
        "D4",
        "d4",
        "less than a second for a file (here: 95 of 100 are measured in that time)",
        None,
        None,
        "200 to 500 ms for one start of ffprobe",
        None,
        measure=_scope("probe.file", "p95_s"),
    ),
)

D1_BEFORE_MS: Mapping[str, float] = {"SaveAllImages": 868, "Download": 815, "DiskWrite": 46}
D1_AFTER_MS: Mapping[str, float] = {"SaveAllImages": 1231, "Download": 335, "DiskWrite": 896}
"""What saving the pictures of a film took before and after the slip that D1 analyses."""

_TOLD = ("document", "preset", "said", "said_low", "said_high", "support", "supported")
_SCHEMA: Mapping[str, Any] = {
    "document": pl.String, "preset": pl.String, "said": pl.String, "said_low": pl.Float64, "said_high": pl.Float64,
    "support": pl.String, "supported": pl.Float64, "benchmark_id": pl.String,
    "unit": pl.String, "n": pl.Int64, "base_profile": pl.String,
    "other_profile": pl.String, "base": pl.Float64, "other": pl.Float64, "ratio": pl.Float64, "ratio_low": pl.Float64,
    "ratio_high": pl.Float64, "verdict": pl.String,
}  # fmt: skip


def claims_beside(kept: Sequence[Benchmark]) -> pl.DataFrame:
    """The claims that the benchmarks measured, and what the first refreshes, or replays, of each say.

    A claim is about two profiles; the newest benchmark of its preset that has both answers it.

    Columns: ``document, preset, said, said_low, said_high, support, supported``, then what was measured:
    ``benchmark_id, unit, n, base_profile, other_profile, base, other`` (medians, in ``unit``), ``ratio, ratio_low,
    ratio_high`` (null where one side is nothing) and ``verdict`` (null for counts).

    Args:
        kept: benchmarks, the newest first.
    """
    rows: list[dict[str, Any]] = []
    for claim in CLAIMS:
        found = newest_with(kept, claim.preset, claim.base, claim.other)
        of_sides = _measured(claim, found) if found else None
        if found is None or of_sides is None:
            continue
        base, other = of_sides
        more, less = (other, base) if claim.measure.more_is_better else (base, other)
        ratio = ratio_of(more, less) if min(less) > 0 else None
        rows.append(
            {
                **{name: getattr(claim, name) for name in _TOLD},
                "benchmark_id": found.manifest.benchmark_id,
                "unit": claim.measure.unit,
                "n": len(base),
                "base_profile": claim.base,
                "other_profile": claim.other,
                "base": median_of(base).value,
                "other": median_of(other).value,
                "ratio": ratio and ratio.value,
                "ratio_low": ratio and ratio.low,
                "ratio_high": ratio and ratio.high,
                "verdict": verdict(ratio) if ratio and claim.measure.is_time else None,
            }
        )
    return pl.DataFrame(rows, schema=dict(_SCHEMA))


def _measured(claim: Claim, found: Benchmark) -> tuple[list[float], list[float]] | None:
    """What the claim is about in the rounds of both sides; ``None`` where a run does not tell it."""
    peaks = dict(found.stages.group_by("run_id").agg(pl.col("peak_bytes").max()).iter_rows())
    scopes = {
        str(run_id): {row["name"]: row for row in frame.to_dicts()}
        for (run_id,), frame in found.scopes.partition_by("run_id", as_dict=True).items()
    }

    def values(runs: pl.DataFrame) -> list[float] | None:
        told = [
            claim.measure.of(
                run | {"scopes": scopes.get(run["run_id"], {}), "stage_peak_bytes": peaks.get(run["run_id"])}
            )
            for run in runs.to_dicts()
        ]
        known = [float(value) for value in told if value is not None]
        return known if len(known) == len(told) else None

    first = found.runs.filter(is_warm=False)
    for _, *of_sides in sides(first, claim.base, claim.other):
        base, other = map(values, of_sides)
        return None if base is None or other is None else (base, other)
    return None


def flagged_in_d1() -> pl.DataFrame:
    """What our comparison says of the run that D1 analyses, from D1's own figures; as :func:`regressions` gives it."""
    return regressions(*(_one_run(figures_ms) for figures_ms in (D1_BEFORE_MS, D1_AFTER_MS)))


def _one_run(figures_ms: Mapping[str, float]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "run_id": ["run"] * len(figures_ms),
            "name": list(figures_ms),
            "busy_s": [figure_ms / 1000 for figure_ms in figures_ms.values()],
        }
    )
