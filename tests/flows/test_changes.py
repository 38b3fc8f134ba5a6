"""What a refresh does when something has changed: the token, the files."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows.server import Server
from tasks.standin.faults import RequestLog
from tasks.standin.library import FILMS, SHOW, toy_facts
from tasks.standin.running import StandIn
from tests.flows.house import TOKEN, Done, House, a_copy, a_house
from tests.flows.warm import Forker

WRONG_TOKEN = "eyJ-a-token-that-nobody-gave-us-0123456789"
COUNT_FILES = "SELECT count(*) FROM files"
NETWORK_STAGES = ("match", "scrape", "collections", "artwork")
ADDED = SHOW / "Season 01" / "Kestrel Lane Observatory - S01E05 - The Third Window.mp4"
CHANGED = FILMS / "The Salt Ferry (2011)" / "The Salt Ferry (2011) - 480p.mp4"
DELETED = SHOW / "Season 02" / "Kestrel Lane Observatory - S02E02 - Redshift.mov"
RENAMED = FILMS / "Umbrella Weather for Moles (2016)" / "Umbrella Weather for Moles (2016).avi"
NEW_NAME = RENAMED.with_name("Umbrella Weather for Moles (2016) - remastered.avi")


@dataclass(frozen=True)
class Visit:
    """One refresh, and what was there after it."""

    done: Done
    record: dict[str, Any]
    requests: RequestLog
    probed_at: dict[str, Any]
    """Path below the library -> when the row in ``probes`` was measured."""
    file_ids: dict[str, str]
    missing: list[str]
    """Paths below the library of files that are missing."""
    library: set[str]
    """Paths below the library that stand in the view ``library``."""
    title_count: int
    files_with_wrong_token: list[str]


@dataclass(frozen=True)
class Story:
    """The visits in their order."""

    house: House
    without_token: Visit
    wrong_token: Visit
    with_token: Visit
    changed: Visit
    restored: Visit
    rows_before_change: int
    rows_seen_by_open_reader: int


@pytest.fixture(scope="module")
def story(
    tmp_path_factory: pytest.TempPathFactory, prefect: Server, toy_library: Path, standin: StandIn, forker: Forker
) -> Story:
    """No token, a wrong one, the right one; then four changes in the library, and one of them undone."""
    folder = tmp_path_factory.mktemp("changes")
    library = a_copy(toy_library, folder)
    house = a_house(folder, prefect, standin, forker)

    def visit(token: str | None, *options: str) -> Visit:
        standin.clear()
        return seen(house, library, house.run("refresh", library, *options, token=token), standin.requests())

    without_token, wrong_token, with_token = (visit(t, "--json") for t in (None, WRONG_TOKEN, TOKEN))
    shutil.copyfile(library / CHANGED, library / ADDED)
    with (library / CHANGED).open("ab") as file:
        file.write(bytes(4096))
    kept = (library / DELETED).rename(folder / "kept.mov")
    (library / RENAMED).rename(library / NEW_NAME)
    standin.clear()
    with duckdb.connect(str(house.data.warehouse), read_only=True) as reader:
        before = reader.execute(COUNT_FILES).fetchall()
        done = house.refresh(library)
        after = reader.execute(COUNT_FILES).fetchall()
    changed = seen(house, library, done, standin.requests())
    kept.rename(library / DELETED)
    restored = visit(TOKEN)
    return Story(house, without_token, wrong_token, with_token, changed, restored, before[0][0], after[0][0])


def seen(house: House, library: Path, done: Done, requests: RequestLog) -> Visit:
    """What is there after a refresh."""

    def below(path: str) -> str:
        return os.path.relpath(path, library)

    records = [json.loads(path.read_bytes()) for path in house.data.runs.iterdir()]
    return Visit(
        done,
        max(records, key=itemgetter("started_at")),
        requests,
        {below(path): at for path, at in house.rows("SELECT path, probed_at FROM probes JOIN files USING (file_id)")},
        {below(path): file_id for path, file_id in house.rows("SELECT path, file_id FROM files")},
        [below(path) for (path,) in house.rows("SELECT path FROM files WHERE missing_since_at IS NOT NULL")],
        {below(path) for (path,) in house.rows("SELECT path FROM library")},
        house.rows("SELECT count(*) FROM titles")[0][0],
        [str(p) for p in house.data.path.parent.rglob("*") if p.is_file() and WRONG_TOKEN.encode() in p.read_bytes()],
    )


def test_without_a_token_all_is_done_that_needs_none(story, toy_library):
    """
    Exit status 0: files are found, measured and identified; the stages that need the service are deferred, whole.
    """
    facts, done = toy_facts(toy_library), story.without_token.done
    title_count = facts.film_count + facts.show_count

    assert 0 == done.status
    assert facts.file_count == done.stage("probe")["total"] == done.stage("identify")["done"]
    assert {"total": title_count, "deferred": title_count} == done.stage("match")
    assert [] == story.without_token.requests.entries


def test_without_a_token_one_note_says_how_to_turn_it_on(story):
    """
    It names the variable and where a token is to be had.
    """
    (note,) = story.without_token.record["notes"]

    assert "TMDB_TOKEN" in note
    assert "https://www.themoviedb.org/settings/api" in note


def test_a_wrong_token_is_said_and_costs_nothing(story):
    """
    The run goes on without titles and ends with exit status 1; one note names the variable and the refusal (HTTP 401).
    """
    done = story.wrong_token.done

    (note,) = done.record["notes"]
    assert 1 == done.status
    assert "TMDB_TOKEN" in note
    assert "401" in note
    assert {"total", "deferred"} == set(done.stage("match"))
    assert story.without_token.library == story.wrong_token.library


def test_a_wrong_token_is_not_tried_without_end(story):
    """
    Services ban who keeps trying; with eight connections at most eight requests were under way when the first refusal
    came.
    """
    assert {401} == {entry.status for entry in story.wrong_token.requests.entries}
    assert 1 <= len(story.wrong_token.requests.entries) <= 8


def test_a_token_is_written_nowhere(story):
    """
    No file of the data folder, of Prefect's folder or its server's has it, nor what was printed.
    """
    done = story.wrong_token.done

    assert [] == story.wrong_token.files_with_wrong_token
    assert WRONG_TOKEN not in done.stdout.decode() + done.stderr


def test_a_token_is_not_in_the_records_of_the_server(story, prefect):
    """
    The server's database, its log and all else in its folder know neither token.
    """
    assert prefect.log is not None
    contents = b"".join(p.read_bytes() for p in prefect.log.parent.rglob("*") if p.is_file())

    assert story.wrong_token.record["run_id"].encode() in contents
    assert WRONG_TOKEN.encode() not in contents


def test_with_the_token_only_the_network_works(story, toy_library):
    """
    What was measured and identified without the token stays; all titles are looked up, scraped and illustrated.
    """
    facts, done = toy_facts(toy_library), story.with_token.done

    assert (0, 0) == (done.status, done.record["probe_count"])
    assert {"total": facts.file_count, "unchanged": facts.file_count} == done.stage("identify")
    for stage in NETWORK_STAGES:
        assert done.stage(stage)["total"] == done.stage(stage)["done"] + done.stage(stage).get("quarantined", 0) > 0
    assert story.without_token.probed_at == story.with_token.probed_at


def test_only_what_changed_is_measured(story):
    """
    The file that is new and the one whose content changed; one with another name is the one it was.
    """
    before, after = story.with_token.probed_at, story.changed.probed_at

    newer = {path for path, at in after.items() if before.get(path) != at}
    assert {str(ADDED), str(CHANGED), str(NEW_NAME)} == newer
    assert before[str(RENAMED)] == after[str(NEW_NAME)]
    assert 2 == story.changed.record["probe_count"]


def test_the_changes_are_counted(story):
    """
    A renamed file has moved; one whose content changed was replaced, by one of a higher bit rate as it has grown.
    """
    counters = story.changed.record["counters"]

    expected = {"new": 1, "changed": 1, "replaced": 1, "upgraded": 1, "moved": 1, "vanished": 1}
    assert {f"{what}_files": count for what, count in expected.items()} == {
        name: count for name, count in counters.items() if name.endswith("_files") and count
    }


def test_known_titles_are_not_asked_for_again(story):
    """
    The new episode belongs to the known show, the renamed film is the unknown one of before: no call, and no picture,
    because the service has no still of the fifth episode.
    """
    assert [] == story.changed.requests.entries
    assert story.with_token.title_count == story.changed.title_count


def test_what_vanished_is_kept_as_missing(story):
    """
    It leaves the library, not the warehouse.
    """
    assert [str(DELETED)] == story.changed.missing
    assert not {str(DELETED), str(RENAMED)} & story.changed.library
    assert {str(ADDED), str(NEW_NAME)} <= story.changed.library


def test_what_comes_back_is_the_same_file(story):
    """
    A restored file has its id again, is no longer missing, and was not measured anew.
    """
    returned = str(DELETED)

    assert [] == story.restored.missing
    assert returned in story.restored.library
    assert story.with_token.file_ids[returned] == story.restored.file_ids[returned]
    assert story.with_token.probed_at[returned] == story.restored.probed_at[returned]
    assert 1 == story.restored.record["counters"]["returned_files"]
    assert 0 == story.restored.record["probe_count"]


def test_progress_and_report_for_people_come_apart(story):
    """
    Without ``--json``: lines of progress on stderr, the report on stdout, so that it can be kept in a file.
    """
    done = story.restored.done

    assert "identify: 0/0" in done.stderr
    assert "What was done" in done.stdout.decode()
    assert "identify: 0/0" not in done.stdout.decode()


def test_an_open_reader_keeps_its_rows(story):
    """
    A connection that stays open during a refresh neither blocks it nor sees rows come or go.
    """
    assert story.rows_before_change == story.rows_seen_by_open_reader == len(story.with_token.file_ids)
    assert 0 == story.changed.done.status
    assert story.rows_before_change + 1 == len(story.changed.file_ids)


@pytest.mark.parametrize("name", ["without_token", "wrong_token", "with_token", "changed", "restored"])
def test_sums_add_up(story, name):
    """
    In every stage of every visit: total = unchanged + done + quarantined + failed + deferred.
    """
    for row in getattr(story, name).record["run_stages"]:
        parts = [row[f"{part}_count"] for part in ("unchanged", "done", "quarantined", "failed", "deferred")]
        assert row["total_count"] == sum(parts), row
