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
from tasks.discovery.roots import Scope, check_roots, top_entries
from tasks.discovery.task import discover
from tasks.schema.files import ListingErrors, Listings, RootListings, Skips
from tasks.schema.runs import Costs, Outcomes
from tasks.staging import Batch, cut, latest_outcomes, read_staged

SETTINGS = DiscoverySettings()


def a_library(root: Path) -> Path:
    for name in ("a.mkv", "notes.txt", "Film/b.mkv", "Film/b.srt", "Show/S01/c.mkv", ".hidden/d.mkv"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


def a_batch(root: Path, staging: Path, *scopes: Scope) -> Batch:
    scopes = scopes or (Scope(os.fsencode(root), os.fsencode(root)),)
    rows = [row for scope in scopes for row in top_entries(scope, SETTINGS)]
    entries = pl.DataFrame(rows, infer_schema_length=None)
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


def test_what_a_root_looks_like_is_left(tmp_path):
    """
    Device, kind of file system, folders that are entered, and how the root is walked and why.
    """
    root, staging = a_library(tmp_path / "root"), tmp_path / "staging"
    for name in (b"caf\xe9", b"[red]"):
        Path(os.fsdecode(os.fsencode(root) + b"/" + name)).mkdir()

    discover.fn(a_batch(root, staging), SETTINGS)

    frame = read_staged(RootListings, staging=staging)
    [row] = frame.iter_rows(named=True)
    assert (str(root), os.fsencode(root), root.stat().st_dev) == (row["root"], row["path_bytes"], row["device"])
    assert ["Film", "Show", "[red]", "caf\\xe9"] == row["top_folders"]
    assert row["has_marker"] is None
    assert row["profile_reason"].startswith(f"{row['file_system']} mount of ")
    RootListings.validate(frame)


@pytest.mark.parametrize("is_there", [True, False])
def test_the_marker_is_looked_for_where_it_is_asked_for(tmp_path, is_there):
    """
    Whether the file that must lie in every root is there.
    """
    root, staging = a_library(tmp_path / "root"), tmp_path / "staging"
    if is_there:
        (root / ".mounted").touch()

    discover.fn(a_batch(root, staging), DiscoverySettings(marker=".mounted"))

    assert [is_there] == read_staged(RootListings, staging=staging)["has_marker"].to_list()


def test_a_part_leaves_what_its_root_looks_like(tmp_path):
    """
    Only the part is walked; the files carry the root, of which the top folders are told.
    """
    root, staging = a_library(tmp_path / "root"), tmp_path / "staging"

    discover.fn(a_batch(root, staging, Scope(os.fsencode(root), os.fsencode(root / "Show"))), SETTINGS)

    listings = read_staged(Listings, staging=staging)
    assert [(str(root / "Show/S01/c.mkv"), str(root))] == listings.select("path", "root").rows()
    assert [["Film", "Show"]] == read_staged(RootListings, staging=staging)["top_folders"].to_list()


def test_what_it_cost_is_counted(tmp_path):
    """
    4 folders are listed (the root, Film, Show, Show/S01) and 3 video files looked at.
    """
    root, staging = a_library(tmp_path / "root"), tmp_path / "staging"

    result = discover.fn(a_batch(root, staging), SETTINGS)

    assert {"folder_listings": 4, "stat_calls": 3} == dict(result.counters)
    assert {"folder_listings": 4, "stat_calls": 3} == dict(
        read_staged(Costs, staging=staging).group_by("counter").agg(pl.col("amount").sum()).iter_rows()
    )


@pytest.mark.parametrize("profile", ["local", "remote"])
def test_of_several_roots_one_may_be_offline(tmp_path, profile):
    """
    The others are listed; the one that is away is a failure, is unknown, and leaves nothing that says how it looks.
    """
    settings = DiscoverySettings(profile=profile)
    one, two, staging = a_library(tmp_path / "one"), a_library(tmp_path / "[red]"), tmp_path / "staging"
    away = tmp_path / "away"
    found = check_roots([str(one), str(away), str(two)], settings)

    result = discover.fn(a_batch(one, staging, *found.scopes), settings)

    outcomes = latest_outcomes(read_staged(Outcomes, staging=staging))
    failed = outcomes.filter(pl.col("outcome") == "failed").row(0, named=True)
    assert (6, 1) == (result.done_count, result.failed_count)
    assert {str(one): 3, str(two): 3} == dict(read_staged(Listings, staging=staging).group_by("root").len().iter_rows())
    assert ("RootOffline", str(away), False) == (failed["cause"], failed["item"], failed["is_transient"])
    assert failed["reason"].startswith("does not exist; check the spelling, and that its disk is mounted")
    assert [(str(away), str(away))] == read_staged(ListingErrors, staging=staging).select("path", "root").rows()
    assert {str(one), str(two)} == set(read_staged(RootListings, staging=staging)["root"])


@pytest.mark.parametrize("profile", ["local", "remote"])
def test_the_profile_changes_nothing_in_what_is_left(tmp_path, profile):
    """
    Entries that are walked at once keep their own outcomes and skips.
    """
    root, staging = tmp_path / "root", tmp_path / "staging"
    for number in range(40):
        (root / f"Film {number}").mkdir(parents=True)
        (root / f"Film {number}" / "a.mkv").touch()
        (root / f"Film {number}" / "a.nfo").touch()

    result = discover.fn(a_batch(root, staging), DiscoverySettings(profile=profile))

    assert (41, 40, 41) == (result.done_count, result.counters["stat_calls"], result.counters["folder_listings"])
    assert 40 == read_staged(Listings, staging=staging)["path_bytes"].n_unique()
    assert [40] == read_staged(Skips, staging=staging)["skip_count"].to_list()


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
