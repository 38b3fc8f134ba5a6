"""The door of discovery: what a batch of top folders leaves in staging."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from tasks.core.errors import BatchIncomplete
from tasks.core.progress import progress
from tasks.core.settings import DiscoverySettings
from tasks.discovery import listing
from tasks.discovery.roots import top_entries
from tasks.discovery.task import discover
from tasks.schema.files import ListingErrors, Listings, Skips
from tasks.schema.runs import Outcomes
from tasks.staging import Batch, cut, latest_outcomes, read_staged

SETTINGS = DiscoverySettings()


def a_library(root: Path) -> Path:
    for name in ("a.mkv", "notes.txt", "Film/b.mkv", "Film/b.srt", "Show/S01/c.mkv", ".hidden/d.mkv"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


def a_batch(root: Path, staging: Path) -> Batch:
    entries = pl.DataFrame(top_entries(os.fsencode(root), SETTINGS))
    [batch] = cut(entries, stage="discover", staging=staging, id_column="entry_id", batch_size=99, max_batches=64)
    return batch


def test_a_batch_leaves_listings_skips_and_outcomes(tmp_path):
    """
    Every video file is a row, everything else is counted once by reason, every top folder is done.
    """
    root, staging = a_library(tmp_path / "root"), tmp_path / "staging"
    progress.reset()

    result = discover.fn(a_batch(root, staging), SETTINGS)

    listings = read_staged(Listings, staging=staging)
    assert {str(root / n) for n in ("a.mkv", "Film/b.mkv", "Show/S01/c.mkv")} == set(listings["path"])
    assert {"extension": 2, "hidden": 1} == dict(
        read_staged(Skips, staging=staging).select("reason", "skip_count").iter_rows()
    )
    assert (3, 0) == (result.done_count, result.failed_count)
    assert [("discover", 3)] == [(s.stage, s.done) for s in progress.snapshot()]
    Listings.validate(listings)


def test_parts_are_written_on_the_way(tmp_path, monkeypatch):
    """
    The rows of a big folder do not wait in memory for its end, and none is lost between the parts.
    """
    root, staging = a_library(tmp_path / "root"), tmp_path / "staging"
    monkeypatch.setattr(listing, "PART_FILES", 1)

    discover.fn(a_batch(root, staging), SETTINGS)

    assert 3 == read_staged(Listings, staging=staging).height
    assert 3 <= len(list(staging.glob("discover/*/*/listings.parquet")))


def test_a_folder_that_vanished_is_unknown_and_tried_again(tmp_path):
    """
    What could not be listed is a listing error and a passing failure; the retry works on it alone, and counts once.
    """
    root, staging = a_library(tmp_path / "root"), tmp_path / "staging"
    batch = a_batch(root, staging)
    (root / "Show").rename(tmp_path / "away")

    with pytest.raises(BatchIncomplete, match="what lies below is unknown"):
        discover.fn(batch, SETTINGS)
    (tmp_path / "away").rename(root / "Show")
    result = discover.fn(batch, SETTINGS)

    assert (3, 0) == (result.done_count, result.failed_count)
    assert [str(root / "Show")] == read_staged(ListingErrors, staging=staging)["path"].to_list()
    assert 3 == read_staged(Listings, staging=staging).height
    assert 2 == read_staged(Skips, staging=staging).filter(pl.col("reason") == "extension")["skip_count"].sum()


@pytest.mark.usefixtures("without_privileges")
def test_a_folder_without_permission_fails_for_good(tmp_path):
    """
    A missing right does not come by itself: no retry, but the failure is told and the folder is unknown.
    """
    root, staging = a_library(tmp_path / "root"), tmp_path / "staging"
    batch = a_batch(root, staging)
    (root / "Show" / "S01").chmod(0)

    try:
        result = discover.fn(batch, SETTINGS)
    finally:
        (root / "Show" / "S01").chmod(0o700)

    outcomes = latest_outcomes(read_staged(Outcomes, staging=staging))
    assert (2, 1) == (result.done_count, result.failed_count)
    assert ["FileNotPermitted"] == outcomes["cause"].drop_nulls().to_list()
    assert [str(root / "Show" / "S01")] == read_staged(ListingErrors, staging=staging)["path"].to_list()


def test_names_that_are_no_utf8_are_kept(tmp_path):
    r"""
    The bytes stand beside a form for people in which they are written as \xNN.
    """
    root, staging = tmp_path / "root", tmp_path / "staging"
    root.mkdir()
    name = os.fsencode(root) + b"/caf\xe9\n.mkv"
    Path(os.fsdecode(name)).touch()

    discover.fn(a_batch(root, staging), SETTINGS)

    listings = read_staged(Listings, staging=staging)
    assert ([name], [f"{root}/caf\\xe9\n.mkv"]) == (listings["path_bytes"].to_list(), listings["path"].to_list())


def test_the_walk_loads_no_frames():
    """
    Checking roots and walking need no data library: the command line can refuse a root at once.
    """
    code = "import sys, tasks.discovery.roots; print(sorted({'polars', 'pandera', 'prefect'} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == done.stdout.strip()
