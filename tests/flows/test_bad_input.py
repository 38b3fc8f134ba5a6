"""Libraries that are not as they should be: every bad file has its line, everything else is done."""

from __future__ import annotations

import ctypes
import os
import random
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tasks.standin.library import SHOW
from tests.flows.house import Done, House, a_house

GOOD_NAMES = (
    b"two\nlines (2001).mp4",
    "emoji \N{CLAPPER BOARD} (2002).mp4".encode(),
    b"[red]bold[%red] (2003).mp4",
    b"caf\xe9 (2004).mp4",
    b"-leading dash (2005).mp4",
    b"\x1b[31mescape\x07 (2006).mp4",
    b"x" * 244 + b" (2007).mp4",  # 255 bytes, the longest name there is
    b"percent %41 and {braces} (2008).mp4",
)
VANISHING = """
import os
from flows.cli import main
from flows.run import quieten_prefect

quieten_prefect(debug=False)
import flows.refresh

plan = flows.refresh.plan_files

def plan_files(*arguments):
    planned = plan(*arguments)
    os.unlink(os.environ["VANISHING"])
    return planned

flows.refresh.plan_files = plan_files
main()
"""
"""``reelhouse``, with a file that vanishes between the walk and the probe."""

_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2
_libc = ctypes.CDLL(None, use_errno=True)


def refused_like_anybody() -> None:
    """In a child that is about to start a program: let the system refuse it what it refuses ordinary users.

    Root reads what it likes by two capabilities; what is not in the bounding set no program gets (capabilities(7)).
    """
    if sys.platform == "linux" and os.geteuid() == 0:
        for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
            if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
                raise OSError(ctypes.get_errno(), "prctl")


@dataclass(frozen=True)
class Bad:
    """The bad library after its refresh."""

    house: House
    root: bytes
    done: Done


@pytest.fixture(scope="module")
def bad(tmp_path_factory, prefect, toy_library) -> Bad:
    """Everything at once, under a root whose own name is no UTF-8, beside a root that is empty."""
    folder = tmp_path_factory.mktemp("bad")
    root = os.path.join(os.fsencode(folder), b"videos \xff\n[b]")  # noqa: PTH118 - bytes
    empty = folder / "empty"
    empty.mkdir()
    video = toy_library / SHOW / "Featurettes" / "Building the Dome.mp4"

    def at(name: bytes) -> Path:
        return Path(os.fsdecode(os.path.join(root, name)))  # noqa: PTH118 - bytes

    at(b"private").mkdir(parents=True)
    for name in (*GOOD_NAMES, b"vanishing.mp4", b"unreadable.mp4", b"private/hidden from us.mp4"):
        shutil.copyfile(video, at(name))
    os.mkfifo(at(b"fifo.mkv"))
    at(b"zero.mkv").touch()
    at(b"garbage.mkv").write_bytes(random.Random(8).randbytes(100_000))
    at(b"loop").symlink_to(".")
    at(b"itself.mkv").symlink_to("itself.mkv")
    at(b"dangling.mkv").symlink_to("nowhere.mkv")
    at(b"unreadable.mp4").chmod(0)
    at(b"private").chmod(0)
    house = a_house(folder, prefect, None, VANISHING=str(at(b"vanishing.mp4")))
    done = house.refresh(root, empty, token=None, program=("-c", VANISHING), preexec_fn=refused_like_anybody)
    at(b"private").chmod(0o700)
    return Bad(house, root, done)


def test_it_finishes_and_says_that_something_failed(bad):
    """
    Exit status 1: some files failed and may be tried again; there is no traceback.
    """
    assert (1, "") == (bad.done.status, bad.done.stderr)
    assert "incomplete" == bad.done.record["state"]


def test_every_good_file_is_measured_whatever_its_name(bad):
    """
    Newline, emoji, markup, escape sequence, bytes that are no UTF-8, a leading dash, 255 bytes: all are played.
    """
    rows = bad.house.rows("SELECT path_bytes FROM files JOIN probes USING (file_id) WHERE playable")

    assert {os.path.join(bad.root, name) for name in GOOD_NAMES} == {path for (path,) in rows}  # noqa: PTH118 - bytes


def test_paths_are_printable_and_their_bytes_are_kept(bad):
    """
    ``path`` writes bytes that are no UTF-8 as escapes; ``path_bytes`` leads back to the file.
    """
    ((path, path_bytes),) = bad.house.rows("SELECT path, path_bytes FROM files WHERE path LIKE '%caf%'")

    assert os.stat(path_bytes).st_size > 0  # noqa: PTH116 - bytes
    assert path.endswith(r"caf\xe9 (2004).mp4")


def test_titles_come_out_of_bad_names(bad):
    """
    The year is read from each name, whatever stands before it.
    """
    rows = bad.house.rows("SELECT year FROM identities WHERE year BETWEEN 2001 AND 2008 ORDER BY year")

    assert [(year,) for year in range(2001, 2009)] == rows


@pytest.mark.parametrize("name", ["zero.mkv", "garbage.mkv"])
def test_what_is_no_video_is_set_aside(bad, name):
    """
    No bytes and random bytes: a row in the quarantine with the reason, no failure.
    """
    ((reason,),) = bad.house.rows(f"SELECT reason FROM quarantine WHERE refused_by = 'probe' AND item LIKE '%{name}'")

    assert reason
    assert [] == bad.house.rows(f"SELECT * FROM failures WHERE item LIKE '%{name}'")


@pytest.mark.parametrize(
    ("stage", "name", "cause"),
    [
        ("probe", "unreadable.mp4", "FileNotPermitted"),
        ("probe", "vanishing.mp4", "FileVanished"),
        ("discover", "private", "FileNotPermitted"),
    ],
)
def test_what_cannot_be_read_fails_with_its_cause(bad, stage, name, cause):
    """
    No right to read, gone between walk and probe, a folder that may not be listed: none of it passes by itself.
    """
    rows = bad.house.rows(f"SELECT stage, cause, is_transient FROM failures WHERE item LIKE '%{name}'")

    assert [(stage, cause, False)] == rows


def test_what_is_no_file_is_passed_over_and_counted(bad):
    """
    The FIFO, and the three links that lead in a circle, to themselves and nowhere.
    """
    skips = {row["reason"]: row["skip_count"] for row in bad.done.record["run_skips"]}

    assert {"not_a_file": 1, "symlink": 3} == skips


def test_an_empty_root_is_asked_about(bad):
    """
    It is no error, and may be a disk that is not mounted.
    """
    (note,) = [note for note in bad.done.record["notes"] if "empty" in note]

    assert str(bad.house.data.path.parent / "empty") in note
    assert "mounted" in note


def test_sums_add_up(bad):
    """
    Found are the good files, those two that are no videos, the one that vanishes and the one that may not be read.
    """
    for row in bad.done.record["run_stages"]:
        parts = [row[f"{part}_count"] for part in ("unchanged", "done", "quarantined", "failed", "deferred")]
        assert row["total_count"] == sum(parts), row
    assert len(GOOD_NAMES) + 4 == bad.done.record["file_count"]
    assert {"total": 12, "done": 8, "quarantined": 2, "failed": 2} == bad.done.stage("probe")


def test_nothing_bad_reaches_the_terminal(bad):
    """
    The report is printable: no escape sequence, and no line that a file name has begun.
    """
    done = bad.house.run("report")

    said = done.stdout.decode()
    assert 0 == done.status
    assert all(line.isprintable() for line in said.splitlines())
    assert "private" in said


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing", "does not exist"),
        ("a file.mkv", "is not a folder"),
        ("locked", "may not be listed"),
        ("", "empty path"),
    ],
)
def test_a_root_that_is_none_is_refused_before_anything_is_done(tmp_path, name, words):
    """
    Exit status 2 and one line that says what to do; nothing is made.
    """
    (tmp_path / "a file.mkv").touch()
    (tmp_path / "locked").mkdir(mode=0)
    house = a_house(tmp_path, None, None)

    done = house.refresh(str(tmp_path / name) if name else "", preexec_fn=refused_like_anybody)

    assert (2, b"") == (done.status, done.stdout)
    (line,) = done.stderr.splitlines()
    assert words in line
    assert name in line
    assert not house.data.warehouse.exists()


def test_a_data_folder_that_cannot_be_written_is_refused(tmp_path, toy_library):
    """
    Exit status 2 and one line that names it.
    """
    folder = tmp_path / "read only"
    folder.mkdir()
    house = a_house(folder, None, None)
    folder.chmod(0o500)

    done = house.refresh(toy_library, preexec_fn=refused_like_anybody)

    (line,) = done.stderr.splitlines()
    assert 2 == done.status
    assert f"{house.data.path} cannot be written" in line
