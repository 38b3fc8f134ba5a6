"""The notebook runs from top to bottom on real files, and says what to do where there are none."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import nbformat
import pytest
from nbclient import NotebookClient

from tasks.core.layout import DataFolder
from tasks.core.stopwatch import record_duration, record_value, span
from tasks.timings import recording
from tests.report.a_library import SEEN, make_warehouse, the_library

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
LAST_RUN = next(path for path in NOTEBOOKS if path.name == "01_last_run.ipynb")


def executed(path: Path, data: Path, run: str | None = None) -> nbformat.NotebookNode:
    """The notebook after a run of all cells on ``data``, every warning in its own code an error."""
    notebook = nbformat.read(path, as_version=4)
    (parameters,) = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    parameters.source = f"DATA = {str(data)!r}\nRUN = {run!r}"
    strict = "import warnings\nwarnings.simplefilter('error')"
    lenient = "warnings.resetwarnings()"  # ipykernel itself warns when it ends
    notebook.cells = [nbformat.v4.new_code_cell(strict), *notebook.cells, nbformat.v4.new_code_cell(lenient)]
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(path.parent)}}).execute()
    return notebook


def outputs(notebook: nbformat.NotebookNode, kind: str) -> list[Any]:
    shown = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])]
    return [data[kind] for data in shown if kind in data]


def charts(notebook: nbformat.NotebookNode) -> list[str]:
    """The words in each chart, title first to last label, as one line a chart."""
    svg = "{http://www.w3.org/2000/svg}"
    drawn = [ElementTree.fromstring(picture) for picture in outputs(notebook, "image/svg+xml")]
    return [" ".join(text.text or "" for text in picture.iter(f"{svg}text")) for picture in drawn]


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
    return executed(LAST_RUN, data.path)


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
    words = " ".join(outputs(executed(LAST_RUN, data.path, "run-0"), "text/markdown"))

    assert "Run `run-0`" in words


def test_before_the_first_run_it_says_what_to_do(tmp_path):
    """
    An empty folder gives a sentence instead of an error, and no chart.
    """
    notebook = executed(LAST_RUN, tmp_path)

    assert "There is no run here yet" in " ".join(outputs(notebook, "text/markdown"))
    assert [] == charts(notebook)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_are_kept_without_outputs(path):
    """
    Outputs would carry paths and titles of whoever ran them.
    """
    notebook = nbformat.read(path, as_version=4)

    assert [] == [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert {None} == {cell.get("execution_count") for cell in notebook.cells}
