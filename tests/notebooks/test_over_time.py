"""The notebook about many runs: on the sample, on one run, and where there is none."""

from __future__ import annotations

import shutil

import orjson
import pytest
from nbclient.exceptions import CellExecutionError

from tasks.core.layout import DataFolder
from tests.notebooks.execution import OVER_TIME, SAMPLE, charts, kept, outputs, words

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


@pytest.fixture(scope="module")
def notebook(run_notebook):
    return run_notebook(OVER_TIME, DATA=str(SAMPLE), PICTURES="svg")


def test_every_question_gets_its_chart(notebook):
    """
    With twelve runs there is a chart for each question, in this order.
    """
    drawn = charts(notebook)

    assert TITLES == [title for title, chart in zip(TITLES, drawn, strict=True) if title in chart]


def test_it_is_kept_with_what_it_shows(notebook):
    """
    Run again on the sample it says word for word what it is kept with, and draws as many charts.
    """
    then = kept(OVER_TIME)

    assert outputs(then, "text/markdown") == outputs(notebook, "text/markdown")
    assert len(outputs(then, "image/png")) == len(charts(notebook))


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
    assert expected in words(notebook)


def test_failures_are_told_by_cause(notebook):
    """
    The sample has films that the service refused in one night, and files that cannot be read.
    """
    (chart,) = [chart for chart in charts(notebook) if "Items that failed or were set aside" in chart]

    assert "scrape: " in chart
    assert "probe: UnreadableVideo" in chart


def test_one_run_gives_sentences_instead_of_comparisons(run_notebook, tmp_path):
    """
    A single run is shown; what needs several says so.
    """
    sample, data = DataFolder(SAMPLE), DataFolder(tmp_path)
    first = min(sample.runs.glob("*.json"), key=lambda path: orjson.loads(path.read_bytes())["started_at"])
    data.runs.mkdir()
    shutil.copy(first, data.runs)
    shutil.copytree(sample.timings / f"run_id={first.stem}", data.timings / f"run_id={first.stem}")

    said = words(run_notebook(OVER_TIME, DATA=str(data.path), PICTURES="svg"))

    assert "With one run there is nothing to compare yet" in said
    assert "too few runs with work to tell" in said
    assert "cannot be told: 1 run with work; it takes 5" in said


def test_before_the_first_run_it_says_what_to_do(run_notebook, tmp_path):
    """
    An empty folder gives a sentence that names it instead of an error, and no chart; a record that holds nothing
    counts as none, and is named.
    """
    runs = DataFolder(tmp_path).runs
    runs.mkdir()
    (runs / "bare.json").write_text("{}")

    notebook = run_notebook(OVER_TIME, DATA=str(tmp_path), PICTURES="svg")

    assert f"**Left out:** {runs / 'bare.json'} is no record of a run: it has no run_id." in words(notebook)
    assert "There is no run here yet" in words(notebook)
    assert f"Looked in `{tmp_path}`." in words(notebook)
    assert [] == charts(notebook)


@pytest.mark.parametrize("number", [0, -3, "all"])
def test_a_number_of_runs_that_is_none_is_refused(run_notebook, tmp_path, number):
    """
    It says what the number must be.
    """
    with pytest.raises(CellExecutionError, match=f"NEWEST must be a whole number of runs, 1 or more, not {number!r}"):
        run_notebook(OVER_TIME, DATA=str(tmp_path), NEWEST=number)
