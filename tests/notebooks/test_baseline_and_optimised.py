"""The notebook about benchmarks: on the sample, on benchmarks whose answers are known, and where there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.lab_sample import BENCHMARKS
from tasks.lab.profiles import overlay
from tasks.lab.store import MANIFEST, Manifest, benchmark_folders, lab_folder, write_manifest, write_runs
from tests.lab.test_compare import a_run, a_scope, scopes_of
from tests.lab.test_store import a_manifest
from tests.notebooks.execution import BASELINE_AND_OPTIMISED, PROJECT, charts, kept, outputs, words

SAMPLE = PROJECT / "data" / "sample"
TITLES = [
    "Length of whole refreshes",
    "How many times as long the baseline takes",
    "Scopes of a first refresh of d0",
    "Counts of a first refresh of d0",
    "Effective concurrency in a first refresh of d0",
    "From what we ship to the baseline",
    "How many times as long one old way makes a first refresh of d0",
    "Claims of five documents",
    "The run of document D1 that went wrong",
]
OF_DOCUMENTS = 2
"""Charts that show figures of documents, also where nothing was measured."""


def a_manifest_of(preset: str, at: datetime, rounds: int, ran: Sequence[str], **facts: object) -> Manifest:
    known = {
        "preset": preset,
        "words": "made up",
        "started_at": at,
        "finished_at": at + timedelta(minutes=5),
        "rounds": rounds,
        "order": list(ran) * rounds,
        "profiles": {profile: overlay(profile) for profile in ran},
        "file_count": 50,
        "host": {"system": "Linux", "machine": "x86_64", "cores": 2, "python": "3.12.0"},
    }
    return a_manifest(f"{preset}-{at:%Y%m%dT%H%M%S}", **(known | facts))


def a_benchmark(
    data: Path,
    preset: str,
    walls_s: Mapping[str, Sequence[float]],
    *,
    at: datetime,
    download_s: float = 1.0,
    **facts: object,
) -> Path:
    """A benchmark with a run for each of ``walls_s``, whose downloads took ``download_s`` in sum, four at once."""
    rows, scopes = [], []
    for profile, each_s in walls_s.items():
        for number, wall_s in enumerate(each_s, start=1):
            run_id = f"{preset}-{at:%H%M}-{profile}-{number}"
            rows.append(a_run(profile, wall_s, number=number, run_id=run_id, preset=preset, file_count=50))
            scopes.append(a_scope(run_id, "refresh.run", wall_s))
            scopes.append(a_scope(run_id, "artwork.step", wall_s / 2))
            scopes.append(a_scope(run_id, "artwork.download", download_s, busy_s=download_s / 4, count=8))
    manifest = a_manifest_of(preset, at, max(len(each_s) for each_s in walls_s.values()), list(walls_s), **facts)
    folder = lab_folder(data) / manifest.benchmark_id
    folder.mkdir(parents=True)
    write_runs(folder, rows, scopes_of(*scopes))
    write_manifest(folder, manifest)
    return folder


NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def on_sample(run_notebook):
    return run_notebook(BASELINE_AND_OPTIMISED, DATA=str(SAMPLE), PICTURES="svg")


@pytest.fixture(scope="module")
def on_known(run_notebook, tmp_path_factory):
    """An ablation of d0, and tiny twice, of which the second has slower downloads."""
    data = tmp_path_factory.mktemp("bench")
    walls_s = {
        "baseline": [100.0, 101.0, 99.0, 100.0, 100.0],
        "optimized": [10.0, 10.1, 9.9, 10.0, 10.0],
        "all-but-program": [15.0, 15.15, 14.85, 15.0, 15.0],
        "all-but-program-calls": [18.0, 18.18, 17.82, 18.0, 18.0],
        "all-but-walk": [10.1, 10.0, 9.9, 10.0, 10.0],
    }
    a_benchmark(data, "d0", walls_s, at=NOON)
    both = {"baseline": [5.0] * 5, "optimized": [5.1, 4.9, 5.0, 5.0, 5.0]}
    a_benchmark(data, "tiny", both, at=NOON + timedelta(hours=1))
    a_benchmark(data, "tiny", both, at=NOON + timedelta(hours=2), download_s=3.5)
    return run_notebook(BASELINE_AND_OPTIMISED, DATA=str(data), PICTURES="svg")


def test_every_question_gets_its_chart(on_sample):
    """
    The sample has all that the notebook asks for: a chart for each question, in this order.
    """
    drawn = charts(on_sample)

    assert TITLES == [title for title, text in zip(TITLES, drawn, strict=True) if title in text]


def test_the_sample_says_that_it_is_one(on_sample):
    """
    How many rounds there were is said of each library.
    """
    said = words(on_sample)

    assert "This is the sample" in said
    for folder in benchmark_folders(SAMPLE):
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
        files = f"{manifest.file_count:,} files, " if manifest.measures == "refreshes" else ""
        assert f" {files}{manifest.rounds} round{'s' * (manifest.rounds > 1)}, " in said


def test_the_regressed_run_of_a_document_is_flagged(on_sample):
    """
    D1 tells 46 ms of writing that became 896 ms, 850 more, and a whole of 868 that became 1,231, of one run a side.
    """
    said = words(on_sample)

    assert "**`DiskWrite` grew by 850 ms**, from 46 ms to 896 ms. If anything became slower, look there first" in said
    assert "with n = 1 nothing is certain" in said
    assert "| SaveAllImages | 868 ms | 1,231 ms | +363 ms | 1.42 |" in said
    assert "| Download |" not in said


@pytest.mark.parametrize(
    "expected",
    [
        "**d0, first refresh**: 1 min 40 s the old way, 10.0 s our way: **10.0 times as fast** (10.00 to 10.00)",
        "**tiny, first refresh**: 5.0 s the old way, 5.0 s our way: **no difference**",
    ],
)
def test_the_whole_comes_first_and_says_when_there_is_no_difference(on_known, expected):
    """
    100 s against 10 s in every round; 5 s against 4.9 to 5.1 s.
    """
    assert expected in words(on_known)


def test_a_switch_that_needs_another_counts_what_comes_on_top(on_known):
    """
    A program a file costs 5 s; three calls of it cost 8 s, of which 3 s are beyond the program.
    """
    said = words(on_known)

    assert "| +5.00 s | +5.00 s | 1.50 (1.50 to 1.50) | faster |" in said
    assert "| +8.00 s | +3.00 s | 1.80 (1.80 to 1.80) | faster |" in said
    assert "| +0.00 s | +0.00 s | 1.00 (0.99 to 1.01) | no difference |" in said
    assert "Not tried here: files-at-once," in said


def test_the_waterfall_ends_at_the_baseline(on_known):
    """
    10 s, then 5 and 3 more, and 82 only together, are the 100 s of the baseline.
    """
    (fall,) = [text for text in charts(on_known) if "From what we ship" in text]

    assert {"10.0", "+5.0", "+3.0", "+82.0", "100.0"} <= set(fall.split())


def test_a_scope_that_grew_between_two_benchmarks_is_named(on_known):
    """
    Downloads of the newer tiny, four at once, were open for 875 ms instead of 250; its whole runs did not grow.
    """
    said = words(on_known)

    assert "**tiny**, 2026-01-05 13:00 and 2026-01-05 14:00 UTC, n = 5 and 5:" in said
    assert "Slower: `artwork.download` grew by 625 ms**, from 250 ms to 875 ms" in said
    assert "As a whole it takes no longer (`refresh.run`)." in said


def test_claims_stand_beside_what_was_measured(on_known):
    """
    D0's 61 %, of which its figures support 210.4 / 171.3, beside our 10; what was not run says how to, and requests
    without kept answers take an ablation.
    """
    said = words(on_known)

    assert "| 1.23 | 1 min 40 s → 10.0 s | 10.00 (10.00 to 10.00) | 5 |" in said
    presets = ("d2", "d2-answers", "d3", "d3-assumed", "d3-calls", "d4", "d4-10k")
    others = "".join(f", `reelhouse benchmark {name}`" for name in presets)
    assert f"Not measured here: `reelhouse benchmark d0 --ablation`{others} would." in said
    assert "210.4 s → 171.3 s (6 % less) | 1 min 40 s → 10.0 s |" in said
    assert "| sum | 210.4 | 171.3 | -19% |" in said
    assert "| sum, IMDB as before | 210.4 | 186.2 | -12% |" in said
    assert "| half as many | not counted | not measured: `reelhouse benchmark d0 --ablation` |" in said


def test_a_newer_benchmark_of_ours_alone_hides_no_comparison(run_notebook, tmp_path):
    """
    An ablation, then both sides, then ours alone, each twice as fast as the one before: whole runs are those of the
    second, a single switch is worth what the first says, and ours of now stands beside ours of before.
    """
    walls_s = {"optimized": [8.0] * 5, "all-but-answers": [12.0] * 5}
    a_benchmark(tmp_path, "d0", walls_s, at=NOON, commit="a" * 40)
    a_benchmark(tmp_path, "d0", {"baseline": [40.0] * 5, "optimized": [4.0] * 5}, at=NOON + timedelta(days=1))
    a_benchmark(tmp_path, "d0", {"optimized": [2.0] * 5}, at=NOON + timedelta(days=2), download_s=3.0)

    said = words(run_notebook(BASELINE_AND_OPTIMISED, DATA=str(tmp_path)))

    assert "**d0, first refresh**: 40.0 s the old way, 4.0 s our way: **10.0 times as fast**" in said
    assert "The library is **d0** (2026-01-05, commit aaaaaaaaaa), n = 5." in said
    assert "| +4.00 s | +4.00 s | 1.50 (1.50 to 1.50) | faster |" in said
    assert "| 40.0 s → 4.0 s | 10.00 (10.00 to 10.00) | 5 |" in said
    assert "0 requests (all-but-answers) → 0 requests" in said
    assert "2026-01-06 12:00 and 2026-01-07 12:00 UTC, n = 5 and 5:" in said
    assert "Slower: `artwork.download` grew by 500 ms**" in said


def test_what_a_baseline_never_had_is_not_missed(run_notebook, tmp_path):
    """
    D0's old program kept no answers and has no slip of thumbnails: of a baseline of that one switch nothing was left
    out when it alone was tried.
    """
    walls_s = {"baseline": [12.0] * 5, "optimized": [8.0] * 5, "all-but-answers": [12.0] * 5}
    of_answers = overlay("all-but-answers")
    profiles = {"baseline": of_answers, "optimized": {}, "all-but-answers": of_answers}
    a_benchmark(tmp_path, "d0", walls_s, at=NOON, profiles=profiles)

    said = words(run_notebook(BASELINE_AND_OPTIMISED, DATA=str(tmp_path)))

    assert "The library is **d0**" in said
    assert "Not tried here" not in said


def test_a_kernel_that_keeps_less_memory_makes_no_other_machine(run_notebook, tmp_path):
    """
    Two benchmarks of ours on a machine of 8 GB, before and after: compared; three rounds make nothing certain.
    """
    for hour, memory_bytes, download_s in ((0, 8_000_000_000, 1.0), (1, 8_000_004_096, 2.0)):
        host = {"system": "Linux", "machine": "x86_64", "cores": 2, "python": "3.12.0", "memory_bytes": memory_bytes}
        at = NOON + timedelta(hours=hour)
        a_benchmark(tmp_path, "tiny", {"optimized": [3.0] * 3}, at=at, download_s=download_s, host=host)

    said = words(run_notebook(BASELINE_AND_OPTIMISED, DATA=str(tmp_path)))

    assert "not compared" not in said
    assert "**`artwork.download` grew by 250 ms**" in said
    assert "with n = 3 nothing is certain" in said


def test_few_rounds_tell_no_winner(run_notebook, tmp_path):
    """
    Of three rounds an interval misses in one case of four (1 - 2 ** (1 - 3)): neither faster nor no difference.
    """
    a_benchmark(tmp_path, "d0", {"baseline": [9.0] * 3, "optimized": [3.0] * 3}, at=NOON)
    a_benchmark(tmp_path, "tiny", {"baseline": [3.0] * 3, "optimized": [3.0] * 3}, at=NOON)

    said = words(run_notebook(BASELINE_AND_OPTIMISED, DATA=str(tmp_path)))

    assert "With 3 rounds an interval misses the true value about once in 4 times." in said
    assert "3.0 times (3.00 to 3.00), but **it takes 5 rounds** to say more, n = 3" in said
    assert "1.0 times (1.00 to 1.00), but **it takes 5 rounds**" in said
    assert not [word for word in ("times as fast**", "**no difference**") if word in said]


def test_a_replay_is_no_refresh(run_notebook, tmp_path):
    """
    Of calls and writes no files are told, and they are called what they are.
    """
    a_benchmark(tmp_path, "d3-calls", {"baseline": [90.0] * 5, "optimized": [9.0] * 5}, at=NOON, measures="replays")

    said = words(run_notebook(BASELINE_AND_OPTIMISED, DATA=str(tmp_path)))

    assert "**d3-calls, calls and writes**: 1 min 30 s the old way, 9.0 s our way: **10.0 times as fast**" in said
    assert "made up. 5 rounds" in said


def test_one_round_tells_nothing(run_notebook, tmp_path):
    """
    The folder of one benchmark can be given as well; with a single round nothing is called faster.
    """
    folder = a_benchmark(tmp_path, "tiny", {"baseline": [9.0], "optimized": [3.0]}, at=NOON)

    said = words(run_notebook(BASELINE_AND_OPTIMISED, DATA=str(folder)))

    assert "3.0 times, but **a single run tells nothing**" in said
    assert "| 9.0 s | 3.0 s | 3.00 | one run: not known |" in said
    assert "times as fast**" not in said


def test_without_both_sides_it_says_so(run_notebook, tmp_path):
    """
    What we ship beside one old way, and a library that nobody has measured: sentences instead of tracebacks.
    """
    a_benchmark(tmp_path, "tiny", {"optimized": [3.0] * 3, "all-but-walk": [3.0] * 3}, at=NOON)

    notebook = run_notebook(BASELINE_AND_OPTIMISED, DATA=str(tmp_path), PRESET="d9", PICTURES="svg")

    assert "There is no benchmark of d9 here.** There are: tiny." in words(notebook)
    assert 3 == words(notebook).count("no benchmark has both, the baseline and what we ship")
    assert 2 + OF_DOCUMENTS == len(charts(notebook))


def test_before_the_first_benchmark_it_says_what_to_do(run_notebook, tmp_path):
    """
    A folder with nothing but a manifest of another time: it is named, and there is only what documents say.
    """
    folder = lab_folder(tmp_path) / "tiny-old"
    folder.mkdir(parents=True)
    (folder / MANIFEST).write_text("{}")

    notebook = run_notebook(BASELINE_AND_OPTIMISED, DATA=str(tmp_path), PICTURES="svg")

    assert "is no manifest of this version" in words(notebook)
    assert "There is no benchmark here yet" in words(notebook)
    assert f"Looked in `{lab_folder(tmp_path)}`." in words(notebook)
    assert "None" not in words(notebook)
    assert OF_DOCUMENTS == len(charts(notebook))


def test_it_is_kept_with_what_it_shows(on_sample):
    """
    Run again on the sample it says word for word what it is kept with, and draws as many charts.
    """
    then = kept(BASELINE_AND_OPTIMISED)

    assert outputs(then, "text/markdown") == outputs(on_sample, "text/markdown")
    assert len(outputs(then, "image/png")) == len(charts(on_sample))


def test_the_sample_is_small_and_names_no_machine():
    """
    Benchmarks of all presets, below 1 MB, without a path.
    """
    files = [path for path in lab_folder(SAMPLE).rglob("*") if path.is_file()]

    manifests = [path.read_text(encoding="utf-8") for path in files if path.name == MANIFEST]

    assert sorted(name for name, _, _ in BENCHMARKS) == sorted(
        Manifest.model_validate_json(text).preset for text in manifests
    )
    assert sum(path.stat().st_size for path in files) < 1_000_000
    assert not [path for path in files if any(name in path.read_bytes() for name in (b"/tmp/", b"/home/", b"/work/"))]
