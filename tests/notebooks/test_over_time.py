"""The notebook about many runs: on the sample, on one run, and where there is none."""

from __future__ import annotations

import shutil

import orjson
import pytest

from tasks.core.layout import DataFolder
from tests.notebooks.execution import NOTEBOOKS, SAMPLE, charts, executed, outputs

OVER_TIME = next(path for path in NOTEBOOKS if path.name == "03_over_time.ipynb")
TITLES = [
    "Length of the runs",
    "Seconds in which a stage was at work",
    "Share of the items that needed no work",
    "Answers asked for and answers kept",
    "Items that failed or were set aside",
    "Time an item",
    "Length of a run by the files it measured",
    "How far the predictions were off",
]


def run_on(data: DataFolder):
    return executed(OVER_TIME, DATA=str(data.path), NEWEST=100, PICTURES="svg")


@pytest.fixture(scope="module")
def notebook():
    return run_on(DataFolder(SAMPLE))


def test_every_question_gets_its_chart(notebook):
    """
    With twelve runs there is a chart for each question, in this order.
    """
    drawn = charts(notebook)

    assert TITLES == [title for title, words in zip(TITLES, drawn, strict=True) if title in words]


@pytest.mark.parametrize(
    "expected",
    [
        "**12 runs** from 2026-01-05 03:00 to 2026-01-16 03:00 UTC",
        "No stage has become slower",
        "The time of a run grows with the files measured by the exponent",
        "runs with at least three before them",
        "| 10,000",
    ],
)
def test_the_words_tell_what_the_sample_holds(notebook, expected):
    """
    Twelve nights from 5 January on; enough runs to tell drift, growth and how predictions held.
    """
    assert expected in " ".join(" ".join(outputs(notebook, "text/markdown")).split())


def test_failures_are_told_by_cause(notebook):
    """
    The sample has films that the service refused in one night, and files that cannot be read.
    """
    (words,) = [words for words in charts(notebook) if "Items that failed or were set aside" in words]

    assert "scrape: " in words
    assert "probe: UnreadableVideo" in words


def test_one_run_gives_sentences_instead_of_comparisons(tmp_path):
    """
    A single run is shown; what needs several says so.
    """
    sample, data = DataFolder(SAMPLE), DataFolder(tmp_path)
    first = min(sample.runs.glob("*.json"), key=lambda path: orjson.loads(path.read_bytes())["started_at"])
    data.runs.mkdir()
    shutil.copy(first, data.runs)
    shutil.copytree(sample.timings / f"run_id={first.stem}", data.timings / f"run_id={first.stem}")

    words = " ".join(outputs(run_on(data), "text/markdown"))

    assert "With one run there is nothing to compare yet" in words
    assert "too few runs with work to tell" in words
    assert "cannot be told: 1 run with work; it takes 5" in words


def test_before_the_first_run_it_says_what_to_do(tmp_path):
    """
    An empty folder gives a sentence instead of an error, and no chart.
    """
    notebook = run_on(DataFolder(tmp_path))

    assert "There is no run here yet" in " ".join(outputs(notebook, "text/markdown"))
    assert [] == charts(notebook)
