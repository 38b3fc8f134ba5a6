"""The outputs that notebooks are kept with: small, and nothing of a machine in them.

That they are those of the sample is shown by the tests of each notebook, which run it there.
"""

from __future__ import annotations

import base64

import orjson
import pytest

from notebooks.keep_outputs import KEPT
from tasks.timings import read_timings
from tests.notebooks.execution import NOTEBOOKS, PROJECT, SAMPLE, kept, outputs

MOST_BYTES = 400_000


def test_every_notebook_is_kept_with_outputs():
    """
    What can be seen in the folder opens with content.
    """
    assert list(KEPT) == [path.name for path in NOTEBOOKS]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_pictures_are_small_and_all_there(path):
    """
    Every chart is a PNG, and the file with all of them stays below 400 kB.
    """
    pictures = [base64.b64decode(picture) for picture in outputs(kept(path), "image/png")]

    assert {b"\x89PNG"} == {picture[:4] for picture in pictures}
    assert path.stat().st_size < MOST_BYTES


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_nothing_of_a_machine_is_kept(path):
    """
    No folder of the project or a home, no count of executions, no times of cells, no parameters of who ran it.
    """
    text = path.read_text(encoding="utf-8")

    assert not [word for word in (str(PROJECT), "/home/", "/tmp/", "/root/") if word in text]
    assert {None} == {cell.get("execution_count") for cell in kept(path).cells}
    assert {()} == {tuple(set(cell.metadata) - {"tags"}) for cell in kept(path).cells}
    assert 1 == len([cell for cell in kept(path).cells if "DATA = None" in cell.source])


def test_the_sample_is_small_and_names_no_machine():
    """
    All files of the sample together stay below 1.5 MB, and every path in its records begins at /videos.
    """
    files = [path for path in SAMPLE.rglob("*") if path.is_file()]
    records = [orjson.loads(path.read_bytes()) for path in files if path.suffix == ".json"]

    assert sum(path.stat().st_size for path in files) < 1_500_000
    assert 12 == len(records)
    assert not [path for path in files if b"/tmp/" in path.read_bytes() or b"/home/" in path.read_bytes()]
    for record in records:
        timings = read_timings(SAMPLE / "timings", record["run_id"])
        named = timings.select("item", "attributes").unpivot()["value"].drop_nulls()
        assert not named.str.contains("/tmp/|/home/|/work/").any()
