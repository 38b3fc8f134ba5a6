"""The notebook runs from top to bottom on real files, and says what to do where there are none."""

from __future__ import annotations

import re
import time

import nbformat
import pytest

from tasks.core.layout import DataFolder
from tasks.core.stopwatch import record_duration, record_value, span
from tasks.timings import recording
from tests.notebooks.execution import NOTEBOOKS, charts, executed, outputs
from tests.report.a_library import SEEN, make_warehouse, the_library

LAST_RUN = next(path for path in NOTEBOOKS if path.name == "01_last_run.ipynb")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    """A data folder as a refresh leaves it: a warehouse, and the timings of a run in it."""
    folder = DataFolder(tmp_path_factory.mktemp("data"))
    run = {"run_id": "run-1", "name": "calm-otter", "started_at": SEEN, "state": "completed"}
    make_warehouse(folder.warehouse, the_library() | {"runs": [run]})
    with recording(folder.timings, "run-0", 3600):
        record_value("older", 1)
    began = time.time_ns()
    with recording(folder.timings, "run-1", 3600), span("probe.step"):
        for number in range(200):
            at = began + number * 20_000_000
            item = f"/library/[red]\n{'long ' * 20}{number}.mkv"
            record_duration("probe.file", 0.05 + number % 7 / 100, started_ns=at, item=item)
            record_duration(
                "scrape.call",
                0.2,
                started_ns=at,
                item=f"title {number}",
                ok=number % 20 != 0,
                attributes={"host": "api.example", "status": 200},
            )
            record_value("artwork.images_per_title", number % 5)
    return folder


@pytest.fixture(scope="module")
def notebook(data: DataFolder) -> nbformat.NotebookNode:
    return executed(LAST_RUN, DATA=str(data.path), RUN=None)


def test_every_question_gets_its_chart(notebook):
    """
    With timings and a library there is a chart for each question, in this order.
    """
    drawn = charts(notebook)

    titles = [
        "Share of the wall time in which a scope was open; the number is how many at once",
        "How much was at work, moment by moment",
        "The slowest items",
        "Requests over time",
        "Picture size and codec",
        "High dynamic range",
        "Languages of sound and subtitles",
        "Sizes of files",
        "Decades of films and shows",
        "Shows with missing episodes",
    ]
    assert titles == [title for title, words in zip(titles, drawn, strict=True) if title in words]


@pytest.mark.parametrize(
    "expected", ["HDR10", "h264 hevc", "2010 ", "North Pier, season 1", "api.example, failed", "probe.file scrape.call"]
)
def test_the_charts_show_the_data(notebook, expected):
    """
    What was put into the folder is named in a chart.
    """
    assert any(expected in words for words in charts(notebook))


def test_the_words_name_the_run_and_the_library(notebook):
    """
    The newest run is taken; the 11 files that are there hold 33 GiB.
    """
    words = " ".join(outputs(notebook, "text/markdown"))

    assert "Run **calm-otter**" in words
    assert "**11 files**, 33.0 GiB" in words


def test_the_warehouse_can_be_replaced_while_the_notebook_reads(notebook):
    """
    The connection is read-only: the notebook's code contains no statement that writes.
    """
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")

    assert "read_only=True" in code
    assert not re.search(r"\b(INSERT|UPDATE|DELETE|CREATE|DROP|ALTER|COPY|ATTACH)\b", code)


def test_a_run_can_be_chosen(data):
    """
    The second parameter names the run.
    """
    words = " ".join(outputs(executed(LAST_RUN, DATA=str(data.path), RUN="run-0"), "text/markdown"))

    assert "Run `run-0`" in words


def test_before_the_first_run_it_says_what_to_do(tmp_path):
    """
    An empty folder gives a sentence instead of an error, and no chart.
    """
    notebook = executed(LAST_RUN, DATA=str(tmp_path), RUN=None)

    assert "There is no run here yet" in " ".join(outputs(notebook, "text/markdown"))
    assert [] == charts(notebook)


def test_it_is_kept_without_outputs():
    """
    Outputs would carry paths and titles of whoever ran it.
    """
    notebook = nbformat.read(LAST_RUN, as_version=4)

    assert [] == [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert {None} == {cell.get("execution_count") for cell in notebook.cells}
