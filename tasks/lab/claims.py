"""What the documents claim, what their own figures support, and what was measured here beside it. Pure.

Ratios say how many times as long the old way takes. The measured one is our ``baseline`` against what we ship, on the
preset with the document's shape: another program, so it judges the idea, not theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from tasks.lab.compare import end_to_end, scopes_side_by_side


@dataclass(frozen=True)
class Claim:
    """One claim of a document."""

    document: str
    preset: str
    said: str
    said_low: float
    said_high: float
    support: str
    """What the document's own figures come to."""
    supported: float | None
    """As a ratio; ``None`` where nothing was measured."""
    scope: str | None = None
    """Scope the claim is about; ``None`` for whole runs."""


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "D0",
        "d0",
        "61 % less time for scraping in bulk",
        1 / (1 - 0.61),
        1 / (1 - 0.61),
        "sum of its stages 210.4 s, then 171.3 s: 19 % less; 61 % is of saving pictures alone",
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
        scope="artwork.step",
    ),
    Claim(
        "D2",
        "d2",
        "3 times as fast, over 500 files/s",
        3.0,
        3.0,
        "417 files in 2.27 s, then in 2.30 s, once each: no gain shown",
        2.27 / 2.30,
    ),
    Claim(
        "D3",
        "d3",
        "6 to 12 times as fast",
        6.0,
        12.0,
        "projected from 191 s of assumed calls and writes; never measured",
        None,
    ),
    Claim(
        "D4",
        "d4",
        "5 to 8 times as fast",
        5.0,
        8.0,
        "ranges of 15-25 and 2-4 minutes, which give 3.75 to 12.5; no run is told",
        None,
    ),
)


def claims_beside(runs: pl.DataFrame, scopes: pl.DataFrame) -> pl.DataFrame:
    """The claims about the presets in ``runs``, and what was measured in first refreshes.

    Columns: ``document, preset, said, said_low, said_high, support, supported, n, base_s, other_s, ratio, ratio_low,
    ratio_high, verdict``; frames as :func:`tasks.lab.store.read_benchmark` gives them.
    """
    whole = end_to_end(runs)
    parts = scopes_side_by_side(runs, scopes)
    rows: list[dict[str, Any]] = []
    for claim in CLAIMS:
        found = whole if claim.scope is None else parts.filter(name=claim.scope)
        for row in found.filter(preset=claim.preset, is_warm=False).to_dicts():
            told = ("document", "preset", "said", "said_low", "said_high", "support", "supported")
            measured = ("n", "base_s", "other_s", "ratio", "ratio_low", "ratio_high", "verdict")
            rows.append({name: getattr(claim, name) for name in told} | {name: row[name] for name in measured})
    words = ("document", "preset", "said", "support", "verdict")
    order = (
        "document", "preset", "said", "said_low", "said_high", "support", "supported", "n", "base_s", "other_s",
        "ratio", "ratio_low", "ratio_high", "verdict",
    )  # fmt: skip
    types = {name: pl.String if name in words else pl.Float64 for name in order} | {"n": pl.Int64}
    return pl.DataFrame(rows, schema={name: types[name] for name in order})
