"""The door: a batch of files in, staged rows and outcomes out."""

from __future__ import annotations

import polars as pl
import pytest

from tasks.core.progress import progress
from tasks.core.settings import IdentifySettings
from tasks.identify.task import identify
from tasks.schema.files import Identities
from tasks.schema.runs import Outcomes
from tasks.staging import cut, read_staged

PATHS = [b"/media/Blue Tower (1982)/Blue Tower.mkv", b"/media/Caf\xe9 S01E02.mkv", b"/media/---.mkv"]


@pytest.fixture
def batch(tmp_path):
    items = pl.DataFrame(
        {
            "file_id": ["a", "b", "c"],
            "path": [p.decode("utf-8", "backslashreplace") for p in PATHS],
            "path_bytes": PATHS,
            "root": ["/media"] * 3,
            "root_bytes": [b"/media"] * 3,
        }
    )
    return cut(items, stage="identify", staging=tmp_path, id_column="file_id", batch_size=10, max_batches=10)[0]


def test_every_item_has_a_row_and_an_outcome(batch, tmp_path):
    """
    What is understood is done; what is not is quarantined with the reason; nothing is left out.
    """
    result = identify.fn(batch, IdentifySettings())

    rows = read_staged(Identities, staging=tmp_path).sort("file_id")
    outcomes = read_staged(Outcomes, staging=tmp_path).sort("item_id")
    assert (2, 1, 0) == (result.done_count, result.quarantined_count, result.failed_count)
    assert ["movie", "episode", "unknown"] == rows["kind"].to_list()
    assert ["done", "done", "quarantined"] == outcomes["outcome"].to_list()
    assert [None, None] == outcomes["reason"].to_list()[:2]
    assert outcomes["reason"][2]
    assert "/media/Caf\\xe9 S01E02.mkv" == rows["path"][1]
    Identities.validate(rows)


def test_a_batch_run_again_does_nothing_twice(batch, tmp_path):
    """
    The second run finds everything settled and gives the same counts.
    """
    first = identify.fn(batch, IdentifySettings())

    second = identify.fn(batch, IdentifySettings())

    assert first == second
    assert 3 == read_staged(Identities, staging=tmp_path).height


def test_a_batch_is_timed_once_and_counted(batch, records):
    """
    One span for the batch, one value for its files, and the stage advances by as many.
    """
    progress.reset()

    identify.fn(batch, IdentifySettings())

    assert 1 == sum(r.name == "identify.batch" for r in records)
    assert [3] == [r.value for r in records if r.name == "identify.files"]
    assert [(3, 0)] == [(s.done, s.failed) for s in progress.snapshot() if s.stage == "identify"]
