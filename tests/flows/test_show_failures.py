"""What a person is told about the items that a run did not get done."""

from __future__ import annotations

import json
import os

import pytest

from flows.show_failures import show_failures
from tasks.core.errors import Refused
from tasks.core.layout import DataFolder

A_FAILURE = {
    "stage": "probe", "item_id": "a", "item": "/v/a.mkv", "cause": "ProbeTimedOut", "reason": "no answer within 30 s",
    "is_transient": True, "attempts": 3,
}  # fmt: skip
FAILURES = [
    A_FAILURE,
    A_FAILURE | {"item_id": "b", "item": "/v/[red]\n\x1b[31mb.mkv"},
    A_FAILURE | {"item_id": "c", "item": "/v/c.mkv", "cause": "FileNotPermitted", "is_transient": False, "attempts": 1},
]
QUARANTINE = [
    {"refused_by": "probe", "row_key": "d", "item": "/v/d.mkv", "reason": "moov atom not found"}
    | {"cause": "UnreadableVideo", "attempts": 1},
    {"refused_by": "match", "row_key": "e", "item": "Harbour", "reason": "nothing fits"},
]


@pytest.fixture
def data(tmp_path) -> DataFolder:
    return DataFolder(tmp_path / "data")


def keep(data: DataFolder, run_id: str, *, at_s: int = 0, **record: object) -> None:
    """Write a record as the run that ended ``at_s`` has left it."""
    data.runs.mkdir(parents=True, exist_ok=True)
    path = data.runs / f"{run_id}.json"
    known = {"run_id": run_id, "name": f"name of {run_id}", "state": "incomplete", "started_at": "2026-01-05T12:00:00Z"}
    path.write_text(json.dumps(known | record))
    os.utime(path, (at_s, at_s))


def shown(data: DataFolder, capsys, run_id: str | None = None, *, as_json: bool = False) -> str:
    show_failures(data, run_id, as_json=as_json)
    return capsys.readouterr().out


def test_passing_failures_stand_apart_from_permanent_ones(data, capsys, monkeypatch):
    """
    First what a retry helps, then what it does not, then what was set aside; each with what makes it be tried again.
    """
    monkeypatch.setenv("COLUMNS", "200")
    keep(data, "r", failures=FAILURES, quarantine=QUARANTINE)

    lines = [line.strip() for line in shown(data, capsys).splitlines()]

    assert "Run name of r: 3 failed (2 in a way that may pass), 2 set aside" == lines[0]
    headings = [
        "Failed in a way that may pass, probe, ProbeTimedOut: 2 items",
        "Failed in a way that does not pass by itself, probe, FileNotPermitted: 1 item",
        "Set aside, match: 1 item",
        "Set aside, probe, UnreadableVideo: 1 item",
        "Of other runs",
    ]
    assert headings == [line for line in lines if line in headings]
    again = [line for line in lines if line.startswith("Tried again: ")]
    assert "Tried again: by reelhouse retry, or by the next refresh" == again[0]
    assert "Tried again: by the next refresh" == again[1]
    assert "the file changes" in again[3]


def test_items_have_their_attempts_and_reasons(data, capsys, monkeypatch):
    """
    A row tells the item, how often it was tried, and what happened; names give no orders to the terminal.
    """
    monkeypatch.setenv("COLUMNS", "200")
    keep(data, "r", failures=FAILURES, quarantine=QUARANTINE)

    found = shown(data, capsys)

    rows = [line.split() for line in found.splitlines()]
    assert ["/v/a.mkv", "3", "no", "answer", "within", "30", "s"] in rows
    assert ["/v/[red]\\n\\x1b[31mb.mkv", "3", "no", "answer", "within", "30", "s"] in rows
    assert ["/v/d.mkv", "1", "moov", "atom", "not", "found"] in rows
    assert "\x1b" not in found


def test_machines_get_a_line_an_item(data, capsys):
    """
    Five items are five JSON documents; what is not known is null.
    """
    keep(data, "r", failures=FAILURES, quarantine=QUARANTINE)

    documents = [json.loads(line) for line in shown(data, capsys, as_json=True).splitlines()]

    assert ["passing", "passing", "failed", "quarantine", "quarantine"] == [d["group"] for d in documents]
    assert ["b", "a", "c", "e", "d"] == [d["item_id"] for d in documents]
    assert [3, 3, 1, None, 1] == [d["attempts"] for d in documents]
    assert all(d["meaning"] and d["next_step"] and d["tried_again"] and d["run_id"] == "r" for d in documents)


def test_the_newest_run_that_has_ended_is_meant(data, capsys):
    """
    A run at work has not failed yet; another one can be named.
    """
    keep(data, "old", at_s=1, failures=FAILURES)
    keep(data, "new", at_s=2, failures=FAILURES[:1])
    keep(data, "at-work", at_s=3, state="running")

    assert "Run name of new: 1 failed" in shown(data, capsys)
    assert "Run name of old: 3 failed" in shown(data, capsys, "old")


def test_nothing_to_tell(data, capsys):
    """
    A run without failures says so in one sentence; a machine gets no line.
    """
    keep(data, "r", state="completed")

    assert "Run name of r: nothing failed, and nothing was set aside" == shown(data, capsys).splitlines()[0]
    assert "" == shown(data, capsys, as_json=True)


@pytest.mark.parametrize(("run_id", "words"), [(None, "no run has ended"), ("r", "there is no run r")])
def test_a_run_that_is_not_there_is_refused(data, run_id, words):
    """
    The message says what was looked for.
    """
    with pytest.raises(Refused, match=words):
        show_failures(data, run_id, as_json=False)
