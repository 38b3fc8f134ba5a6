"""Where the notebooks look for data."""

from __future__ import annotations

from pathlib import Path

import pytest

from notebooks.drawing import PROJECT, find_data


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("here", Path("here")),
        ("data/sample", PROJECT / "data" / "sample"),
        ("nowhere/demo", PROJECT / "nowhere" / "demo"),
        ("/srv/reelhouse", Path("/srv/reelhouse")),
    ],
)
def test_a_relative_folder_is_looked_for_here_and_then_in_the_project(monkeypatch, tmp_path, named, expected):
    """
    Jupyter works in the folder of the notebook, whoever set the variable did not.
    """
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REELHOUSE_DATA_DIR", named)

    assert expected == find_data(None).path


def test_a_chosen_folder_comes_before_the_variable(monkeypatch):
    """
    DATA is taken as it is.
    """
    monkeypatch.setenv("REELHOUSE_DATA_DIR", "data/sample")

    assert Path("elsewhere") == find_data("elsewhere").path
