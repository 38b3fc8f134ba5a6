"""What a walk finds, and what it passes over with which reason."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from pathlib import Path

import pytest

from tasks.core.settings import DiscoverySettings
from tasks.discovery.walk import Walk


def a_file(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def walked(root: Path, **settings) -> tuple[list[str], dict[str, int], Walk]:
    walk = Walk(os.fsencode(root), DiscoverySettings(**settings))
    found = sorted(os.fsdecode(os.path.relpath(listing[0], os.fsencode(root))) for listing in walk.files(walk.root))
    return found, {reason: skip.entry_count for reason, skip in walk.skips.items()}, walk


def test_a_listing_is_what_stat_says(tmp_path):
    """
    Path, size, times, inode and device of a file are those of the operating system, the extension is in lower case.
    """
    path = a_file(tmp_path / "A Film (2001)" / "A Film.MKV", b"12345")

    [listing] = Walk(os.fsencode(tmp_path), DiscoverySettings()).files(os.fsencode(tmp_path))

    at = path.stat()
    assert (os.fsencode(path), b".mkv", 5, at.st_mtime_ns, at.st_ctime_ns, at.st_ino, at.st_dev) == listing


@pytest.mark.parametrize(
    "name",
    [
        b"two\nlines.mkv",
        "🎬.mkv".encode(),
        b"[red]bold.mkv",
        b"caf\xe9.mkv",
        b"-dash.mkv",
        b"http:colon.mkv",
        b"x" * 251 + b".mkv",
    ],
    ids=repr,
)
def test_every_name_is_kept_as_it_is(tmp_path, name):
    """
    A name is bytes without slash and NUL; whatever they are, they come back unchanged.
    """
    path = os.fsencode(tmp_path) + b"/" + name
    Path(os.fsdecode(path)).touch()

    [listing] = Walk(os.fsencode(tmp_path), DiscoverySettings()).files(os.fsencode(tmp_path))

    assert path == listing[0]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("notes.txt", "extension"),
        ("mkv", "extension"),
        (".hidden.mkv", "hidden"),
        ("._A Film.mkv", "hidden"),
        (".Trash-1000/a.mkv", "hidden"),
        ("Sample/a.mkv", "ignored_folder"),
        ("$RECYCLE.BIN/a.mkv", "ignored_folder"),
        ("@eaDir/a.mkv", "ignored_folder"),
    ],
)
def test_what_is_passed_over_is_counted_with_its_reason(tmp_path, entry, reason):
    """
    A file or folder that is not taken is counted once, with its reason and an example.
    """
    a_file(tmp_path / entry)

    found, skips, walk = walked(tmp_path)

    assert ([], {reason: 1}) == (found, skips)
    assert os.fsencode(tmp_path / entry.split("/")[0]) == walk.skips[reason].example


@pytest.mark.parametrize("marker", [".nomedia", ".ignore"])
def test_a_marker_closes_its_folder(tmp_path, marker):
    """
    Nothing of a folder with a marker is found, whatever the order in which the system lists it, nor anything below.
    """
    for name in ("a.mkv", "z.mkv", "below/b.mkv", marker):
        a_file(tmp_path / "closed" / name)
    a_file(tmp_path / "open" / "c.mkv")

    found, skips, _ = walked(tmp_path)

    assert (["open/c.mkv"], {"nomedia": 1}) == (found, skips)


def test_what_is_no_file_is_not_listed(tmp_path):
    """
    A pipe, a socket and a link to a device are counted, never opened.
    """
    os.mkfifo(tmp_path / "pipe.mkv")
    with socket.socket(socket.AF_UNIX) as listening:
        here = Path.cwd()
        os.chdir(tmp_path)  # the name of a socket may be 107 bytes long
        try:
            listening.bind("socket.mkv")
        finally:
            os.chdir(here)
        (tmp_path / "device.mkv").symlink_to("/dev/null")

        found, skips, _ = walked(tmp_path)

    assert ([], {"not_a_file": 3}) == (found, skips)


class TestSymlinks:
    def test_a_link_out_of_the_root_is_followed(self, tmp_path):
        """
        A linked file or folder that lies elsewhere belongs to the library.
        """
        a_file(tmp_path / "elsewhere" / "deep" / "a.mkv")
        root = tmp_path / "root"
        root.mkdir()
        (root / "linked").symlink_to(tmp_path / "elsewhere")
        (root / "b.mkv").symlink_to(tmp_path / "elsewhere" / "deep" / "a.mkv")

        found, skips, _ = walked(root)

        assert (["b.mkv", "linked/deep/a.mkv"], {}) == (found, skips)

    def test_a_link_back_into_the_root_is_not_followed(self, tmp_path):
        """
        What a link inside the root leads to is found where it lies; nothing comes twice, nothing goes in a circle.
        """
        a_file(tmp_path / "films" / "a.mkv")
        (tmp_path / "films" / "up").symlink_to(tmp_path)
        (tmp_path / "films" / "self").symlink_to("self")
        (tmp_path / "b.mkv").symlink_to(tmp_path / "films" / "a.mkv")
        (tmp_path / "gone.mkv").symlink_to(tmp_path / "nowhere.mkv")

        found, skips, _ = walked(tmp_path)

        assert (["films/a.mkv"], {"symlink": 4}) == (found, skips)

    def test_a_circle_outside_the_root_ends(self, tmp_path):
        """
        A link that leads to a folder the walk has come through, outside the root, is not followed again.
        """
        a_file(tmp_path / "elsewhere" / "deep" / "a.mkv")
        (tmp_path / "elsewhere" / "deep" / "again").symlink_to(tmp_path / "elsewhere")
        root = tmp_path / "root"
        root.mkdir()
        (root / "linked").symlink_to(tmp_path / "elsewhere")

        found, skips, _ = walked(root)

        assert (["linked/deep/a.mkv"], {"symlink": 1}) == (found, skips)

    def test_links_can_be_left_alone(self, tmp_path):
        """
        With the setting off no link is followed.
        """
        a_file(tmp_path / "elsewhere" / "a.mkv")
        root = tmp_path / "root"
        root.mkdir()
        (root / "linked").symlink_to(tmp_path / "elsewhere")

        found, skips, _ = walked(root, follow_symlinks=False)

        assert ([], {"symlink": 1}) == (found, skips)


class TestErrors:
    def test_a_folder_that_cannot_be_listed_is_unknown(self, tmp_path):
        """
        A folder that is gone when the walk comes to it is an error of that folder; the rest is found.
        """
        a_file(tmp_path / "a" / "a.mkv")
        a_file(tmp_path / "b" / "b.mkv")
        walk = Walk(os.fsencode(tmp_path), DiscoverySettings())

        files = walk.files(walk.root)
        first = next(files)[0]
        other = tmp_path / ("b" if b"a.mkv" in first else "a")
        other.rename(tmp_path.with_name(tmp_path.name + "-moved"))
        rest = list(files)

        assert [] == rest
        assert [os.fsencode(other)] == [unlisted.folder for unlisted in walk.unlisted]

    @pytest.mark.usefixtures("without_privileges")
    def test_a_folder_without_permission_is_unknown(self, tmp_path):
        """
        Neither a folder that may not be read nor one that may not be entered ends the walk; both are named.
        """
        a_file(tmp_path / "a" / "a.mkv")
        a_file(tmp_path / "b" / "b.mkv")
        a_file(tmp_path / "c" / "c.mkv")
        (tmp_path / "a").chmod(0o300)
        (tmp_path / "b").chmod(0o600)

        try:
            found, _, walk = walked(tmp_path)
        finally:
            (tmp_path / "a").chmod(0o700)
            (tmp_path / "b").chmod(0o700)

        assert ["c/c.mkv"] == found
        assert {os.fsencode(tmp_path / "a"), os.fsencode(tmp_path / "b")} == {u.folder for u in walk.unlisted}


def test_every_entry_is_found_or_counted(tmp_path):
    """
    Files found and entries passed over are together all entries that were looked at.
    """
    names: Iterable[str] = (f"{i}{e}" for i in range(50) for e in (".mkv", ".srt", ".nfo", ""))
    for name in names:
        a_file(tmp_path / f"folder {len(name)}" / name)

    found, skips, _ = walked(tmp_path)

    assert (50, {"extension": 150}) == (len(found), skips)


def test_one_folder_may_hold_very_many_files(tmp_path):
    """
    20,000 files in one folder are one listing each.
    """
    for number in range(20_000):
        os.close(os.open(tmp_path / f"{number}.mkv", os.O_CREAT | os.O_WRONLY))

    found = sum(1 for _ in Walk(os.fsencode(tmp_path), DiscoverySettings()).files(os.fsencode(tmp_path)))

    assert 20_000 == found
