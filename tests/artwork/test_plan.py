"""What the library wants of all that was ever chosen, and what must be downloaded for it."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import pytest

from tasks.artwork.plan import plan
from tasks.core.ids import artwork_id
from tasks.core.settings import ArtworkSettings
from tasks.schema.files import Files, Identities, PresentFiles
from tasks.schema.titles import Artwork, ArtworkCandidates, ArtworkWanted, Matches, Titles
from tasks.staging import known_path, read_staged, write_staged

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SHOW = "show:tmdb:1"


def a_file(file_id="f1", **facts):
    disk = {"size_bytes": 1, "mtime_ns": 1, "ctime_ns": 1, "inode": 1, "device": 1, "first_seen_at": NOW}
    row = {"path": f"/v/{file_id}", "path_bytes": f"/v/{file_id}".encode(), "root": "/v", "extension": ".mkv"}
    return row | disk | {"file_id": file_id} | facts


def an_identity(file_id="f1", episodes=(1,)):
    row = {"path": "p", "kind": "episode", "title_kind": "show", "title_key": "k", "season": 1, "absolute": []}
    fixed = {"confidence_ratio": 1.0, "rule": "r", "parser_version": "1"}
    return row | fixed | {"file_id": file_id, "episodes": list(episodes)}


MATCH = {
    "title_key": "k",
    "kind": "show",
    "title": "t",
    "status": "matched",
    "provider": "tmdb",
    "provider_id": "1",
    "title_id": SHOW,
    "rule": "exact",
    "candidate_count": 1,
    "decided_at": NOW,
}


def a_still(episode):
    return {
        "owner_id": SHOW,
        "season_number": 1,
        "episode_number": episode,
        "kind": "still",
        "provider": "tmdb",
        "source_path": f"/e{episode}.jpg",
    }


def a_poster(path="/p.jpg"):
    return {"owner_id": SHOW, "kind": "poster", "provider": "tmdb", "source_path": path}


def wanted_row(candidate, rank=1):
    place = (candidate.get("season_number"), candidate.get("episode_number"))
    return candidate | {"rank": rank, "artwork_id": artwork_id(SHOW, candidate["kind"], rank, *place)}


def kept_row(tmp_path, candidate):
    file = tmp_path / "artwork" / candidate["source_path"].strip("/")
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"picture")
    facts = {"file": f"artwork/{file.name}", "content_hash": "0", "format": "JPEG", "size_bytes": 7, "fetched_at": NOW}
    return wanted_row(candidate) | facts


def a_run(folder, *, known=None, scraped=(), file=None, identity=None, run="run"):
    """Put a run's staging folder together; whatever is not said is empty."""
    staging = folder / "staging" / run
    owned = {Files: [file or a_file()], Identities: [identity or an_identity()], Matches: [MATCH]}
    rows = owned | {Titles: [], ArtworkWanted: [], Artwork: []}
    for table, frame in (rows | (known or {})).items():
        path = known_path(table, staging=staging)
        path.parent.mkdir(parents=True, exist_ok=True)
        table.frame(frame).write_parquet(path)
    is_there = (file or a_file()).get("missing_since_at") is None
    present = PresentFiles.frame([{"file_id": "f1"}] if is_there else [])
    write_staged({PresentFiles: present}, staging=staging, stage="plan")
    write_staged({ArtworkCandidates: ArtworkCandidates.frame(scraped)}, staging=staging, stage="scrape")
    return staging


@pytest.fixture
def library(tmp_path):
    return partial(a_run, tmp_path)


def planned(staging, tmp_path, **settings):
    total, missing = plan(staging, ArtworkSettings(**settings), language="en-US", data_dir=tmp_path)
    return total, sorted(missing["source_path"].to_list())


def test_stills_are_fetched_for_the_episodes_of_the_library(library, tmp_path):
    """
    A show's answer offers stills of all episodes; those of the library's are fetched, the others kept in mind.
    """
    staging = library(scraped=[a_poster(), a_still(1), a_still(2)])

    assert (2, ["/e1.jpg", "/p.jpg"]) == planned(staging, tmp_path)


def test_an_episode_that_joins_a_known_show_needs_no_new_answer(library, tmp_path):
    """
    The still was chosen when the show was scraped; a new file of the show wants it without asking again.
    """
    staging = library(
        known={ArtworkWanted: [wanted_row(a_still(1)), wanted_row(a_still(2))]}, identity=an_identity(episodes=(2,))
    )

    assert (1, ["/e2.jpg"]) == planned(staging, tmp_path)


def test_pictures_of_missing_files_are_not_fetched(library, tmp_path):
    """
    A file that is gone wants no still.
    """
    staging = library(file=a_file(missing_since_at=NOW), scraped=[a_still(1)])

    assert (0, []) == planned(staging, tmp_path)


def test_stills_can_be_left_out(library, tmp_path):
    """
    ``artwork.stills = false`` leaves stills out of what is wanted.
    """
    staging = library(scraped=[a_poster(), a_still(1)])

    assert (1, ["/p.jpg"]) == planned(staging, tmp_path, stills=False)


def test_a_new_choice_replaces_the_one_before(library, tmp_path):
    """
    A title that was scraped again wants the pictures chosen now, not those of last month.
    """
    staging = library(known={ArtworkWanted: [wanted_row(a_poster("/old.jpg"))]}, scraped=[a_poster("/new.jpg")])

    assert (1, ["/new.jpg"]) == planned(staging, tmp_path)


def test_what_is_on_disk_is_not_downloaded(library, tmp_path):
    """
    A picture that was loaded by an earlier run, and is there, is wanted but not missing.
    """
    staging = library(
        known={ArtworkWanted: [wanted_row(a_poster())], Artwork: [kept_row(tmp_path, a_poster())]},
    )

    assert (1, []) == planned(staging, tmp_path)


def test_pictures_of_a_run_that_died_are_not_downloaded_again(library, tmp_path):
    """
    What a run fetched before it was killed lies on disk and in its staging folder; the next run takes it over.
    """
    dead = library(run="dead")
    write_staged({Artwork: Artwork.frame([kept_row(tmp_path, a_poster())])}, staging=dead, stage="artwork")

    assert (2, ["/e1.jpg"]) == planned(library(scraped=[a_poster(), a_still(1)]), tmp_path)


def test_pictures_of_a_run_that_died_get_their_rows(library, tmp_path):
    """
    The dead run never loaded what it fetched: its rows are staged again, so that this run loads them.
    """
    dead = library(run="dead")
    write_staged({Artwork: Artwork.frame([kept_row(tmp_path, a_poster())])}, staging=dead, stage="artwork")
    staging = library(scraped=[a_poster()])

    planned(staging, tmp_path)

    assert [wanted_row(a_poster())["artwork_id"]] == read_staged(Artwork, staging=staging)["artwork_id"].to_list()


def test_rows_that_are_loaded_are_not_staged_again(library, tmp_path):
    """
    Also where the folder of the run that loaded them still lies there, as after failures: an unchanged library costs no
    write.
    """
    loaded = kept_row(tmp_path, a_poster())
    write_staged({Artwork: Artwork.frame([loaded])}, staging=library(run="earlier"), stage="artwork")
    staging = library(known={ArtworkWanted: [wanted_row(a_poster())], Artwork: [loaded]})

    assert (1, []) == planned(staging, tmp_path)
    assert 0 == read_staged(Artwork, staging=staging).height
