"""Claims of the documents stand beside what was measured, in the documents' own figures."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.lab.claims import CLAIMS, claims_beside, flagged_in_d1
from tasks.lab.presets import PRESETS, chosen_profiles
from tasks.lab.profiles import BASELINE, OPTIMIZED
from tests.lab.test_compare import a_run, a_scope, in_turn, runs_of, scopes_of


def test_what_their_figures_support():
    """
    D0: 210.4 s became 171.3 s, 18.6 % less; its pictures 2.75 times as fast. D2: 0.99, by its seconds and by its files
    a second. Of all else nothing was measured.
    """
    whole, pictures, d2, rate, *others = CLAIMS

    assert 0.186 == pytest.approx(1 - 1 / whole.supported, abs=0.0005)
    assert 2.75 == pytest.approx(pictures.supported, abs=0.005)
    assert (0.99, 0.99) == pytest.approx((d2.supported, rate.supported), abs=0.005)
    assert {None} == {claim.supported for claim in others}


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: f"{claim.document}: {claim.said}")
def test_every_claim_has_its_preset(claim):
    """
    A claim without one, or about a profile that its preset does not have, would stay beside nothing.
    """
    assert claim.preset in {preset.name for preset in PRESETS}
    assert {claim.base, claim.other} == set(chosen_profiles([claim.preset], [claim.base, claim.other])[claim.preset])


def test_claims_of_a_document_are_told_apart_by_their_words():
    """
    Tables join by them.
    """
    assert len(CLAIMS) == len({(claim.document, claim.said) for claim in CLAIMS})


def measured(preset: str, base: dict[str, Any], other: dict[str, Any], *, profiles=(BASELINE, OPTIMIZED), **scopes):
    """What claims say of one run a side, with these facts, and scopes of these seconds on both sides."""
    runs = runs_of(
        *(
            a_run(profile, facts.pop("wall_s", 1.0), preset=preset, **facts)
            for profile, facts in zip(profiles, (dict(base), dict(other)), strict=True)
        )
    )
    of_both = scopes_of(
        *(
            a_scope(f"{profile}-1", name.replace("_", "."), side_s)
            for name, seconds in scopes.items()
            for profile, side_s in zip(profiles, seconds, strict=True)
        )
    )
    return {row["said"]: row for row in claims_beside(runs, of_both).to_dicts()}


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

    assert [("D0", 2.0, 2, 8.0, 4.0), ("D0", 4.0, 2, 4.0, 1.0)] == list(
        found.select("document", "ratio", "n", "base", "other").iter_rows()
    )
    assert ["too few runs"] * 2 == found["verdict"].to_list()


def test_files_a_second_are_those_found_and_named():
    """
    417 files, listed in 0.3 s and named in 0.3 s the old way, 0.1 and 0.2 s ours: 695 and 1,390 a second, twice as
    many.
    """
    found = measured(
        "d2",
        {"file_count": 417, "wall_s": 5.0},
        {"file_count": 417, "wall_s": 4.0},
        discover_step=(0.3, 0.1),
        identify_step=(0.3, 0.2),
    )

    row = found["over 500 files a second found and named"]
    assert (695, 1_390) == pytest.approx((row["base"], row["other"]))
    assert 2.0 == pytest.approx(row["ratio"])
    assert 1.25 == found["3 times as fast"]["ratio"]


def test_counts_stand_beside_claims_about_counts():
    """
    3,000 programs became none, which is no ratio; 80 requests became 40, against the profile that keeps no answers.
    """
    programs = measured("d4", {"program_call_count": 3_000}, {"program_call_count": 0}, probe_file=(0.4, 0.1))
    calls = measured("d0", {"call_count": 80}, {"call_count": 40}, profiles=("all-but-answers", OPTIMIZED))

    row = programs["1,000 starts of ffprobe for 1,000 files, not 3,000"]
    assert ("programs", 3_000, 0, None) == tuple(row[name] for name in ("unit", "base", "other", "ratio"))
    (row,) = calls.values()
    assert ("requests", 2.0, None, "all-but-answers") == tuple(
        row[name] for name in ("unit", "ratio", "verdict", "base_profile")
    )


def test_without_its_preset_or_its_scope_a_claim_is_not_told():
    """
    An empty table, with its columns; and of d0 without pictures only what is said of whole runs.
    """
    found = claims_beside(runs_of(*in_turn("baseline", [1.0]), *in_turn("optimized", [1.0])), scopes_of())

    assert 0 == found.height
    assert {"said", "support", "ratio"} <= set(found.columns)
    assert ["61 % less time for scraping in bulk"] == list(measured("d0", {}, {}))


def test_the_regressed_run_of_d1_is_flagged():
    """
    Writing grew from 46 ms to 896 ms, which is named before the whole that grew by 363 ms.
    """
    found = flagged_in_d1()

    assert ["DiskWrite", "SaveAllImages"] == found["name"].to_list()
    assert [0.850, 0.363] == pytest.approx(found["growth_s"].to_list())
