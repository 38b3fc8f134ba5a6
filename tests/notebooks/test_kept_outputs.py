"""The outputs that notebooks are kept with: those of the sample, small, and as they would be made today."""

from __future__ import annotations

import base64

import nbformat
import pytest

from notebooks.keep_outputs import KEPT
from tests.notebooks.execution import NOTEBOOKS, PROJECT, SAMPLE, executed, outputs

MOST_BYTES = 300_000
PATHS = [path for path in NOTEBOOKS if path.name in KEPT]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_the_sentences_are_those_of_the_sample(path):
    """
    Run again, the notebook says word for word what it is kept with, so nothing of another library is in it.
    """
    kept = nbformat.read(path, as_version=4)

    again = executed(path, DATA="../data/sample/library", NEWEST=100, PICTURES="png")

    assert outputs(again, "text/markdown") == outputs(kept, "text/markdown")
    assert len(outputs(again, "image/png")) == len(outputs(kept, "image/png"))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_pictures_are_small_and_all_there(path):
    """
    Every chart is a PNG, and the file with all of them stays below 300 kB.
    """
    kept = nbformat.read(path, as_version=4)

    pictures = [base64.b64decode(picture) for picture in outputs(kept, "image/png")]

    assert 8 == len(pictures)
    assert {b"\x89PNG"} == {picture[:4] for picture in pictures}
    assert path.stat().st_size < MOST_BYTES


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_nothing_of_a_machine_is_kept(path):
    """
    No folder of the project or a home, no count of executions, no times of cells.
    """
    text = path.read_text(encoding="utf-8")
    kept = nbformat.read(path, as_version=4)

    assert not [word for word in (str(PROJECT), "/home/", "/tmp/", "/root/") if word in text]
    assert {None} == {cell.get("execution_count") for cell in kept.cells}
    assert {()} == {tuple(set(cell.metadata) - {"tags"}) for cell in kept.cells}


def test_the_sample_is_small_and_names_no_machine():
    """
    All files of the sample together stay below 1.5 MB, and every path in its records begins at /videos.
    """
    files = [path for path in SAMPLE.rglob("*") if path.is_file()]

    assert sum(path.stat().st_size for path in files) < 1_500_000
    assert 12 == len([path for path in files if path.suffix == ".json"])
    assert not [path for path in files if b"/tmp/" in path.read_bytes() or b"/home/" in path.read_bytes()]
