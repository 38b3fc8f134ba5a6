"""Which record of a run is shown, where files beside it are none."""

from __future__ import annotations

import json
import os

import pytest

from flows.show import record_of, show_report
from tasks.core.errors import Refused
from tasks.core.layout import DataFolder

RECORD = {"run_id": "whole", "name": "calm-otter", "started_at": "2026-01-05T12:00:00+00:00", "state": "completed"}


@pytest.fixture
def data(tmp_path) -> DataFolder:
    """A good record, and two younger files that are none: an empty one and one without content."""
    data = DataFolder(tmp_path)
    data.runs.mkdir()
    for at_s, (name, text) in enumerate((("whole", json.dumps(RECORD)), ("bare", "{}"), ("empty", "")), start=1):
        (data.runs / f"{name}.json").write_text(text)
        os.utime(data.runs / f"{name}.json", (at_s, at_s))
    return data


def test_the_newest_record_is_one_that_can_be_read(data, capsys):
    """
    What is younger and no record is left out, with a line each that names the file.
    """
    assert RECORD == record_of(data, None)
    expected = [
        f"reelhouse: {data.runs / 'empty.json'} is no record of a run: it is empty; it is left out",
        f"reelhouse: {data.runs / 'bare.json'} is no record of a run: it has no run_id; it is left out",
    ]
    assert expected == capsys.readouterr().err.splitlines()


def test_a_run_whose_record_is_none_is_refused_by_name(data, capsys):
    """
    As one that is not there, after a line that says why.
    """
    with pytest.raises(Refused, match="there is no run bare in"):
        show_report(data, "bare")

    assert "bare.json is no record of a run: it has no run_id" in capsys.readouterr().err
