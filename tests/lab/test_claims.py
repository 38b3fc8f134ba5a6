"""Claims of the documents stand beside what was measured, in the documents' own figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.lab.claims import CLAIMS, D1_AFTER_MS, D1_BEFORE_MS, claims_beside, flagged_in_d1
from tasks.lab.presets import PRESETS, chosen_profiles
from tasks.lab.profiles import BASELINE, OPTIMIZED
from tasks.lab.store import Benchmark
from tasks.schema.lab import LabStages
from tests.lab.test_compare import a_run, a_scope, in_turn, runs_of, scopes_of
from tests.lab.test_store import a_manifest

MIB = 1024**2


def test_what_their_figures_support():
    """
    D0: 210.4 s became 171.3 s, 18.6 % less; its pictures 2.75 times as fast; a call of 64 ms became one of 43, which is
    the 33 % less that it says. D1: 868 ms became 1,231. D2: 0.99, by its seconds and by its files a second. Of all else
    nothing was measured.
    """
    whole, pictures, calls, twice, d2, rate, *others = CLAIMS

    assert 0.186 == pytest.approx(1 - 1 / whole.supported, abs=0.0005)
    assert 2.75 == pytest.approx(pictures.supported, abs=0.005)
    assert (64 / 43, 64 / 43) == pytest.approx((calls.supported, calls.said_low), abs=0.01)
    assert 1.418 == pytest.approx(twice.supported, abs=0.0005)
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


def a_benchmark(runs: pl.DataFrame, scopes: pl.DataFrame, *, name: str = "b", preset: str = "d0", **more) -> Benchmark:
    return Benchmark(Path(name), a_manifest(name, preset=preset), runs, scopes, **more)


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
    return {row["said"]: row for row in claims_beside([a_benchmark(runs, of_both, preset=preset)]).to_dicts()}


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

    found = claims_beside([a_benchmark(runs, scopes)])

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


def test_a_call_is_told_by_its_mean():
    """
    Ten requests of 640 ms in sum with a client each, ten of 430 ms with a shared one: 64 and 43 ms.
    """
    profiles = ("all-but-clients", OPTIMIZED)
    runs = runs_of(*(a_run(profile, 1.0, preset="d0") for profile in profiles))
    scopes = scopes_of(
        *(
            a_scope(f"{profile}-1", "http.request", total_s, count=10)
            for profile, total_s in zip(profiles, (0.64, 0.43), strict=True)
        )
    )

    (row,) = claims_beside([a_benchmark(runs, scopes)]).to_dicts()

    assert "a call takes 33 % less time" in row["said"]
    assert (0.064, 0.043, 64 / 43) == pytest.approx((row["base"], row["other"], row["ratio"]))


def test_memory_is_that_of_run_and_workers_together():
    """
    A run of 90 MiB that never had more than 140 with its workers, in the second of three stages; one of 80 whose
    samples saw 70 at most. Without stages the workers' part is not known, and nothing is told.
    """
    runs = runs_of(
        a_run("baseline", 1.0, preset="d4-10k", peak_bytes=90 * MIB),
        a_run("optimized", 1.0, preset="d4-10k", peak_bytes=80 * MIB),
    )
    peaks = [("baseline-1", 100), ("baseline-1", 140), ("baseline-1", None), ("optimized-1", 70)]
    stages = LabStages.frame(
        {"run_id": run_id, "stage": f"stage {n}", "step_count": 1, "peak_bytes": mib and mib * MIB}
        for n, (run_id, mib) in enumerate(peaks)
    )

    told = claims_beside([a_benchmark(runs, scopes_of(), preset="d4-10k", stages=stages)])
    untold = claims_beside([a_benchmark(runs, scopes_of(), preset="d4-10k")])

    (row,) = told.filter(unit="byte").to_dicts()
    assert (140 * MIB, 80 * MIB) == (row["base"], row["other"])
    assert 1 == told.height - untold.height


def test_each_claim_is_answered_by_the_newest_that_has_its_profiles():
    """
    An ablation of before tells of kept answers, beside the whole runs of now; ours alone, newer still, hides neither.
    """
    kept = [
        a_benchmark(runs_of(a_run(OPTIMIZED, 1.0, preset="d0")), scopes_of(), name="alone"),
        a_benchmark(
            runs_of(a_run(BASELINE, 9.0, preset="d0"), a_run(OPTIMIZED, 3.0, preset="d0")), scopes_of(), name="both"
        ),
        a_benchmark(
            runs_of(
                a_run("all-but-answers", 5.0, preset="d0", call_count=80),
                *(a_run(profile, 5.0, preset="d0", call_count=40) for profile in (BASELINE, OPTIMIZED)),
            ),
            scopes_of(),
            name="ablation",
        ),
    ]

    found = claims_beside(kept).select("benchmark_id", "unit", "ratio").rows()

    assert [("both", "s", 3.0), ("ablation", "requests", 2.0)] == found


def test_without_its_preset_or_its_scope_a_claim_is_not_told():
    """
    An empty table, with its columns; and of d0 without pictures only what is said of whole runs.
    """
    runs = runs_of(*in_turn("baseline", [1.0]), *in_turn("optimized", [1.0]))
    found = claims_beside([a_benchmark(runs, scopes_of(), preset="tiny")])

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
    assert [False, False] == found["is_certain"].to_list()


def test_what_is_flagged_in_d1_is_all_that_was_not_expected():
    """
    Downloads of 335 ms and writing as before, 46 ms, made 381 ms the time that was expected. It took 1,231 ms: what is
    flagged first are the 850 ms between.
    """
    expected_ms = D1_AFTER_MS["Download"] + D1_BEFORE_MS["DiskWrite"]

    (first_s, *_) = flagged_in_d1()["growth_s"]

    assert (381, 1_231) == (expected_ms, D1_AFTER_MS["SaveAllImages"])
    assert 1_231 - 381 == pytest.approx(1000 * first_s)
