"""Comparisons of runs that are made up, so that the answers are known; and of one that a document tells."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
import pytest

from tasks.lab.claims import D1_AFTER_MS, D1_BEFORE_MS
from tasks.lab.compare import counts, end_to_end, regressions, scopes_side_by_side, switches_worth, unshared_scopes
from tasks.schema.lab import LabRuns, LabScopes


def a_run(profile: str, wall_s: float, *, number: int = 1, **facts: object) -> dict[str, object]:
    zeros = {c.name: 0 for c in LabRuns.columns() if c.name.endswith("_count") or c.name.endswith("_bytes")}
    known = {"benchmark_id": "b", "preset": "tiny", "profile": profile, "round": number, "is_warm": False}
    return {**zeros, **known, "run_id": f"{profile}-{number}", "wall_s": wall_s, "cpu_s": wall_s / 2} | facts


def runs_of(*rows: dict[str, object]) -> pl.DataFrame:
    frame = LabRuns.frame(rows)
    LabRuns.validate(frame)
    return frame


def in_turn(profile: str, walls_s: list[float], **facts: object) -> list[dict[str, object]]:
    return [a_run(profile, wall_s, number=number, **facts) for number, wall_s in enumerate(walls_s, start=1)]


def a_scope(
    run_id: str, name: str, total_s: float, *, busy_s: float | None = None, count: int = 1
) -> dict[str, object]:
    each = {"total_s": total_s, "busy_s": total_s if busy_s is None else busy_s, "count": count, "error_count": 0}
    middle = dict.fromkeys(("p50_s", "p95_s", "max_s"), total_s / count)
    return {**each, **middle, "run_id": run_id, "name": name, "concurrency": total_s / (busy_s or total_s or 1)}


def scopes_of(*rows: dict[str, object]) -> pl.DataFrame:
    frame = LabScopes.frame(rows)
    LabScopes.validate(frame)
    return frame


def test_the_whole_is_compared_round_by_round():
    """
    The second round was disturbed for both: each round says four times as long.
    """
    runs = runs_of(
        *in_turn("baseline", [8.0, 80.0, 12.0, 8.0, 12.0]), *in_turn("optimized", [2.0, 20.0, 3.0, 2.0, 3.0])
    )

    (row,) = end_to_end(runs).to_dicts()

    assert (5, 12.0, 3.0) == (row["n"], row["base_s"], row["other_s"])
    assert (4.0, 4.0, 4.0) == (row["ratio"], row["ratio_low"], row["ratio_high"])
    assert "faster" == row["verdict"]


def test_processor_time_is_compared_as_well():
    """
    Runs that were made up with half of their time on the processor.
    """
    runs = runs_of(*in_turn("baseline", [8.0, 8.0]), *in_turn("optimized", [2.0, 2.0]))

    (row,) = end_to_end(runs, value="cpu_s").to_dicts()

    assert (4.0, 1.0, 4.0) == (row["base_s"], row["other_s"], row["ratio"])


def test_cold_and_warm_and_presets_stand_apart():
    """
    Four kinds of runs are four rows, in the order in which they ran.
    """
    kinds = [("tiny", False), ("tiny", True), ("d0", False), ("d0", True)]
    runs = runs_of(
        *(
            a_run(profile, 1.0, preset=preset, is_warm=is_warm, run_id=f"{profile}-{preset}-{is_warm}")
            for preset, is_warm in kinds
            for profile in ("baseline", "optimized")
        )
    )

    assert kinds == list(end_to_end(runs).select("preset", "is_warm").iter_rows())


def test_a_round_that_was_stopped_is_left_out():
    """
    The second round has only one side.
    """
    runs = runs_of(*in_turn("baseline", [8.0, 9.0]), *in_turn("optimized", [2.0]))

    (row,) = end_to_end(runs).to_dicts()

    assert (1, "one run: not known") == (row["n"], row["verdict"])


def test_nothing_to_compare_is_an_empty_table():
    """
    One side alone, or no runs: the columns are there, and no row.
    """
    alone = runs_of(*in_turn("baseline", [8.0]))

    assert 0 == end_to_end(alone).height
    assert end_to_end(alone).columns == end_to_end(LabRuns.frame()).columns
    assert 0 == scopes_side_by_side(alone, LabScopes.frame()).height
    assert 0 == counts(alone).height
    assert 0 == switches_worth(alone).height


def test_scopes_stand_side_by_side():
    """
    Six downloads one after the other in 12 s, and six in 3 s of which each took 2 s: four at once, four times as fast.
    """
    runs = runs_of(a_run("baseline", 13.0), a_run("optimized", 4.0))
    scopes = scopes_of(
        a_scope("baseline-1", "artwork.download", 12.0, count=6),
        a_scope("optimized-1", "artwork.download", 12.0, busy_s=3.0, count=6),
        a_scope("baseline-1", "old.thing", 1.0),
    )

    found = scopes_side_by_side(runs, scopes)

    assert ["artwork.download", "old.thing"] == found["name"].to_list()
    row = found.to_dicts()[0]
    assert (6, 6, 12.0, 12.0) == tuple(row[f"{s}_{w}"] for w in ("count", "total_s") for s in ("base", "other"))
    assert (1.0, 4.0, 4.0) == (row["base_concurrency"], row["other_concurrency"], row["ratio"])
    assert ["old.thing"] == unshared_scopes(found)


def test_counts_stand_side_by_side():
    """
    D3: 701 calls became 601.
    """
    runs = runs_of(a_run("baseline", 1.0, call_count=701), a_run("optimized", 1.0, call_count=601))

    found = {row["count"]: (row["base"], row["other"]) for row in counts(runs).to_dicts()}

    assert (701, 601) == found["call_count"]
    assert {"probe_count", "connection_count", "repeated_bytes", "task_run_count"} <= found.keys()


def test_a_switch_is_worth_what_is_lost_without_it():
    """
    Without kept answers 5 s more in every round, with another walk from a tenth of a second less to one more.
    """
    runs = runs_of(
        *in_turn("optimized", [10.0, 10.2, 9.9, 10.0, 10.0]),
        *in_turn("all-but-answers", [15.0, 15.2, 14.9, 15.0, 15.0]),
        *in_turn("all-but-walk", [10.1, 10.1, 9.9, 10.1, 9.9]),
    )

    found = switches_worth(runs)

    assert ["answers", "walk"] == found["switch"].to_list()
    assert ["faster", "no difference"] == found["verdict"].to_list()
    assert [5.0, 0.0] == pytest.approx(found["worth_s"].to_list())
    assert [5.0, -0.1] == pytest.approx(found["worth_low_s"].to_list())
    assert [5.0, 0.1] == pytest.approx(found["worth_high_s"].to_list())


def d1(times_ms: Mapping[str, float]) -> pl.DataFrame:
    return scopes_of(*(a_scope("run", name, ms / 1000) for name, ms in times_ms.items()))


def test_the_regressed_run_of_a_document_is_flagged():
    """
    Downloads went in parallel, and the whole took longer, as pictures were fetched again inside the scope of writing:
    the first row names it, which grew by 850 ms, then the whole, by 363 ms; the faster download is none.
    """
    found = regressions(d1(D1_BEFORE_MS), d1(D1_AFTER_MS))

    assert ["DiskWrite", "SaveAllImages"] == found["name"].to_list()
    assert [0.850, 0.363] == pytest.approx(found["growth_s"].to_list())
    assert [46, 868] == pytest.approx((1000 * found["before_s"]).to_list())
    assert [False, False] == found["is_certain"].to_list()


def test_the_other_way_round_the_download_is_flagged():
    """
    What shrank from the regressed run to the one before is no regression.
    """
    assert ["Download"] == regressions(d1(D1_AFTER_MS), d1(D1_BEFORE_MS))["name"].to_list()


def test_a_scope_that_was_not_there_before_is_flagged():
    """
    However many times longer than nothing that is.
    """
    found = regressions(d1(D1_BEFORE_MS), d1({**D1_BEFORE_MS, "Resize": 200}))

    assert [("Resize", 0.0, 0.2)] == list(found.select("name", "before_s", "after_s").iter_rows())


@pytest.mark.parametrize("grown_ms", [5, 46 * 1.05])
def test_what_grew_a_little_is_not_flagged(grown_ms):
    """
    A new scope of less than a hundredth of the whole, and one that takes a twentieth longer.
    """
    changed = {**D1_BEFORE_MS, "New": grown_ms} if grown_ms < 46 else {**D1_BEFORE_MS, "DiskWrite": grown_ms}

    assert 0 == regressions(d1(D1_BEFORE_MS), d1(changed)).height


def rounds(totals_s: list[float]) -> pl.DataFrame:
    """A run a round in which one scope took so long; none where it took nothing."""
    whole = [a_scope(f"run-{n}", "refresh.run", 10.0) for n in range(len(totals_s))]
    return scopes_of(*whole, *(a_scope(f"run-{n}", "probe.step", s) for n, s in enumerate(totals_s) if s))


def test_growth_that_a_round_denies_is_not_flagged():
    """
    Three rounds: 2, 0.5 and 2 times as long, and with all three longer.
    """
    before = rounds([1.0, 1.0, 1.0])

    assert 0 == regressions(before, rounds([2.0, 0.5, 2.0])).height
    assert ["probe.step"] == regressions(before, rounds([2.0, 1.5, 2.0]))["name"].to_list()


@pytest.mark.parametrize("n", [1, 2, 4, 5])
def test_nothing_is_certain_below_five_rounds(n):
    """
    However clear it looks: the rule for every other verdict is the rule for this one.
    """
    (row,) = regressions(rounds([1.0] * n), rounds([2.0] * n)).to_dicts()

    assert (n, n >= 5) == (row["n"], row["is_certain"])


def test_a_scope_that_one_round_lacked_is_not_a_new_one():
    """
    It was there in two rounds of three: flagged where all three took longer, not where one took less.
    """
    before = rounds([0.0, 1.0, 1.0])

    assert 0 == regressions(before, rounds([2.0, 0.5, 2.0])).height
    (row,) = regressions(before, rounds([2.0, 1.5, 2.0])).to_dicts()
    assert (1.0, 2.0) == (row["before_s"], row["after_s"])


def test_a_new_scope_that_only_some_rounds_have_is_not_flagged():
    """
    One of three has it not.
    """
    assert 0 == regressions(rounds([0.0] * 3), rounds([2.0, 0.0, 2.0])).height


def test_what_is_done_more_at_once_takes_no_longer():
    """
    Eight downloads at once wait for one another: they take 8 s in sum instead of 4, and are open for 1 s instead of 4.
    """
    one_by_one = scopes_of(a_scope("a", "refresh.run", 5.0), a_scope("a", "artwork.download", 4.0, busy_s=4.0))
    at_once = scopes_of(a_scope("b", "refresh.run", 2.0), a_scope("b", "artwork.download", 8.0, busy_s=1.0))

    assert 0 == regressions(one_by_one, at_once).height
    assert {"artwork.download", "refresh.run"} == set(regressions(at_once, one_by_one)["name"])


def test_two_benchmarks_need_not_be_of_the_same_length():
    """
    Nothing pairs their runs: five of 2 s beside three of 1 s. What one of the five denies is not flagged, wherever it
    stands.
    """
    before = rounds([1.0] * 3)

    (row,) = regressions(before, rounds([2.0] * 5)).to_dicts()

    assert (3, False) == (row["n"], row["is_certain"])
    assert 0 == regressions(before, rounds([2.0, 2.0, 2.0, 2.0, 1.0])).height
