"""Of several benchmarks of a preset the newest that has what is asked for answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.lab.newest import commit_words, is_same_machine, machine_words, newest_ablation, newest_with, round_count
from tasks.lab.store import Benchmark
from tests.lab.test_compare import a_run, runs_of, scopes_of
from tests.lab.test_store import a_manifest

HOST = {"system": "Linux", "machine": "x86_64", "cores": 2, "memory_bytes": 1_000, "python": "3.12.1"}


def a_benchmark(name: str, *profiles: str, preset: str = "d0", is_warm: bool = False) -> Benchmark:
    rows = [a_run(profile, 1.0, preset=preset, is_warm=is_warm) for profile in profiles]
    return Benchmark(Path(name), a_manifest(name, preset=preset), runs_of(*rows), scopes_of())


KEPT = [
    a_benchmark("alone", "optimized"),
    a_benchmark("other", "baseline", "optimized", "all-but-walk", preset="d2"),
    a_benchmark("both", "baseline", "optimized"),
    a_benchmark("ablation", "optimized", "all-but-answers"),
    a_benchmark("older", "baseline", "optimized", "all-but-answers"),
]
"""The newest first."""


@pytest.mark.parametrize(
    ("profiles", "expected"),
    [
        (["optimized"], "alone"),
        (["baseline", "optimized"], "both"),
        (["all-but-answers", "optimized"], "ablation"),
        (["all-but-answers", "baseline"], "older"),
    ],
)
def test_a_newer_one_without_the_profiles_hides_none_that_has_them(profiles, expected):
    """
    Five benchmarks, four of the preset: each pair of profiles has another one that is its newest.
    """
    found = newest_with(KEPT, "d0", *profiles)

    assert found is not None
    assert expected == found.manifest.benchmark_id


def test_where_no_benchmark_has_them_there_is_none():
    """
    A profile that was never run, a preset that was not, and one of which only unchanged refreshes were measured.
    """
    warm = [a_benchmark("warm", "baseline", "optimized", is_warm=True)]

    assert newest_with(KEPT, "d0", "all-but-walk", "optimized") is None
    assert newest_with(KEPT, "d4", "optimized") is None
    assert newest_with(warm, "d0", "baseline", "optimized") is None


def test_an_ablation_has_what_we_ship_and_one_thing_done_the_old_way():
    """
    Of d0 the newest such has no baseline; of d3 there is none.
    """
    found = newest_ablation(KEPT, "d0")

    assert found is not None
    assert "ablation" == found.manifest.benchmark_id
    assert newest_ablation(KEPT, "d3") is None


def test_one_old_way_tried_later_hides_no_table_of_all():
    """
    Two of them before, one after: the two. Of two that tried as many it is the newer.
    """
    one, two, before = (
        a_benchmark(name, "optimized", *tried)
        for name, tried in (
            ("one", ["all-but-walk"]),
            ("two", ["all-but-walk", "all-but-answers"]),
            ("before", ["all-but-walk", "all-but-people"]),
        )
    )

    assert two is newest_ablation([one, two, before], "d0")


def test_rounds_count_when_all_had_their_turn():
    """
    The third round was stopped after its first run; of no runs there are none.
    """
    runs = runs_of(
        *(a_run(profile, 1.0, number=n) for n in (1, 2) for profile in ("a", "b")), a_run("a", 1.0, number=3)
    )

    assert 2 == round_count(runs)
    assert 0 == round_count(runs.clear())


@pytest.mark.parametrize(
    ("changed", "expected"),
    [({}, True), ({"memory_bytes": 1_016}, True), ({"cores": 4}, False), ({"python": "3.13.0"}, False)],
)
def test_some_bytes_of_memory_make_no_other_machine(changed, expected):
    """
    A new kernel keeps a little more or less of it for itself.
    """
    assert expected == is_same_machine(a_manifest(host=HOST), a_manifest(host=HOST | changed))


@pytest.mark.parametrize(
    ("commit", "words"),
    [(None, "no checkout"), ("0123456789abcdef", "0123456789"), ("0123456789abcdef+", "0123456789 and changes")],
)
def test_where_it_comes_from_is_told_in_words(commit, words):
    """
    Ten digits of the commit, and whether files differed from it; the kind of machine without its memory.
    """
    assert words == commit_words(a_manifest(commit=commit))
    assert "Linux x86_64, 2 cores, Python 3.12.1" == machine_words(a_manifest(host=HOST))
    assert "Linux unknown, 2 cores, Python unknown" == machine_words(a_manifest(host={"system": "Linux", "cores": 2}))
