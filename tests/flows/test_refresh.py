"""A library is refreshed for the first time, and again when nothing has changed."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections import Counter
from contextlib import closing

import orjson
import polars as pl
import pytest
from PIL import Image

from tasks.standin.catalogue import Catalogue
from tasks.standin.demo_titles import (
    CLOCKMAKERS_ID,
    LOW_WATER_ID,
    OBSERVATORY_ID,
    SALT_FERRY_COLLECTION_ID,
    SALT_FERRY_ID,
    UNKNOWN_FILM,
)
from tasks.standin.library import toy_facts
from tests.flows.house import ask_prefect, states

FILM_IDS = (SALT_FERRY_ID, LOW_WATER_ID, CLOCKMAKERS_ID)
PICTURES = {
    # Poster, backdrop and logo of a title; the logo of the clockmakers is a drawing (SVG), which is passed over.
    "title": 3 + 3 + 2 + 3,
    "collection": 2,  # it has no logo
    "season": 3,  # specials, 1 and 2
    "still": 9,  # one for each episode in the library, two of them in one file
}


@pytest.fixture(scope="module")
def facts(toy_library):
    return toy_facts(toy_library)


def test_it_succeeds(refreshed):
    """
    Nothing failed, so the exit status is 0, and nothing needs to be said on stderr when a machine reads stdout.
    """
    assert (0, "") == (refreshed.first.status, refreshed.first.stderr)
    assert "completed" == refreshed.first.record["state"]
    assert [] == refreshed.first.record["notes"]


@pytest.mark.parametrize("run", ["first", "second"])
def test_every_item_is_accounted_for(refreshed, run):
    """
    In every stage: total = unchanged + done + quarantined + failed + deferred.
    """
    for row in getattr(refreshed, run).record["run_stages"]:
        parts = [row[f"{part}_count"] for part in ("unchanged", "done", "quarantined", "failed", "deferred")]
        assert row["total_count"] == sum(parts), row


def test_every_file_is_found_and_measured(refreshed, facts):
    """
    The walk finds all but the sample; all are measured, and those that cannot be read are set aside.
    """
    record = refreshed.first.record

    unreadable = facts.unreadable_count
    measured = {"total": facts.file_count, "done": facts.file_count - unreadable, "quarantined": unreadable}
    assert (facts.file_count, facts.file_count) == (record["file_count"], record["probe_count"])
    assert measured == refreshed.first.stage("probe")
    assert {"total": facts.file_count, "done": facts.file_count} == refreshed.first.stage("identify")
    assert [("ignored_folder", 1)] == [(skip["reason"], skip["skip_count"]) for skip in record["run_skips"]]


@pytest.mark.parametrize("name", ["Occultation.mp4", "Last Quarter.mkv"])
def test_unreadable_files_are_set_aside_with_the_reason(refreshed, name):
    """
    The cut-off video and the text named .mkv stand in the quarantine, each with what is wrong.
    """
    (reason,) = refreshed.house.rows(
        f"SELECT reason FROM quarantine WHERE refused_by = 'probe' AND item LIKE '%{name}'"
    )

    assert "Invalid data" in reason[0]
    assert ("unreadable",) in refreshed.house.rows(
        f"SELECT status FROM probes JOIN files USING (file_id) WHERE path LIKE '%{name}'"
    )


def test_the_library_is_what_was_made(refreshed, facts):
    """
    Films, episodes and extras as the maker of the library counts them; the copy of a film is the same title.
    """
    rows = refreshed.house.rows("SELECT kind, count(*) FROM library GROUP BY kind")
    episodes = refreshed.house.rows(
        "SELECT count(DISTINCT (season_number, episode_number)) FROM file_titles WHERE kind = 'episode'"
    )
    films = refreshed.house.rows("SELECT count(DISTINCT title_key) FROM identities WHERE kind = 'movie'")

    assert {
        "movie": facts.film_file_count,
        "episode": facts.episode_file_count,
        "extra": facts.extra_count,
    } == dict(rows)
    assert ([(facts.episode_count,)], [(facts.film_count,)]) == (episodes, films)


def test_titles_are_those_of_the_service(refreshed, facts):
    """
    Each known film and the show is the right one, not the more popular decoy of the same name.
    """
    rows = refreshed.house.rows("SELECT title_id, title, year FROM titles ORDER BY title_id")

    catalogue = Catalogue()
    known = [(f"movie:tmdb:{f.id}", f.title, f.year) for f in map(catalogue.film, FILM_IDS) if f]
    show = catalogue.show(OBSERVATORY_ID)
    assert [*known, (f"show:tmdb:{show.id}", show.title, show.year)] == rows
    assert facts.film_count - facts.unknown_film_count + facts.show_count == len(rows)


def test_an_unknown_film_is_unmatched(refreshed, facts):
    """
    The film that the service does not know is set aside, neither a failure nor another film.
    """
    rows = refreshed.house.rows("SELECT title, year, title_id FROM matches WHERE status = 'unmatched'")

    matched = facts.film_count + facts.show_count - facts.unknown_film_count
    assert [(*UNKNOWN_FILM, None)] == rows
    assert {"total": matched + 1, "done": matched, "quarantined": 1} == refreshed.first.stage("match")


def test_everything_is_asked_once(refreshed, facts):
    """
    One details call a film and a show, one a collection, one for the configuration; a search a title, and a second one
    without the year for the title that is not found.
    """
    log = refreshed.first_requests

    assert {
        ("GET", "search_movie"): facts.film_count + facts.unknown_film_count,
        ("GET", "search_tv"): facts.show_count,
        ("GET", "movie"): facts.film_count - facts.unknown_film_count,
        ("GET", "tv"): facts.show_count,
        ("GET", "collection"): facts.collection_count,
        ("GET", "configuration"): 1,
        ("GET", "image"): sum(PICTURES.values()),
    } == log.counts
    assert 1 == max(Counter(log.addresses).values())
    assert {200} == {entry.status for entry in log.entries}


def test_the_record_says_what_the_service_saw(refreshed):
    """
    Calls and pictures in the record are those in the log of the service.
    """
    log, record = refreshed.first_requests, refreshed.first.record

    assert (log.api_count, log.count("image")) == (record["call_count"], record["image_count"])


def test_streams_are_those_that_were_encoded(refreshed):
    """
    The best copy of the first film: three sounds, of which one a commentary, three subtitles and three chapters.
    """
    one = "FROM {} JOIN files USING (file_id) WHERE path LIKE '%- 1080p.mkv'"

    video = refreshed.house.rows(f"SELECT codec, width_px, height_px {one.format('video_streams')} AND NOT is_cover")
    audio = refreshed.house.rows(
        f"SELECT codec, language, is_commentary {one.format('audio_streams')} ORDER BY stream_index"
    )
    subtitles = refreshed.house.rows(f"SELECT language, title {one.format('subtitle_streams')} ORDER BY stream_index")
    chapters = refreshed.house.rows(f"SELECT c.title {one.format('chapters AS c')} ORDER BY chapter_index")

    assert [("h264", 1920, 1080)] == video
    assert [("ac3", "eng", False), ("aac", "deu", False), ("opus", "eng", True)] == audio
    assert [("eng", "Full"), ("eng", "SDH"), ("deu", "Nur Schilder")] == subtitles
    assert [("The Jetty",), ("The Crossing",), ("The Other Side",)] == chapters


def test_the_show_is_there_with_all_its_parts(refreshed):
    """
    Seasons and episodes as the catalogue has them, also an episode that the library lacks.
    """
    seasons = refreshed.house.rows("SELECT season_number, episode_count FROM seasons ORDER BY season_number")
    episodes = refreshed.house.rows(
        "SELECT season_number, episode_number, title FROM episodes ORDER BY season_number, episode_number"
    )
    missing = refreshed.house.rows("SELECT season_number, episode_number FROM missing_episodes")

    show = Catalogue().show(OBSERVATORY_ID)
    assert [(season.number, len(season.episodes)) for season in show.seasons] == seasons
    assert [(e.season_number, e.number, e.title) for season in show.seasons for e in season.episodes] == episodes
    assert [] == missing  # "Bloopers" is a special: nobody misses it


def test_credits_are_complete(refreshed):
    """
    As many credits of each film as the catalogue has, the people of two films of one series kept once.
    """
    rows = refreshed.house.rows("SELECT title_id, count(*) FROM credits WHERE title_id LIKE 'movie:%' GROUP BY 1")
    people = refreshed.house.rows("SELECT count(*), count(DISTINCT person_id) FROM people")

    assert {f"movie:tmdb:{film_id}": len(Catalogue().film(film_id).credits) for film_id in FILM_IDS} == dict(rows)
    assert people[0][0] == people[0][1]


def test_the_extra_of_the_show_hangs_on_the_show(refreshed):
    """
    ``Featurettes/Building the Dome`` beside the seasons belongs to the show, the trailer to its film.
    """
    rows = refreshed.house.rows(
        "SELECT title_id, kind FROM file_titles JOIN files USING (file_id) "
        "WHERE path LIKE '%Building the Dome.mp4' OR path LIKE '%-trailer.mp4' ORDER BY title_id"
    )

    assert [(f"movie:tmdb:{SALT_FERRY_ID}", "extra"), (f"show:tmdb:{OBSERVATORY_ID}", "extra")] == rows


def test_the_collection_is_there_with_both_films(refreshed):
    """
    Two films share one collection, which has a row and two parts.
    """
    rows = refreshed.house.rows("SELECT collection_id, title_id FROM collection_parts ORDER BY title_id")
    owners = refreshed.house.rows("SELECT title_id FROM titles WHERE collection_id IS NOT NULL ORDER BY title_id")

    films = [f"movie:tmdb:{film_id}" for film_id in (SALT_FERRY_ID, LOW_WATER_ID)]
    assert [(f"collection:tmdb:{SALT_FERRY_COLLECTION_ID}", film) for film in films] == rows
    assert [(film,) for film in films] == owners


def test_every_picture_lies_on_disk_and_can_be_decoded(refreshed):
    """
    One row a place; its file has the size and the dimensions of the row, and holds a whole picture.
    """
    rows = refreshed.house.rows("SELECT file, format, width_px, height_px, size_bytes FROM artwork")

    assert sum(PICTURES.values()) == len(rows)
    for file, format_, width, height, size_bytes in rows:
        path = refreshed.house.data.path / file
        with Image.open(path) as image:
            image.load()
            assert (format_, width, height, size_bytes) == (image.format, *image.size, path.stat().st_size)


def test_nothing_else_lies_among_the_pictures(refreshed):
    """
    Files on disk and files in the table are the same ones.
    """
    rows = refreshed.house.rows("SELECT DISTINCT file FROM artwork")

    folder = refreshed.house.data
    on_disk = {p.relative_to(folder.path).as_posix() for p in folder.artwork.rglob("*") if p.is_file()}
    assert {file for (file,) in rows} == on_disk


def test_answers_are_kept_as_they_came(refreshed):
    """
    The store has one answer for each call, and unpacks to what the service says.
    """
    with closing(sqlite3.connect(refreshed.house.data.responses)) as store:
        kept = store.execute("SELECT url, body FROM responses").fetchall()

    bodies = {url.partition("/3/")[2]: orjson.loads(gzip.decompress(body)) for url, body in kept}
    assert refreshed.first_requests.api_count == len(kept)
    show = next(body for url, body in bodies.items() if url.startswith(f"tv/{OBSERVATORY_ID}?"))
    assert Catalogue().show(OBSERVATORY_ID).overview == show["overview"]


def test_timings_are_kept(refreshed, facts):
    """
    Parquet, one row for each file that was measured and each request that was sent.
    """
    folder = refreshed.house.data.timings / f"run_id={refreshed.first.record['run_id']}"
    spans = pl.concat([pl.read_parquet(part, hive_partitioning=False) for part in folder.glob("*.parquet")])

    counts = dict(spans.group_by("name").len().iter_rows())
    assert facts.file_count == counts["probe.file"]
    assert len(refreshed.first_requests.entries) == counts["http.request"]
    assert 1 == counts["refresh.run"]


def test_the_run_stands_in_the_warehouse_and_beside_it(refreshed):
    """
    One record file a run; the first one has a row, its stages, and the settings without a secret.
    """
    first, second = refreshed.first.record, refreshed.second.record
    rows = refreshed.house.rows("SELECT run_id, state, call_count, task_run_count, settings FROM runs")

    ((run_id, state, call_count, task_run_count, settings),) = rows
    assert {f"{run['run_id']}.json" for run in (first, second)} == {
        path.name for path in refreshed.house.data.runs.iterdir()
    }
    expected = tuple(first[key] for key in ("run_id", "state", "call_count", "task_run_count"))
    assert expected == (run_id, state, call_count, task_run_count)
    assert refreshed.house.variables["REELHOUSE_SCRAPE__BASE_URL"] == json.loads(settings)["scrape"]["base_url"]


def test_an_unchanged_library_costs_nothing(refreshed, facts):
    """
    The second refresh measures no file, asks nothing, downloads nothing, and finds everything as it was.
    """
    record = refreshed.second.record

    assert 0 == refreshed.second.status
    assert [] == refreshed.second_requests.entries
    assert (facts.file_count, 0, 0, 0) == tuple(
        record[key] for key in ("file_count", "probe_count", "call_count", "image_count")
    )
    for stage in ("probe", "identify", "match", "scrape", "collections", "artwork"):
        assert {"total", "unchanged"} == set(refreshed.second.stage(stage))


def test_an_unchanged_library_leaves_the_warehouse_alone(refreshed):
    """
    The warehouse is the same file, to the byte and to the time of its last change.
    """
    warehouse = refreshed.house.data.warehouse

    assert refreshed.published == (warehouse.read_bytes(), warehouse.stat().st_mtime_ns)


def test_the_library_is_only_read(refreshed):
    """
    Names, sizes, inodes and times of everything in it are those from before the first run.
    """
    assert refreshed.library_before == states(refreshed.library)


def test_nothing_is_left_over(refreshed):
    """
    No staging of runs that are done, no temporary file, no lock that names a holder.
    """
    folder = refreshed.house.data.path

    left = [p.name for p in folder.rglob("*") if p.name.startswith(".tmp-") or p.name == "warehouse.lock.json"]
    assert [] == left
    assert [] == list((folder / "staging").iterdir())


@pytest.mark.parametrize("run", ["first", "second"])
def test_the_server_has_recorded_every_task_run(refreshed, prefect, run):
    """
    As many task runs as the record says, all in a final state, and the flow run completed.
    """
    record = getattr(refreshed, run).record
    question = {"flow_runs": {"id": {"any_": [record["run_id"]]}}}

    task_runs = ask_prefect(prefect, "/task_runs/filter", question)

    assert record["task_run_count"] == len(task_runs)
    assert {"COMPLETED"} == {task_run["state_type"] for task_run in task_runs}
    assert "COMPLETED" == ask_prefect(prefect, f"/flow_runs/{record['run_id']}")["state_type"]


def test_the_report_is_an_artifact_of_the_run(refreshed, prefect):
    """
    The Prefect UI shows the report of each run with it.
    """
    for record in (refreshed.first.record, refreshed.second.record):
        question = {"artifacts": {"flow_run_id": {"any_": [record["run_id"]]}, "type": {"any_": ["markdown"]}}}

        (artifact,) = ask_prefect(prefect, "/artifacts/filter", question)

        assert record["name"] in artifact["data"]


def test_progress_comes_before_the_report(refreshed):
    """
    With ``--json`` every line is a document; each stage has said that it is finished, and the report is the last.
    """
    *progress, report = refreshed.first.documents

    finished = {line["stage"] for line in progress if line["finished"]}
    assert "report" == report["event"]
    assert {row["stage"] for row in report["run_stages"]} <= finished
    assert not [line for line in progress if "event" in line]
