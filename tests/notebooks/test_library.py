"""The notebook about the library: on the sample, without titles, and where there is no warehouse."""

from __future__ import annotations

import re

import pytest

from tasks.core.layout import DataFolder
from tests.notebooks.execution import NOTEBOOKS, SAMPLE, charts, executed, outputs
from tests.report.a_library import make_warehouse, the_library

LIBRARY = next(path for path in NOTEBOOKS if path.name == "04_library.ipynb")
TITLES = [
    "Files and space by codec",
    "Sizes of files",
    "High dynamic range",
    "Languages of sound and subtitles",
    "Files and their size",
    "Films and shows with further copies",
    "Shows with missing episodes",
    "Ratings of the titles",
]


def run_on(data: DataFolder):
    return executed(LIBRARY, DATA=str(data.path), PICTURES="svg")


@pytest.fixture(scope="module")
def notebook():
    return run_on(DataFolder(SAMPLE))


def test_every_question_gets_its_chart(notebook):
    """
    With a library whose titles were looked up there is a chart for each question, in this order.
    """
    drawn = charts(notebook)

    assert TITLES == [title for title, words in zip(TITLES, drawn, strict=True) if title in words]


@pytest.mark.parametrize("expected", ["hevc", "2160p", "HDR10", "jpn", "there missing", "films shows"])
def test_the_charts_show_the_sample(notebook, expected):
    """
    What the sample's videos and titles are is named in a chart.
    """
    assert any(expected in words for words in charts(notebook))


def test_the_words_count_the_sample(notebook):
    """
    The made library has 245 files in its last night and 30 in its first.
    """
    words = " ".join(outputs(notebook, "text/markdown"))

    assert "**245 files**" in words
    assert "From 30 files on 2026-01-05 to **245**" in words


def test_the_connection_is_read_only(notebook):
    """
    A refresh can replace the warehouse meanwhile: the code contains no statement that writes.
    """
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")

    assert "read_only=True" in code
    assert not re.search(r"\b(INSERT|UPDATE|DELETE|CREATE|DROP|ALTER|COPY|ATTACH)\b", code)


def test_without_titles_it_says_what_turns_them_on(tmp_path):
    """
    Files without a token: the four questions about files have charts, the three about titles a sentence each.
    """
    data = DataFolder(tmp_path)
    rows = the_library()
    make_warehouse(data.warehouse, {name: rows[name] for name in rows if name not in ("matches", "titles", "episodes")})

    notebook = run_on(data)

    assert 5 == len(charts(notebook))
    assert 3 == " ".join(outputs(notebook, "text/markdown")).count("no title has been looked up")


def test_before_the_first_refresh_it_says_what_to_do(tmp_path):
    """
    An empty folder gives a sentence instead of an error, and no chart.
    """
    notebook = run_on(DataFolder(tmp_path))

    assert "There is no library here yet" in " ".join(outputs(notebook, "text/markdown"))
    assert [] == charts(notebook)
