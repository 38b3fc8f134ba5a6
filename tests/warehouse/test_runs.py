"""Reading the records of runs: what is none is left out, and said."""

from __future__ import annotations

import json
import os

import pytest

from tasks.core.errors import Refused
from tasks.core.layout import DataFolder
from tasks.warehouse.runs import read_run_record, read_run_records, record_in, run_records

RECORD = {"run_id": "whole", "name": "calm-otter", "started_at": "2026-01-05T12:00:00+00:00", "state": "completed"}
WITHOUT_ZONE = RECORD | {"started_at": "2026-01-05T12:00:00"}
NO_TIME = RECORD | {"started_at": "yesterday"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"),
        ("\n", "it is empty"),
        (json.dumps(RECORD)[:-20], "it is not whole"),
        ("[1, 2]", "it is no JSON object"),
        ("{}", "it has no run_id"),
        (json.dumps(RECORD | {"name": None}), "it has no name"),
        (json.dumps(WITHOUT_ZONE), "its started_at is no time with a zone"),
        (json.dumps(NO_TIME), "its started_at is no time with a zone"),
    ],
)
def test_what_is_no_record_is_left_out_with_its_reason(tmp_path, text, why):
    """
    It is younger than the good one, which is read all the same; asked for by itself it is refused.
    """
    runs = DataFolder(tmp_path).runs
    runs.mkdir()
    (runs / "whole.json").write_text(json.dumps(RECORD))
    (runs / "odd.json").write_text(text)
    os.utime(runs / "whole.json", (1, 1))

    assert ([RECORD], [f"{runs / 'odd.json'} is no record of a run: {why}"]) == read_run_records(tmp_path)
    assert [RECORD] == run_records(tmp_path)
    assert read_run_record(tmp_path, "odd") is None
    assert RECORD == read_run_record(tmp_path, "whole")
    with pytest.raises(Refused, match=why):
        record_in(runs / "odd.json")


def test_a_run_without_a_record_has_none(tmp_path):
    """
    Nothing is left out where nothing is.
    """
    assert read_run_record(tmp_path, "nobody") is None
    assert ([], []) == read_run_records(tmp_path)
