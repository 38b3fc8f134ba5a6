"""Claims of the documents stand beside what was measured, in the documents' own figures."""

from __future__ import annotations

import pytest

from tasks.lab.claims import CLAIMS, claims_beside
from tasks.lab.presets import PRESETS
from tests.lab.test_compare import a_run, a_scope, in_turn, runs_of, scopes_of


def test_what_their_figures_support():
    """
    D0: 210.4 s became 171.3 s, 18.6 % less; its pictures 2.75 times as fast. D2: 0.99. D3 and D4: nothing.
    """
    whole, pictures, d2, d3, d4 = CLAIMS

    assert 0.186 == pytest.approx(1 - 1 / whole.supported, abs=0.0005)
    assert 2.75 == pytest.approx(pictures.supported, abs=0.005)
    assert 0.99 == pytest.approx(d2.supported, abs=0.005)
    assert (None, None) == (d3.supported, d4.supported)


def test_every_claim_has_its_preset():
    """
    A claim without one would stay beside nothing.
    """
    assert {claim.preset for claim in CLAIMS} <= {preset.name for preset in PRESETS}


def test_a_claim_stands_beside_what_was_measured():
    """
    Whole runs twice as fast, the scope of the pictures four times; warm runs are not what was claimed about.
    """
    runs = runs_of(
        *in_turn("baseline", [8.0, 8.0], preset="d0"),
        *in_turn("optimized", [4.0, 4.0], preset="d0"),
        a_run("baseline", 1.0, preset="d0", is_warm=True, run_id="warm-1"),
        a_run("optimized", 1.0, preset="d0", is_warm=True, run_id="warm-2"),
    )
    scopes = scopes_of(
        *(a_scope(f"baseline-{number}", "artwork.step", 4.0) for number in (1, 2)),
        *(a_scope(f"optimized-{number}", "artwork.step", 1.0) for number in (1, 2)),
    )

    found = claims_beside(runs, scopes)

    assert [("D0", 2.0, 2), ("D0", 4.0, 2)] == list(found.select("document", "ratio", "n").iter_rows())


def test_without_its_preset_a_claim_is_not_told():
    """
    An empty table, with its columns.
    """
    found = claims_beside(runs_of(*in_turn("baseline", [1.0]), *in_turn("optimized", [1.0])), scopes_of())

    assert 0 == found.height
    assert {"said", "support", "ratio"} <= set(found.columns)
