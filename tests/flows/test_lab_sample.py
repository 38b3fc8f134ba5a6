"""What of a benchmark is kept as a sample."""

from __future__ import annotations

from datetime import UTC, datetime

from flows.lab_sample import BENCHMARKS, keep
from tasks.lab.presets import chosen_profiles
from tasks.lab.store import read_benchmark
from tests.notebooks.test_baseline_and_optimised import a_benchmark


def test_runs_and_scopes_are_kept_and_no_timings(tmp_path):
    """
    The copy says the same as the benchmark, in three files.
    """
    made = a_benchmark(
        tmp_path / "bench", "tiny", {"baseline": [2.0], "optimized": [1.0]}, at=datetime(2026, 1, 5, tzinfo=UTC)
    )
    (made / "timings").mkdir()
    (made / "timings" / "part.parquet").touch()

    kept = keep(made, tmp_path / "sample")

    assert ["manifest.json", "runs.parquet", "scopes.parquet"] == sorted(path.name for path in kept.iterdir())
    whole, copy = read_benchmark(made), read_benchmark(kept)
    assert whole.manifest == copy.manifest
    assert whole.runs.equals(copy.runs)
    assert whole.scopes.equals(copy.scopes)


def test_the_sample_is_of_presets_and_profiles_that_there_are():
    """
    A name that the lab does not know would be found only after an hour.
    """
    for name, profiles, _ in BENCHMARKS:
        assert [name] == list(chosen_profiles([name], profiles))
