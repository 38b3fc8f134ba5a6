"""The large libraries that benchmarks refresh, walk and measure."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tasks.standin.bench_library import make_empty_library
from tests.flows.house import states


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> Path:
    return make_empty_library(tmp_path_factory.mktemp("empty") / "library", 3_000)


def test_there_are_as_many_empty_files_as_asked_for(empty):
    """
    Every file counts, and nothing else lies in the tree that a bare loop would count.
    """
    sizes = [path.stat().st_size for path in empty.rglob("*") if path.is_file()]

    assert [0] * 3_000 == sizes


def test_folders_hold_fifty_to_a_hundred_files(empty):
    """
    Folders are as full as those of real libraries; only the last one holds what is left.
    """
    counts = sorted(Counter(path.parent for path in empty.rglob("*.mkv")).values())

    assert 50 <= counts[1] and counts[-1] <= 100


def test_what_is_there_is_left_as_it_is(empty):
    """
    A second call changes no file and no folder.
    """
    before = states(empty)

    make_empty_library(empty, 3_000)

    assert before == states(empty)


def test_a_tree_that_was_begun_is_completed(tmp_path):
    """
    What an interrupted call left is taken, and the rest is made.
    """
    (tmp_path / "library" / "0000" / "000000").mkdir(parents=True)
    (tmp_path / "library" / "0000" / "000000" / "Video 0000000.mkv").touch()

    make_empty_library(tmp_path / "library", 120)

    assert 120 == len(list((tmp_path / "library").rglob("*.mkv")))
