"""Disks that are away, files that move, files that are replaced: what refreshes make of them, one after the other."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from flows.server import Server
from tasks.standin.bench_library import make_bench_library
from tasks.standin.running import StandIn
from tasks.standin.server import StandInOptions
from tests.flows.house import Done, House, a_house, ask_prefect, states
from tests.flows.warm import Forker

pytestmark = pytest.mark.timeout(1_500)  # one story of many refreshes, each in processes of its own

FILE_COUNT = 40


@dataclass(frozen=True)
class Visit:
    """One command, and what was there after it."""

    done: Done
    request_count: int
    files: dict[str, str]
    """File name -> id of the files that are not missing."""
    probed: dict[str, Any]
    """File id -> when it was measured."""
    rows: dict[str, list[tuple[Any, ...]]]
    """What the warehouse answered to the questions of the chapter."""

    @property
    def record(self) -> dict[str, Any]:
        return self.done.record

    @property
    def root(self) -> dict[str, Any]:
        (root,) = self.record["run_roots"]
        return dict(root)


@dataclass
class Story:
    """A library of its own, and the visits by name."""

    house: House
    library: Path
    service: StandIn
    visits: dict[str, Visit] = field(default_factory=dict)
    disk: list[dict[str, tuple[int, int, int]]] = field(default_factory=list)
    """All that lay in the library before and after the last visit."""

    def visit(self, name: str, command: Callable[[], Done] | None = None, **questions: str) -> Visit:
        self.service.clear()
        done = command() if command else self.house.refresh(self.library)
        names = self.house.rows("SELECT path, file_id FROM present_files")
        self.visits[name] = Visit(
            done,
            len(self.service.requests().entries),
            {Path(path).name: file_id for path, file_id in names},
            dict(self.house.rows("SELECT file_id, probed_at FROM probes")),
            {question: self.house.rows(query) for question, query in questions.items()},
        )
        return self.visits[name]

    def __getitem__(self, name: str) -> Visit:
        return self.visits[name]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, prefect: Server, forker: Forker) -> Story:
    """Forty videos; they move, change, go away by and by."""
    folder = tmp_path_factory.mktemp("disks")
    facts = make_bench_library(folder / "videos", FILE_COUNT)
    library = facts.folder
    for path in library.rglob("*"):  # files of their own, as on a disk of films
        if path.is_file() and path.stat().st_nlink > 1:
            shutil.copy2(path, path.with_suffix(".copy"))
            path.with_suffix(".copy").replace(path)
    options = StandInOptions(film_count=facts.film_count, show_count=facts.show_count)
    with StandIn(options) as service:
        story = Story(a_house(folder, prefect, service, forker), library, service)
        story.visit("first")

        (library / "Movies").rename(library / "Films")
        shows = sorted((library / "Shows").iterdir())
        shows[0].rename(library / shows[0].name)
        story.visit("moved", events="SELECT event, proof, count(*) FROM file_events GROUP BY ALL")

        films = sorted(path for path in (library / "Films").rglob("*") if path.is_file())
        better, other = films[0], films[1]
        shutil.copyfile(films[2], better.with_name("new"))
        with better.with_name("new").open("ab") as file:
            file.write(bytes(3))
        better.with_name("new").replace(better)
        shutil.copyfile(films[3], other.with_name(f"{other.parent.name} - 1080p{films[3].suffix}"))
        other.unlink()
        story.visit(
            "replaced",
            events="SELECT event, proof, earlier_path, path, earlier_size_bytes, size_bytes FROM file_events "
            "WHERE run_id = (SELECT run_id FROM runs ORDER BY started_at DESC LIMIT 1) ORDER BY proof",
        )

        inside, outside = films[5].with_stem(f"{films[5].stem} - copy"), films[6].with_stem(f"{films[6].stem} - copy")
        shutil.copyfile(films[5], inside)
        shutil.copyfile(films[6], outside)
        story.visit(
            "part",
            lambda: story.house.refresh(films[5].parent),
            roots="SELECT DISTINCT root FROM files",
        )
        story.visit("plan", lambda: story.house.run("refresh", library, "--plan", "--json"))
        story.visit("after plan")

        aside = library.rename(folder / "unmounted")
        story.visit("missing root")
        library.mkdir()
        story.visit("empty root")
        library.rmdir()
        aside.rename(library)
        story.visit("mounted again")

        deleted = sorted(path for path in (library / "Films").rglob("*") if path.is_file())[:12]
        for path in deleted:
            path.rename(folder / f"deleted {path.name}")
        story.visit("too much")
        story.visit("nobody to ask", lambda: story.house.run("confirm-removal", library))
        story.visit(
            "confirmed",
            lambda: story.house.run("confirm-removal", library, "--yes", "--quiet", token="x"),
            tombstones="SELECT count(*) FROM missing_files",
        )
        (folder / f"deleted {deleted[0].name}").rename(deleted[0])
        story.visit("one is back")
        story.visit(
            "purged",
            lambda: story.house.refresh(library, "--set", "removal.keep_days=0"),
            rows="SELECT count(*) FROM files",
            probes="SELECT count(*) FROM probes",
            streams="SELECT count(*) FROM video_streams ANTI JOIN files USING (file_id)",
        )
        story.disk.append(states(library))
        story.visit("quiet")
        story.disk.append(states(library))
        return story


def test_moved_files_cost_nothing_and_keep_everything(story):
    """
    A folder of 24 films is renamed and a show goes to another folder: no file is measured, nothing is asked, every id
    and every measurement stays.
    """
    first, moved = story["first"], story["moved"]

    assert (FILE_COUNT, 0) == (first.record["probe_count"], moved.record["probe_count"])
    assert 0 < first.request_count
    assert 0 == moved.request_count
    assert first.files == moved.files
    assert first.probed == moved.probed
    assert 24 < moved.record["counters"]["moved_files"]
    assert [("moved", "inode", moved.record["counters"]["moved_files"])] == moved.rows["events"]
    assert (0, "good") == (moved.done.status, moved.root["state"])


def test_the_run_says_how_it_walked_and_why(story, prefect):
    """
    The choice stands in ``run_roots`` and, with its reason, in the log of the flow run.
    """
    record, root = story["first"].record, story["first"].root
    question = {"logs": {"flow_run_id": {"any_": [record["run_id"]]}}}

    messages = [log["message"] for log in ask_prefect(prefect, "/logs/filter", question)]

    assert "local" == root["profile"]
    assert f"{story.library}: {FILE_COUNT} files, local ({root['profile_reason']})" in messages


def test_a_replaced_file_is_told_with_before_and_after(story):
    """
    Other content under the same name, and another file of the same film under another name: both are replacements, and
    only these two files are measured.
    """
    replaced = story["replaced"]
    by_path = [row for row in replaced.rows["events"] if row[1] == "path"]
    by_title = [row for row in replaced.rows["events"] if row[0] == "replaced" and row[1] == "title"]

    assert 2 == replaced.record["probe_count"]
    assert [("replaced", "path")] == [row[:2] for row in by_path]
    assert by_path[0][4] != by_path[0][5]
    assert 1 == len(by_title)
    assert by_title[0][2] != by_title[0][3]
    assert 0 == replaced.request_count


def test_a_folder_in_a_root_refreshes_that_part(story):
    """
    One new file inside the folder is measured, one outside is not seen; the root of the files stays what it was.
    """
    part = story["part"]

    assert (1, 0) == (part.record["probe_count"], part.request_count)
    assert [(str(story.library),)] == part.rows["roots"]
    assert FILE_COUNT + 1 == len(part.files)


def test_a_plan_says_what_the_refresh_then_does(story):
    """
    One file to measure, no request; and nothing was written for saying so.
    """
    (plan,) = story["plan"].done.documents
    after = story["after plan"]

    assert (1, 0) == (plan["whole"]["probe_count"], plan["whole"]["call_count"])
    assert (1, 0) == (after.record["probe_count"], after.request_count)
    assert story["part"].files == story["plan"].files
    assert plan["whole"]["wall_s"] > 0


@pytest.mark.parametrize(("name", "status"), [("missing root", 2), ("empty root", 1)])
def test_a_disk_that_is_away_costs_no_row(story, name, status):
    """
    The root is missing or empty, as where a disk is not mounted: no file is marked, and the exit status tells.
    """
    visit = story[name]

    assert status == visit.done.status
    assert story["after plan"].files == visit.files
    assert 0 == visit.request_count


def test_when_the_disk_is_back_nothing_has_happened(story):
    """
    0 files measured, 0 requests, the same ids.
    """
    back = story["mounted again"]

    assert (0, 0, 0) == (back.done.status, back.record["probe_count"], back.request_count)
    assert story["after plan"].files == back.files


def test_too_much_at_once_is_held_back(story):
    """
    Twelve of 42 files are gone: nothing is marked, the exit status is 1, and the report says how to confirm.
    """
    visit = story["too much"]

    assert 1 == visit.done.status
    assert ("held back", 12) == (visit.root["state"], visit.root["held_back_count"])
    assert story["after plan"].files == visit.files
    assert "confirm-removal" in "\n".join(story.house.run("report", visit.record["run_id"]).lines)


def test_without_somebody_to_ask_nothing_is_confirmed(story):
    """
    A removal is confirmed by a person at a terminal, or by --yes.
    """
    visit = story["nobody to ask"]

    assert 2 == visit.done.status
    assert "--yes" in visit.done.stderr
    assert story["after plan"].files == visit.files


def test_a_confirmed_removal_is_marked_and_can_come_back(story):
    """
    Twelve files leave the views and keep their rows; one that is put back has its id and its measurement.
    """
    confirmed, back = story["confirmed"], story["one is back"]

    assert [(12 + 1,)] == confirmed.rows["tombstones"]  # and the file that was replaced by another one
    assert 12 == len(story["too much"].files) - len(confirmed.files)
    assert 1 == len(back.files) - len(confirmed.files)
    assert back.files.items() <= story["too much"].files.items()
    assert 0 == back.record["probe_count"]


def test_rows_are_purged_after_the_second_good_look(story):
    """
    With ``keep_days = 0`` the next good look removes the rows of the eleven that stayed away, with all their parts.
    """
    purged = story["purged"]
    # The file that was replaced by another one of the same film is missing since then.
    assert 12 == purged.record["counters"]["purged_files"]
    assert [(len(purged.files),)] == purged.rows["rows"] == purged.rows["probes"]
    assert [(0,)] == purged.rows["streams"]
    assert 0 == story["quiet"].record["counters"]["purged_files"]


def test_nothing_on_the_disk_was_touched(story):
    """
    No refresh has changed, made or removed a file of the library.
    """
    before, after = story.disk

    assert 0 == story["quiet"].done.status
    assert before == after


@pytest.mark.skipif(
    not os.access("/dev/shm", os.W_OK), reason="needs a second file system (/dev/shm) to move files to another disk"
)
def test_files_that_move_to_another_disk_keep_everything(tmp_path, prefect, toy_library, forker):
    """
    All films are copied to a disk with other inodes and deleted here: their content is recognised. Measured is one new
    file.
    """
    here = shutil.copytree(toy_library, tmp_path / "here")
    there = Path("/dev/shm") / f"reelhouse-test-{os.getpid()}"
    house = a_house(tmp_path, prefect, None, forker)
    try:
        there.mkdir()
        house.refresh(here, there, token=None)
        before = dict(house.rows("SELECT regexp_extract(path, '[^/]+/[^/]+$'), file_id FROM present_files"))
        shutil.move(here / "Movies", there / "Movies")
        shutil.copyfile(next((here / "Shows").rglob("*.mkv")), here / "new.mkv")
        done = house.refresh(here, there, token=None)
        after = dict(house.rows("SELECT regexp_extract(path, '[^/]+/[^/]+$'), file_id FROM present_files"))
    finally:
        shutil.rmtree(there, ignore_errors=True)

    assert before.items() <= after.items()
    unreadable = {
        Path(path).name for (path,) in house.rows("SELECT path FROM unreadable_files WHERE status = 'unreadable'")
    }
    moved = {path.name for path in (toy_library / "Movies").rglob("*")}
    # The one that is new, and those that cannot be read: their rights may be what has changed.
    assert 1 + len(unreadable & moved) == done.record["probe_count"]
    assert [("fingerprint",)] == house.rows("SELECT DISTINCT proof FROM file_events WHERE event = 'moved'")
