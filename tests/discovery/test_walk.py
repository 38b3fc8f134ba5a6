"""What a walk finds, and what it passes over with which reason."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tasks.core.settings import DiscoverySettings
from tasks.discovery import folder
from tasks.discovery.folder import Lister
from tasks.discovery.walk import Crew, Start, Walk, threads_for

EACH_PROFILE = pytest.mark.parametrize("profile", ["local", "remote"])
EACH_WALKER = pytest.mark.parametrize("walker", ["scandir", "listdir"])
EACH_WAY = pytest.mark.parametrize(
    "way", [{"profile": "local"}, {"profile": "remote"}, {"walker": "listdir"}], ids=["local", "remote", "listdir"]
)


@pytest.fixture(scope="module")
def very_many(tmp_path_factory) -> Iterator[Path]:
    """100,000 names in one folder, all of one file: links are made faster than files, and are gone sooner."""
    root = tmp_path_factory.mktemp("very_many")
    for part in range(2):  # a file of ext4 may have 65,000 names
        first = root / f"{part}.mkv"
        first.touch()
        for number in range(1, 50_000):
            os.link(first, root / f"{part} {number}.mkv")
    yield root
    shutil.rmtree(root)


def a_file(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def walked(root: Path, **settings) -> tuple[list[str], dict[str, int], Walk]:
    walk = Walk(os.fsencode(root), DiscoverySettings(**settings))
    found = sorted(os.fsdecode(os.path.relpath(listing[0], os.fsencode(root))) for listing in walk.files(walk.root))
    return found, {reason: skip.entry_count for reason, skip in walk.tally.skips.items()}, walk


@EACH_WALKER
def test_a_listing_is_what_stat_says(tmp_path, walker):
    """
    Path, size, times, inode and device of a file are those of the operating system, the extension is in lower case.
    """
    path = a_file(tmp_path / "A Film (2001)" / "A Film.MKV", b"12345")

    [listing] = Walk(os.fsencode(tmp_path), DiscoverySettings(walker=walker)).files(os.fsencode(tmp_path))

    at = path.stat()
    assert (os.fsencode(path), b".mkv", 5, at.st_mtime_ns, at.st_ctime_ns, at.st_ino, at.st_dev) == listing


@EACH_WALKER
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
def test_every_name_is_kept_as_it_is(tmp_path, name, walker):
    """
    A name is bytes without slash and NUL; whatever they are, they come back unchanged.
    """
    path = os.fsencode(tmp_path) + b"/" + name
    Path(os.fsdecode(path)).touch()

    [listing] = Walk(os.fsencode(tmp_path), DiscoverySettings(walker=walker)).files(os.fsencode(tmp_path))

    assert path == listing[0]


@EACH_WALKER
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
def test_what_is_passed_over_is_counted_with_its_reason(tmp_path, entry, reason, walker):
    """
    A file or folder that is not taken is counted once, with its reason and an example.
    """
    a_file(tmp_path / entry)

    found, skips, walk = walked(tmp_path, walker=walker)

    assert ([], {reason: 1}) == (found, skips)
    assert os.fsencode(tmp_path / entry.split("/")[0]) == walk.tally.skips[reason].example


@EACH_WAY
@pytest.mark.parametrize("marker", [".nomedia", ".ignore"])
def test_a_marker_closes_its_folder(tmp_path, marker, way):
    """
    Nothing of a folder with a marker is found, whatever the order in which the system lists it, nor anything below.
    """
    for name in ("a.mkv", "z.mkv", "below/b.mkv", marker):
        a_file(tmp_path / "closed" / name)
    a_file(tmp_path / "open" / "c.mkv")

    found, skips, _ = walked(tmp_path, **way)

    assert (["open/c.mkv"], {"nomedia": 1}) == (found, skips)


@EACH_WAY
@pytest.mark.parametrize("ignore_hidden", [True, False])
def test_a_marker_closes_a_large_folder(tmp_path, monkeypatch, way, ignore_hidden):
    """
    Also one that is not held in memory as a whole, wherever in it the marker is listed.
    """
    monkeypatch.setattr(folder, "ENTRIES_AT_ONCE", 10)
    for number in range(50):
        a_file(tmp_path / "closed" / f"{number}.mkv")
        a_file(tmp_path / "closed" / f"{number}.txt")
        a_file(tmp_path / "closed" / f"below {number}" / "a.mkv")
    a_file(tmp_path / "closed" / ".nomedia")
    a_file(tmp_path / "open" / "c.mkv")

    found, skips, _ = walked(tmp_path, ignore_hidden=ignore_hidden, **way)

    assert (["open/c.mkv"], {"nomedia": 1}) == (found, skips)


@EACH_PROFILE
def test_questions_are_counted(tmp_path, profile):
    """
    One listing a folder, one stat a video file, none for what is passed over.
    """
    for number in range(30):
        a_file(tmp_path / f"{number % 5}" / f"{number}.mkv")
        a_file(tmp_path / f"{number % 5}" / f"{number}.txt")

    _, _, walk = walked(tmp_path, profile=profile)

    assert (6, 30) == (walk.tally.folder_count, walk.tally.stat_count)


def test_the_walker_that_asks_for_names_first_asks_for_each_fact(tmp_path):
    """
    30 films are asked twice, for their kind and their size, 30 texts once, 5 folders for two kinds: 100 questions. The
    profile that would ask many things at once changes nothing.
    """
    for number in range(30):
        a_file(tmp_path / f"{number % 5}" / f"{number}.mkv")
        a_file(tmp_path / f"{number % 5}" / f"{number}.txt")

    _, _, walk = walked(tmp_path, walker="listdir", profile="remote")

    assert (6, 100) == (walk.tally.folder_count, walk.tally.stat_count)
    assert 1 == threads_for("remote", DiscoverySettings(walker="listdir"))


def test_all_ways_find_the_same(tmp_path):
    """
    Several threads and parts of folders change nothing in what is found, passed over and counted; neither do entries
    that are asked for each fact by itself, but for the number of questions.
    """
    for number in range(2_000):
        a_file(tmp_path / "flat" / f"{number}.{('mkv', 'txt', 'MP4')[number % 3]}")
    for number in range(300):
        a_file(tmp_path / f"Show {number % 20}" / f"Season {number % 6}" / f"[red]{number}.mkv")
    (tmp_path / "Show 1" / "up").symlink_to(tmp_path)
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")).mkdir()

    def everything(**settings) -> tuple[object, ...]:
        walk = Walk(os.fsencode(tmp_path), DiscoverySettings(**settings))
        listings = sorted(walk.files(walk.root))
        counts = {reason: skip.entry_count for reason, skip in walk.tally.skips.items()}
        return listings, counts, walk.tally.folder_count, walk.tally.stat_count

    local, remote, listed = everything(profile="local"), everything(profile="remote"), everything(walker="listdir")

    assert 1_633 == len(local[0])  # 1,333 of 2,000 and all 300
    assert local == remote
    assert local[:3] == listed[:3]


@EACH_WALKER
def test_what_is_no_file_is_not_listed(tmp_path, walker):
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

        found, skips, _ = walked(tmp_path, walker=walker)

    assert ([], {"not_a_file": 3}) == (found, skips)


@EACH_WALKER
class TestSymlinks:
    def test_a_link_out_of_the_root_is_followed(self, tmp_path, walker):
        """
        A linked file or folder that lies elsewhere belongs to the library.
        """
        a_file(tmp_path / "elsewhere" / "deep" / "a.mkv")
        root = tmp_path / "root"
        root.mkdir()
        (root / "linked").symlink_to(tmp_path / "elsewhere")
        (root / "b.mkv").symlink_to(tmp_path / "elsewhere" / "deep" / "a.mkv")

        found, skips, _ = walked(root, walker=walker)

        assert (["b.mkv", "linked/deep/a.mkv"], {}) == (found, skips)

    def test_a_link_back_into_the_root_is_not_followed(self, tmp_path, walker):
        """
        What a link inside the root leads to is found where it lies; nothing comes twice, nothing goes in a circle.
        """
        a_file(tmp_path / "films" / "a.mkv")
        (tmp_path / "films" / "up").symlink_to(tmp_path)
        (tmp_path / "films" / "self").symlink_to("self")
        (tmp_path / "b.mkv").symlink_to(tmp_path / "films" / "a.mkv")
        (tmp_path / "gone.mkv").symlink_to(tmp_path / "nowhere.mkv")

        found, skips, _ = walked(tmp_path, walker=walker)

        assert (["films/a.mkv"], {"symlink": 4}) == (found, skips)

    def test_a_circle_outside_the_root_ends(self, tmp_path, walker):
        """
        A link that leads to a folder the walk has come through, outside the root, is not followed again.
        """
        a_file(tmp_path / "elsewhere" / "deep" / "a.mkv")
        (tmp_path / "elsewhere" / "deep" / "again").symlink_to(tmp_path / "elsewhere")
        root = tmp_path / "root"
        root.mkdir()
        (root / "linked").symlink_to(tmp_path / "elsewhere")

        found, skips, _ = walked(root, walker=walker)

        assert (["linked/deep/a.mkv"], {"symlink": 1}) == (found, skips)

    def test_links_can_be_left_alone(self, tmp_path, walker):
        """
        With the setting off no link is followed.
        """
        a_file(tmp_path / "elsewhere" / "a.mkv")
        root = tmp_path / "root"
        root.mkdir()
        (root / "linked").symlink_to(tmp_path / "elsewhere")

        found, skips, _ = walked(root, walker=walker, follow_symlinks=False)

        assert ([], {"symlink": 1}) == (found, skips)


@EACH_WAY
class TestErrors:
    def test_a_folder_that_vanished_is_unknown(self, tmp_path, way):
        """
        A folder that is gone when the walk comes to it is an error of that folder; the other start is found.
        """
        a_file(tmp_path / "a" / "a.mkv")
        root = os.fsencode(tmp_path)
        starts = [Start(root, root + b"/gone", True), Start(root, root + b"/a", True)]
        settings = DiscoverySettings(**way)

        pieces = list(Crew(starts, settings, threads=threads_for(settings.profile, settings)))

        ends = {piece.start: piece.end for piece in pieces if piece.end}
        assert [root + b"/a/a.mkv"] == [listing[0] for piece in pieces for listing in piece.files]
        assert [root + b"/gone"] == [unlisted.folder for unlisted in ends[0].unlisted]
        assert [] == ends[1].unlisted

    @pytest.mark.usefixtures("without_privileges")
    def test_a_folder_without_permission_is_unknown(self, tmp_path, way):
        """
        Neither a folder that may not be read nor one that may not be entered ends the walk; both are named.
        """
        a_file(tmp_path / "a" / "a.mkv")
        a_file(tmp_path / "b" / "b.mkv")
        a_file(tmp_path / "c" / "c.mkv")
        (tmp_path / "a").chmod(0o300)
        (tmp_path / "b").chmod(0o600)

        try:
            found, _, walk = walked(tmp_path, **way)
        finally:
            (tmp_path / "a").chmod(0o700)
            (tmp_path / "b").chmod(0o700)

        assert ["c/c.mkv"] == found
        assert {os.fsencode(tmp_path / "a"), os.fsencode(tmp_path / "b")} == {u.folder for u in walk.tally.unlisted}


def test_every_entry_is_found_or_counted(tmp_path):
    """
    Files found and entries passed over are together all entries that were looked at.
    """
    names: Iterable[str] = (f"{i}{e}" for i in range(50) for e in (".mkv", ".srt", ".nfo", ""))
    for name in names:
        a_file(tmp_path / f"folder {len(name)}" / name)

    found, skips, _ = walked(tmp_path)

    assert (50, {"extension": 150}) == (len(found), skips)


@EACH_PROFILE
def test_one_folder_may_hold_very_many_files(very_many, profile):
    """
    100,000 files in one folder are one listing each, and are counted as one stat each and two for the markers.
    """
    walk = Walk(os.fsencode(very_many), DiscoverySettings(profile=profile))

    found = {listing[0] for listing in walk.files(walk.root)}

    assert (100_000, 100_002) == (len(found), walk.tally.stat_count)


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read as Linux tells it")
@EACH_PROFILE
def test_memory_does_not_grow_with_the_folder(very_many, profile):
    """
    Holding 100,000 entries would take more than 30 MB (100 bytes an entry, 200 a path and row); the walk grows by less
    than 10.
    """
    code = (
        "import os, resource, sys\n"
        "from tasks.core.settings import DiscoverySettings\n"
        "from tasks.discovery.walk import Walk\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "root = os.fsencode(sys.argv[1])\n"
        "walk = Walk(root, DiscoverySettings(profile=sys.argv[2]))\n"
        "before = peak()\n"
        "assert 100_000 == sum(1 for _ in walk.files(root))\n"
        "print(peak() - before)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, str(very_many), profile], capture_output=True, text=True, check=True
    )

    assert int(done.stdout) < 10 * 1024


def test_a_walk_that_is_not_heard_out_ends(tmp_path):
    """
    Whoever stops half-way leaves no thread behind that waits to hand over.
    """
    for number in range(40):
        a_file(tmp_path / f"{number}" / "a.mkv")
    before = threading.active_count()

    files = Walk(os.fsencode(tmp_path), DiscoverySettings(profile="remote")).files(os.fsencode(tmp_path))
    next(files)
    files.close()

    until = time.monotonic() + 30
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.01)
    assert before == threading.active_count()


def test_a_mistake_of_ours_is_not_taken_for_a_dead_disk(tmp_path, monkeypatch):
    """
    An error that is not the disk's ends the walk and is raised.
    """
    monkeypatch.setattr(Lister, "list_folder", None)

    with pytest.raises(TypeError):
        list(Walk(os.fsencode(tmp_path), DiscoverySettings()).files(os.fsencode(tmp_path)))


@EACH_WALKER
def test_a_folder_that_answers_late_is_tried_again_later(tmp_path, monkeypatch, walker):
    """
    It is unknown in the walk that waited in vain; once it has answered, the next walk finds all of it, and no thread is
    left.
    """
    for name in ("a", "b", "late"):
        a_file(tmp_path / name / "a.mkv")
    answers, at_once = threading.Event(), getattr(os, walker)

    def late(path):
        if path.endswith(b"/late"):
            answers.wait()
        return at_once(path)

    monkeypatch.setattr(os, walker, late)
    before = threading.active_count()

    first, _, walk = walked(tmp_path, walker=walker, deadline_s=0.2)
    answers.set()
    until = time.monotonic() + 30
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.01)
    second, _, again = walked(tmp_path, walker=walker, deadline_s=30)

    assert ["a/a.mkv", "b/a.mkv"] == first
    assert ["a/a.mkv", "b/a.mkv", "late/a.mkv"] == second
    assert ([os.fsencode(tmp_path / "late")], []) == (
        [unlisted.folder for unlisted in walk.tally.unlisted],
        again.tally.unlisted,
    )
    assert before == threading.active_count()
