"""Whether a file that another path now seems to be has left its place."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest

from tasks.plan.absent import absent_files
from tasks.schema.files import Files, Listings


@pytest.fixture
def two_names(tmp_path):
    """A file of two names: known under the first, listed under the second."""
    old, new = tmp_path / "folder" / "old.mkv", tmp_path / "new.mkv"
    old.parent.mkdir()
    old.write_bytes(b"video")
    os.link(old, new)
    at = new.stat()
    disk = {
        "root": str(tmp_path), "extension": ".mkv", "size_bytes": at.st_size, "mtime_ns": at.st_mtime_ns,
        "ctime_ns": at.st_ctime_ns, "inode": at.st_ino, "device": at.st_dev,
    }  # fmt: skip
    known = {"file_id": "f1", "path": str(old), "path_bytes": bytes(old), "first_seen_at": datetime.now(UTC)} | disk
    listed = {"path": str(new), "path_bytes": bytes(new)} | disk
    return old, Listings.frame([listed]), Files.frame([known])


def test_a_file_that_is_gone_from_its_place_is_absent(two_names):
    """
    Of two names of one inode the known one is removed.
    """
    old, listed, known = two_names
    old.unlink()

    assert ["f1"] == absent_files(listed, known)


def test_a_file_that_is_there_is_not(two_names):
    """
    A further hard link moves nothing.
    """
    _, listed, known = two_names

    assert [] == absent_files(listed, known)


@pytest.mark.usefixtures("without_privileges")
def test_an_error_is_no_absence(two_names):
    """
    A folder that may not be entered says nothing about what is in it.
    """
    old, listed, known = two_names
    old.parent.chmod(0)
    try:
        assert [] == absent_files(listed, known)
    finally:
        old.parent.chmod(0o700)
