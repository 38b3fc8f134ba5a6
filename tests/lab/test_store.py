"""A benchmark comes back from the disk as it was written."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from tasks.core.errors import Refused
from tasks.core.layout import DataFolder
from tasks.lab.store import (
    Manifest,
    benchmark_folders,
    keep_run,
    lab_folder,
    new_id,
    read_benchmark,
    read_benchmarks,
    write_manifest,
    write_runs,
)
from tasks.schema.lab import LabStages
from tests.lab.test_compare import a_run, a_scope, scopes_of

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)


def a_manifest(benchmark_id: str = "tiny-1", **facts: object) -> Manifest:
    known = {
        "benchmark_id": benchmark_id,
        "preset": "tiny",
        "words": "a few files",
        "started_at": AT,
        "rounds": 1,
        "order": ("baseline", "optimized"),
        "profiles": {"baseline": {"probe.engine": "ffprobe", "probe.workers": 1}, "optimized": {}},
        "stand_in": {"latency_s": 0.1, "rate_hz": None},
        "file_count": 20,
        "input_hash": "00",
        "host": {"system": "Linux", "cores": 2},
        "versions": {"polars": "2.1"},
        "commit": None,
    }
    return Manifest.model_validate(known | facts)


def test_a_benchmark_comes_back(tmp_path):
    """
    Manifest, runs and scopes, with their types.
    """
    manifest = a_manifest(finished_at=AT)
    rows = [a_run("baseline", 2.0), a_run("optimized", 1.0)]
    scopes = scopes_of(a_scope("baseline-1", "probe.step", 1.0))
    write_manifest(tmp_path, manifest)
    write_runs(tmp_path, rows, scopes)

    found = read_benchmark(tmp_path)

    assert manifest == found.manifest
    assert [2.0, 1.0] == found.runs["wall_s"].to_list()
    assert scopes.equals(found.scopes)


def test_stages_come_back(tmp_path):
    """
    Beside the runs; what is not known stays so. A benchmark of before there were any has none.
    """
    write_manifest(tmp_path, a_manifest(finished_at=AT))
    write_runs(tmp_path, [a_run("baseline", 2.0)], scopes_of())
    before = read_benchmark(tmp_path).stages
    rows = [{"run_id": "baseline-1", "stage": "probe", "step_count": 2, "busy_s": 1.0, "cpu_s": 0.5}]

    write_runs(tmp_path, [a_run("baseline", 2.0)], scopes_of(), LabStages.frame(rows))

    assert before.equals(LabStages.frame())
    assert [("baseline-1", "probe", 2, 1.0, 0.5, None, None, None)] == read_benchmark(tmp_path).stages.rows()


def test_stages_of_before_storage_was_told_come_back(tmp_path):
    """
    As the published ones: what they do not have is unknown, not 0.
    """
    write_manifest(tmp_path, a_manifest(finished_at=AT))
    write_runs(tmp_path, [a_run("baseline", 2.0)], scopes_of())
    row = {"run_id": "baseline-1", "stage": "probe", "step_count": 2, "busy_s": 1.0, "cpu_s": 0.5, "peak_bytes": 7}
    LabStages.frame([row]).drop("read_bytes", "written_bytes").write_parquet(tmp_path / "stages.parquet")

    assert [("probe", 7, None, None)] == read_benchmark(tmp_path).stages.select(
        "stage", "peak_bytes", "read_bytes", "written_bytes"
    ).rows()


def test_stages_that_are_cut_off_are_refused(tmp_path):
    """
    Half a file is not the same as none.
    """
    write_manifest(tmp_path, a_manifest())
    rows = [{"run_id": "baseline-1", "stage": "probe", "step_count": 2, "busy_s": 1.0, "cpu_s": 0.5}]
    write_runs(tmp_path, [a_run("baseline", 2.0)], scopes_of(), LabStages.frame(rows))
    whole = (tmp_path / "stages.parquet").read_bytes()
    (tmp_path / "stages.parquet").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(Refused, match="no whole benchmark"):
        read_benchmark(tmp_path)


def test_what_ended_is_found_the_newest_first(tmp_path):
    """
    One that goes on, or was stopped, is no result; another preset can be left out.
    """
    for name, facts in {
        "a": {"finished_at": AT},
        "b": {"finished_at": AT + timedelta(hours=1)},
        "c": {},
        "d": {"finished_at": AT, "preset": "d0"},
    }.items():
        write_manifest(lab_folder(tmp_path) / name, a_manifest(name, **facts))

    assert ["b", "a"] == [folder.name for folder in benchmark_folders(tmp_path, "tiny")]
    assert {"a", "b", "d"} == {folder.name for folder in benchmark_folders(tmp_path)}
    assert [] == benchmark_folders(tmp_path / "nothing")


def test_one_that_cannot_be_read_does_not_hide_the_others(tmp_path):
    """
    A manifest of another version, and a benchmark whose runs are gone: both are named, the third one is read.
    """
    folder = lab_folder(tmp_path)
    for name in ("whole", "without-runs"):
        write_manifest(folder / name, a_manifest(name, finished_at=AT))
    write_runs(folder / "whole", [a_run("baseline", 2.0)], scopes_of())
    (folder / "older").mkdir()
    (folder / "older" / "manifest.json").write_text("{}")

    found, refused = read_benchmarks(tmp_path)

    assert ["whole"] == [one.folder.name for one in found]
    assert [True, True] == [name in " ".join(refused) for name in ("older", "without-runs")]
    assert 2 == len(refused)
    assert {"whole", "without-runs"} == {path.name for path in benchmark_folders(tmp_path)}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"finished_at": "2026-01-05T12:00:00"}, "finished_at: Input should have timezone info"),
        ({"started_at": "2026-01-05T12:00:00"}, "started_at: Input should have timezone info"),
        ({"host": {"cores": []}}, "host.cores.str: Input should be a valid string"),
        ({"speed": 1}, "speed: Extra inputs are not permitted"),
    ],
)
def test_a_manifest_that_cannot_be_used_names_what_is_wrong(tmp_path, changed, expected):
    """
    Times without a zone cannot be set beside others: that benchmark is left out, with the entry that is at fault.
    """
    whole, odd = (lab_folder(tmp_path) / name for name in ("whole", "odd"))
    for folder in (whole, odd):
        write_manifest(folder, a_manifest(folder.name, finished_at=AT))
        write_runs(folder, [a_run("baseline", 2.0)], scopes_of())
    known = json.loads((odd / "manifest.json").read_bytes())
    (odd / "manifest.json").write_text(json.dumps(known | changed))

    found, refused = read_benchmarks(tmp_path)

    assert ["whole"] == [one.folder.name for one in found]
    assert [f"{odd / 'manifest.json'} is no manifest of this version: {expected}"] == refused


def test_a_replay_has_no_record(tmp_path):
    """
    Its timings are kept all the same.
    """
    data, kept = DataFolder(tmp_path / "data"), DataFolder(tmp_path / "kept")
    part = data.timings / "run_id=run-1" / "part-1.parquet"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"timings")

    keep_run(kept.path, data.path, "run-1")

    assert b"timings" == (kept.timings / "run_id=run-1" / "part-1.parquet").read_bytes()
    assert [] == list(kept.runs.iterdir())


def test_timings_and_records_are_kept(tmp_path):
    """
    They lie in the benchmark as in a data folder, so that everything that reads those reads these.
    """
    data, kept = DataFolder(tmp_path / "data"), DataFolder(tmp_path / "kept")
    part = data.timings / "run_id=run-1" / "part-1.parquet"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"timings")
    data.runs.mkdir()
    (data.runs / "run-1.json").write_bytes(b"{}")

    keep_run(kept.path, data.path, "run-1")

    assert b"timings" == (kept.timings / "run_id=run-1" / "part-1.parquet").read_bytes()
    assert b"{}" == (kept.runs / "run-1.json").read_bytes()


@pytest.mark.parametrize("content", [None, b"", b"{}", b'{"preset": "tiny"}'])
def test_what_is_no_benchmark_is_refused(tmp_path, content):
    """
    A folder without a manifest, or with one that is cut off or of something else.
    """
    if content is not None:
        (tmp_path / "manifest.json").write_bytes(content)

    with pytest.raises(Refused, match=r"manifest|no benchmark"):
        read_benchmark(tmp_path)


def test_runs_that_are_cut_off_are_refused(tmp_path):
    """
    A manifest alone is no benchmark, nor are half of its runs.
    """
    write_manifest(tmp_path, a_manifest())
    write_runs(tmp_path, [a_run("baseline", 2.0)], scopes_of())
    whole = (tmp_path / "runs.parquet").read_bytes()
    (tmp_path / "runs.parquet").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(Refused, match="no whole benchmark"):
        read_benchmark(tmp_path)


def test_ids_sort_by_time_and_differ():
    """
    Two of one second have two folders.
    """
    one, other, later = new_id("tiny", AT), new_id("tiny", AT), new_id("tiny", AT + timedelta(seconds=1))

    assert one != other
    assert max(one, other) < later
