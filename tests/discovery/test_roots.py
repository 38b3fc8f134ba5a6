"""Which roots are accepted, and how a root is cut into entries."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tasks.core.errors import RootRefused
from tasks.core.settings import DiscoverySettings
from tasks.discovery.roots import Roots, Scope, check_roots, top_entries

SETTINGS = DiscoverySettings()


def a_scope(root: Path, folder: Path | None = None, problem: str | None = None) -> Scope:
    return Scope(os.fsencode(root), os.fsencode(folder or root), problem)


def folders(roots: Roots) -> tuple[bytes, ...]:
    return tuple(scope.folder for scope in roots.scopes)


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

    assert (os.fsencode(tmp_path / "films"),) == folders(roots)
    assert 3 == len(roots.merged)


def test_a_root_inside_another_is_merged(tmp_path):
    """
    The outer folder reaches the inner one, in whichever order they are given.
    """
    inner = a_folder(a_folder(tmp_path / "films") / "new")

    roots = check_roots([str(inner), str(tmp_path / "films")], SETTINGS)

    assert (os.fsencode(tmp_path / "films"),) == folders(roots)
    assert [f"{inner} lies inside {tmp_path}/films; it is read once, as a part of it"] == list(roots.merged)


def test_a_root_that_the_outer_one_would_pass_over_stays(tmp_path):
    """
    A hidden folder that is named explicitly is wanted, although its parent is a root as well.
    """
    hidden = a_folder(a_folder(tmp_path / "films") / ".private")

    roots = check_roots([str(tmp_path / "films"), str(hidden)], SETTINGS)

    assert (os.fsencode(tmp_path / "films"), os.fsencode(hidden)) == folders(roots)


def test_a_sibling_with_the_same_beginning_is_not_inside(tmp_path):
    """
    /films2 does not lie in /films.
    """
    one, two = a_folder(tmp_path / "films"), a_folder(tmp_path / "films2")

    assert (os.fsencode(one), os.fsencode(two)) == folders(check_roots([str(one), str(two)], SETTINGS))


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

    assert (path,) == folders(escaped) == folders(uri)


CANNOT_BE_WALKED = pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda _: None, "does not exist; check the spelling, and that its disk is mounted"),
        (lambda p: p.symlink_to(p), "cannot be listed"),
    ],
    ids=["missing", "circle"],
)


@CANNOT_BE_WALKED
@pytest.mark.parametrize("is_known", [False, True])
def test_a_root_that_cannot_be_walked_is_refused_where_it_is_alone(tmp_path, make, words, is_known):
    """
    The message names the folder and says what to do; there is nothing to refresh, known or not.
    """
    root = tmp_path / "films"
    make(root)

    with pytest.raises(RootRefused) as caught:
        check_roots([str(root)], SETTINGS, known_roots=[os.fsencode(root)] if is_known else [])

    assert str(caught.value).startswith(f"{root} ")
    assert words in str(caught.value)


@CANNOT_BE_WALKED
def test_a_root_that_cannot_be_walked_beside_others_has_a_problem(tmp_path, make, words):
    """
    The other roots are walked; the problem is one sentence that names the folder.
    """
    fine, root = a_folder(tmp_path / "fine"), tmp_path / "films"
    make(root)

    roots = check_roots([str(root), str(fine)], SETTINGS)

    offline, good = roots.scopes
    assert a_scope(fine) == good
    assert (os.fsencode(root), os.fsencode(root)) == (offline.root, offline.folder)
    assert offline.problem is not None
    assert offline.problem.startswith(f"{root} {words}")


def test_where_no_root_can_be_walked_each_is_named(tmp_path):
    """
    The refusal tells about all roots at once.
    """
    with pytest.raises(RootRefused) as caught:
        check_roots([str(tmp_path / "a"), str(tmp_path / "b")], SETTINGS)

    assert 2 == str(caught.value).count("does not exist")


def test_a_root_that_is_gone_for_good_may_be_missing(tmp_path):
    """
    When a person has said so, the run goes on, with nothing but the problem.
    """
    root = tmp_path / "films"

    roots = check_roots([str(root)], SETTINGS, confirmed=[os.fsencode(root)])

    assert [True] == [scope.problem is not None for scope in roots.scopes]


def test_a_missing_folder_inside_a_root_is_not_passed_over(tmp_path):
    """
    The walk of the outer folder would never tell that the inner one is missing.
    """
    outer = a_folder(tmp_path / "films")

    roots = check_roots([str(outer), str(outer / "gone")], SETTINGS)

    assert [False, True] == [scope.problem is not None for scope in roots.scopes]
    assert () == roots.merged


def test_a_file_is_refused_beside_others_too(tmp_path):
    """
    A file given as a folder is a mistake in the command, not a disk that is away.
    """
    file = tmp_path / "a.mkv"
    file.touch()

    with pytest.raises(RootRefused, match="is not a folder; give the folder that holds it"):
        check_roots([str(tmp_path), str(file)], SETTINGS)


def test_a_known_root_that_became_a_file_has_a_problem(tmp_path):
    """
    Its files are not gone because something else lies in its place.
    """
    fine, root = a_folder(tmp_path / "fine"), tmp_path / "films"
    root.touch()

    roots = check_roots([str(fine), str(root)], SETTINGS, known_roots=[os.fsencode(root)])

    assert "is not a folder any more" in str(roots.scopes[1].problem)


class TestKnownRoots:
    def known(self, tmp_path: Path) -> tuple[Path, list[bytes]]:
        root = a_folder(tmp_path / "films")
        return root, [os.fsencode(root)]

    def test_a_folder_in_a_known_root_is_a_part_of_it(self, tmp_path):
        """
        Only the folder is walked, and its files keep their root; the person is told.
        """
        root, known = self.known(tmp_path)
        part = a_folder(root / "Shows" / "X")

        roots = check_roots([str(part)], SETTINGS, known_roots=known)

        assert (a_scope(root, part),) == roots.scopes
        assert (f"{part} is a part of {root}; only this part is refreshed",) == roots.merged

    def test_a_part_is_spelled_as_its_root_is(self, tmp_path):
        """
        Reached by a link from elsewhere or by one inside the root, the files keep the names they are known by.
        """
        root, known = self.known(tmp_path)
        part = a_folder(root / "Shows" / "X")
        (tmp_path / "link").symlink_to(part)
        (root / "alias").symlink_to(root / "Shows")

        for spelling in (tmp_path / "link", root / "alias" / "X"):
            assert (a_scope(root, part),) == check_roots([str(spelling)], SETTINGS, known_roots=known).scopes

    def test_a_part_behind_a_link_that_leads_out_stays_in_its_root(self, tmp_path):
        """
        The walk of the root comes there by the link, so the names go through it.
        """
        root, known = self.known(tmp_path)
        a_folder(tmp_path / "elsewhere" / "X")
        (root / "linked").symlink_to(tmp_path / "elsewhere")

        roots = check_roots([f"{root}/linked/X"], SETTINGS, known_roots=known)

        assert (a_scope(root, root / "linked" / "X"),) == roots.scopes

    def test_another_spelling_of_a_known_root_is_that_root(self, tmp_path):
        """
        Its files are not all moved because it was given by a link.
        """
        root, known = self.known(tmp_path)
        (tmp_path / "link").symlink_to(root)

        assert (a_scope(root),) == check_roots([str(tmp_path / "link")], SETTINGS, known_roots=known).scopes

    def test_the_nearest_known_root_holds_the_part(self, tmp_path):
        """
        Where a hidden folder of a root is a root as well, what lies in it belongs to the hidden one.
        """
        root, known = self.known(tmp_path)
        hidden = a_folder(root / ".private")
        part = a_folder(hidden / "X")

        roots = check_roots([str(part)], SETTINGS, known_roots=[*known, os.fsencode(hidden)])

        assert (a_scope(hidden, part),) == roots.scopes

    @pytest.mark.parametrize("between", [".hidden", "samples", "closed"])
    def test_what_the_known_root_passes_over_is_a_root_of_its_own(self, tmp_path, between):
        """
        A walk of the known root would not find these files again, and would take them for gone.
        """
        root, known = self.known(tmp_path)
        part = a_folder(root / between / "X")
        if between == "closed":
            (root / between / ".nomedia").touch()

        assert (a_scope(part),) == check_roots([str(part)], SETTINGS, known_roots=known).scopes

    def test_a_folder_that_holds_a_known_root_is_a_root_of_its_own(self, tmp_path):
        """
        The files below are found with it from now on; the person is told.
        """
        root, known = self.known(tmp_path)

        roots = check_roots([str(tmp_path)], SETTINGS, known_roots=known)

        assert (a_scope(tmp_path),) == roots.scopes
        assert (f"{tmp_path} holds {root}; files there now belong to {tmp_path}",) == roots.merged

    def test_a_missing_part_of_a_known_root_belongs_to_it(self, tmp_path):
        """
        The problem is one of the known root, of which a folder is unknown.
        """
        root, known = self.known(tmp_path)
        fine = a_folder(tmp_path / "fine")

        scopes = check_roots([str(fine), str(root / "X")], SETTINGS, known_roots=known).scopes

        assert (os.fsencode(root), os.fsencode(root / "X")) == (scopes[1].root, scopes[1].folder)


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

        rows = top_entries(a_scope(tmp_path), SETTINGS)

        root = os.fsencode(tmp_path)
        assert [(root, False), (root + b"/a", True), (root + b"/b", True)] == [
            (row["folder_bytes"], row["recursive"]) for row in rows
        ]

    def test_the_ids_are_stable_and_differ(self, tmp_path):
        """
        The same folders give the same ids; a root and its only folder have different ones.
        """
        a_folder(tmp_path / "a")

        first, again = (top_entries(a_scope(tmp_path), SETTINGS) for _ in range(2))

        assert first == again
        assert 2 == len({row["entry_id"] for row in first})

    def test_a_marker_in_the_root_closes_it(self, tmp_path):
        """
        Only the row of the root itself is left, which counts the marker.
        """
        a_folder(tmp_path / "a")
        (tmp_path / ".nomedia").touch()

        assert [False] == [row["recursive"] for row in top_entries(a_scope(tmp_path), SETTINGS)]

    def test_a_part_has_the_rows_below_its_folder(self, tmp_path):
        """
        The rows of a part carry the root, and the folders of the part alone.
        """
        a_folder(tmp_path / "Shows" / "X")
        a_folder(tmp_path / "Films")

        rows = top_entries(a_scope(tmp_path, tmp_path / "Shows"), SETTINGS)

        assert {os.fsencode(tmp_path)} == {row["root_bytes"] for row in rows}
        assert [b"Shows", b"Shows/X"] == [os.path.relpath(row["folder_bytes"], os.fsencode(tmp_path)) for row in rows]

    def test_a_scope_with_a_problem_is_one_row(self, tmp_path):
        """
        The row says the problem, and is another item than the same folder without one.
        """
        [offline] = top_entries(a_scope(tmp_path, problem="it is away"), SETTINGS)
        [online] = top_entries(a_scope(tmp_path), SETTINGS)

        assert ("it is away", None) == (offline["problem"], online["problem"])
        assert offline["entry_id"] != online["entry_id"]

    def test_a_root_that_vanished_after_the_check_has_a_problem(self, tmp_path):
        """
        A disk that goes away in this moment does not end the run of the others.
        """
        [row] = top_entries(a_scope(tmp_path / "gone"), SETTINGS)

        assert "does not exist" in row["problem"]
