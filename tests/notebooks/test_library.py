"""The notebook about the library: on the sample, without titles, and where there is no warehouse."""

from __future__ import annotations

import re

import pytest

from tasks.core.layout import DataFolder
from tests.notebooks.execution import LIBRARY, SAMPLE, charts, code, kept, outputs, words
from tests.report.a_library import make_warehouse, the_library

TITLES = [
    "Files and space by codec",
    "Sizes of files",
    "High dynamic range",
    "Languages of sound and subtitles",
    "Files and their size",
    "Films and shows with further copies",
    "Shows with missing episodes",
    "Ratings of the titles",
    "Decades of films and shows",
]


@pytest.fixture(scope="module")
def notebook(run_notebook):
    return run_notebook(LIBRARY, DATA=str(SAMPLE), PICTURES="svg")


def test_every_question_gets_its_chart(notebook):
    """
    With a library whose titles were looked up there is a chart for each question, in this order.
    """
    drawn = charts(notebook)

    assert TITLES == [title for title, chart in zip(TITLES, drawn, strict=True) if title in chart]


@pytest.mark.parametrize("expected", ["hevc", "2160p", "HDR10", "jpn", "there missing", "films shows"])
def test_the_charts_show_the_sample(notebook, expected):
    """
    What the sample's videos and titles are is named in a chart.
    """
    assert any(expected in chart for chart in charts(notebook))


def test_it_is_kept_with_what_it_shows(notebook):
    """
    Run again on the sample it says word for word what it is kept with, and draws as many charts.
    """
    then = kept(LIBRARY)

    assert outputs(then, "text/markdown") == outputs(notebook, "text/markdown")
    assert len(outputs(then, "image/png")) == len(charts(notebook))


def test_the_words_count_the_sample(notebook):
    """
    The made library has 245 files in its last night and 30 in its first.
    """
    assert "**245 files**" in words(notebook)
    assert "From 30 files on 2026-01-05 to **245**" in words(notebook)


def test_the_connection_is_read_only(notebook):
    """
    A refresh can replace the warehouse meanwhile: the code contains no statement that writes.
    """
    assert "read_only=True" in code(notebook)
    assert not re.search(r"\b(INSERT|UPDATE|DELETE|CREATE|DROP|ALTER|COPY|ATTACH)\b", code(notebook))


def test_without_titles_it_says_what_turns_them_on(run_notebook, tmp_path):
    """
    Files without a token: the four questions about files have charts, the three about titles a sentence each.
    """
    data = DataFolder(tmp_path)
    rows = the_library()
    make_warehouse(data.warehouse, {name: rows[name] for name in rows if name not in ("matches", "titles", "episodes")})

    notebook = run_notebook(LIBRARY, DATA=str(data.path), PICTURES="svg")

    assert 6 == len(charts(notebook))
    assert 3 == words(notebook).count("no title has been looked up")


def test_before_the_first_refresh_it_says_what_to_do(run_notebook, tmp_path):
    """
    An empty folder gives a sentence instead of an error, and no chart.
    """
    notebook = run_notebook(LIBRARY, DATA=str(tmp_path), PICTURES="svg")

    assert "There is no library here yet" in words(notebook)
    assert f"Looked in `{tmp_path}`." in words(notebook)
    assert [] == charts(notebook)
