"""Which roots are accepted, and how a root is cut into entries."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tasks.core.errors import RootRefused
from tasks.core.settings import DiscoverySettings
from tasks.discovery.roots import check_roots, top_entries

SETTINGS = DiscoverySettings()


def a_folder(path: Path) -> Path:
    path.mkdir(parents=True)
    (path / "a.mkv").touch()
    return path


def test_roots_are_absolute_and_come_once(tmp_path, monkeypatch):
    """
    The same folder under several names is one root, and the person is told.
    """
    a_folder(tmp_path / "films")
    (tmp_path / "link").symlink_to("films")
    monkeypatch.chdir(tmp_path)

    roots = check_roots(["films", f"{tmp_path}/films/", "./films/../films", "link"], SETTINGS)

    assert (os.fsencode(tmp_path / "films"),) == roots.paths
    assert 3 == len(roots.merged)


def test_a_root_inside_another_is_merged(tmp_path):
    """
    The outer folder reaches the inner one, in whichever order they are given.
    """
    inner = a_folder(a_folder(tmp_path / "films") / "new")

    roots = check_roots([str(inner), str(tmp_path / "films")], SETTINGS)

    assert (os.fsencode(tmp_path / "films"),) == roots.paths
    assert [f"{inner} lies inside {tmp_path}/films; it is read once, as a part of it"] == list(roots.merged)


def test_a_root_that_the_outer_one_would_pass_over_stays(tmp_path):
    """
    A hidden folder that is named explicitly is wanted, although its parent is a root as well.
    """
    hidden = a_folder(a_folder(tmp_path / "films") / ".private")

    roots = check_roots([str(tmp_path / "films"), str(hidden)], SETTINGS)

    assert (os.fsencode(tmp_path / "films"), os.fsencode(hidden)) == roots.paths


def test_a_sibling_with_the_same_beginning_is_not_inside(tmp_path):
    """
    /films2 does not lie in /films.
    """
    one, two = a_folder(tmp_path / "films"), a_folder(tmp_path / "films2")

    assert (os.fsencode(one), os.fsencode(two)) == check_roots([str(one), str(two)], SETTINGS).paths


def test_an_empty_root_is_accepted_and_named(tmp_path):
    """
    An empty folder may be a new library or a disk that is not mounted; the caller is told.
    """
    assert (os.fsencode(tmp_path),) == check_roots([str(tmp_path)], SETTINGS).empty


def test_a_name_that_is_no_utf8_works(tmp_path):
    """
    As the command line gives it (surrogate escape) and as a flow parameter gives it (file: URI).
    """
    path = os.fsencode(tmp_path) + b"/caf\xe9"
    Path(os.fsdecode(path)).mkdir()

    escaped = check_roots([os.fsdecode(path)], SETTINGS)
    uri = check_roots([f"file://{tmp_path}/caf%E9"], SETTINGS)

    assert (path,) == escaped.paths == uri.paths


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda _: None, "does not exist; check the spelling, and that its disk is mounted"),
        (lambda p: p.touch(), "is not a folder; give the folder that holds it"),
        (lambda p: p.symlink_to(p), "cannot be listed"),
    ],
    ids=["missing", "file", "circle"],
)
def test_a_root_that_cannot_be_walked_is_refused(tmp_path, make, words):
    """
    The message names the folder and says what to do.
    """
    root = tmp_path / "films"
    make(root)

    with pytest.raises(RootRefused) as caught:
        check_roots([str(tmp_path), str(root)], SETTINGS)

    assert str(caught.value).startswith(f"{root} ")
    assert words in str(caught.value)


@pytest.mark.parametrize("roots", [[], [""], ["/a\0b"]], ids=repr)
def test_what_is_no_path_is_refused(roots):
    """
    No root, an empty one and one with a NUL byte are refused with words, not with a traceback.
    """
    with pytest.raises(RootRefused):
        check_roots(roots, SETTINGS)


@pytest.mark.usefixtures("without_privileges")
def test_a_root_without_permission_is_refused(tmp_path):
    """
    The message asks for the right that is missing.
    """
    root = a_folder(tmp_path / "films")
    root.chmod(0)

    try:
        with pytest.raises(RootRefused, match="may not be listed; give this user the right"):
            check_roots([str(root)], SETTINGS)
    finally:
        root.chmod(0o700)


class TestTopEntries:
    def test_one_row_a_folder_and_one_for_the_files(self, tmp_path):
        """
        Folders that the rules pass over have no row; the rows come sorted.
        """
        for name in ("b", "a", ".hidden", "samples"):
            a_folder(tmp_path / name)
        (tmp_path / "back").symlink_to(tmp_path)

        rows = top_entries(os.fsencode(tmp_path), SETTINGS)

        root = os.fsencode(tmp_path)
        assert [(root, False), (root + b"/a", True), (root + b"/b", True)] == [
            (row["folder_bytes"], row["recursive"]) for row in rows
        ]

    def test_the_ids_are_stable_and_differ(self, tmp_path):
        """
        The same folders give the same ids; a root and its only folder have different ones.
        """
        a_folder(tmp_path / "a")

        first, again = (top_entries(os.fsencode(tmp_path), SETTINGS) for _ in range(2))

        assert first == again
        assert 2 == len({row["entry_id"] for row in first})

    def test_a_marker_in_the_root_closes_it(self, tmp_path):
        """
        Only the row of the root itself is left, which counts the marker.
        """
        a_folder(tmp_path / "a")
        (tmp_path / ".nomedia").touch()

        assert [False] == [row["recursive"] for row in top_entries(os.fsencode(tmp_path), SETTINGS)]
