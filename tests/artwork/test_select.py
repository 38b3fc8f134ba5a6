"""Which pictures are wanted: language, votes, size, place; and which of them are on disk."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from tasks.artwork.kept import plan_downloads
from tasks.artwork.plan import of_library
from tasks.artwork.select import select
from tasks.core.ids import artwork_id
from tasks.schema.titles import Artwork, ArtworkCandidates, ArtworkWanted

OWNED = pl.DataFrame(
    {"owner_id": ["show:tmdb:1"], "season_number": [1], "episode_number": [2]},
    schema={"owner_id": pl.String, "season_number": pl.Int64, "episode_number": pl.Int64},
)


def a_candidate(path="/a.jpg", **changes):
    return {"owner_id": "movie:tmdb:1", "kind": "poster", "provider": "tmdb", "source_path": path} | changes


def chosen(*candidates, language="de-DE", per_kind=1):
    frame = select(ArtworkCandidates.frame(candidates), language=language, per_kind=per_kind)
    ArtworkWanted.validate(frame)
    return frame


def a_kept(tmp_path, path="/a.jpg", *, rank=1, content=b"picture", owner="movie:tmdb:1"):
    file = tmp_path / "artwork" / "ab" / f"{path.strip('/')}"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return {
        "artwork_id": artwork_id(owner, "poster", rank),
        "owner_id": owner,
        "kind": "poster",
        "rank": rank,
        "provider": "tmdb",
        "source_path": path,
        "file": file.relative_to(tmp_path).as_posix(),
        "content_hash": "0",
        "format": "JPEG",
        "size_bytes": len(content),
        "fetched_at": datetime.now(UTC),
    }


@pytest.mark.parametrize(
    ("kind", "order"),
    [("poster", ["de", "en", None, "fr"]), ("logo", ["de", "en", None, "fr"]), ("backdrop", [None, "de", "en", "fr"])],
)
def test_language_comes_first(kind, order):
    """
    Wanted, English, none, others; a backdrop is best without writing. Votes do not overturn it.
    """
    candidates = [
        a_candidate(f"/{place}.jpg", kind=kind, language=language, vote_average=float(place), vote_count=1)
        for place, language in enumerate(order)
    ]

    assert order == chosen(*reversed(candidates), per_kind=4)["language"].to_list()


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"vote_average": 5.30, "vote_count": 1}, {"vote_average": 5.20, "vote_count": 90}),
        ({"vote_average": 5.31, "vote_count": 9}, {"vote_average": 5.34, "vote_count": 8}),
        ({"vote_average": 1.0, "vote_count": 1}, {"vote_average": None, "vote_count": None}),
        ({"width_px": 2000}, {"width_px": 1000}),
        ({"width_px": 500}, {"width_px": None}),
        ({}, {}),
    ],
    ids=["votes to a tenth", "number of votes", "any vote", "width", "known width", "path"],
)
def test_then_votes_then_width_then_path(better, worse):
    """
    Mean vote to a tenth, number of votes, width, and the path where all is equal.
    """
    candidates = [a_candidate("/b.jpg", **worse), a_candidate("/a.jpg", **better)]

    there, back = chosen(*candidates), chosen(*reversed(candidates))

    assert ["/a.jpg"] == there["source_path"].to_list() == back["source_path"].to_list()


def test_ranks_count_from_one_for_each_place():
    """
    Two pictures a kind are ranks 1 and 2 with ids of their own; a picture listed twice takes one place.
    """
    wanted = chosen(a_candidate("/a.jpg"), a_candidate("/a.jpg", width_px=5), a_candidate("/b.jpg"), per_kind=2)

    assert [("/a.jpg", 1), ("/b.jpg", 2)] == wanted.select("source_path", "rank").rows()
    assert artwork_id("movie:tmdb:1", "poster", 1) == wanted["artwork_id"][0]


def test_drawings_are_passed_over():
    """
    An SVG logo is not taken even where it is the best or the only one.
    """
    assert ["/b.png"] == chosen(
        a_candidate("/a.SVG", kind="logo", language="de"), a_candidate("/b.png", kind="logo", language="fr")
    )["source_path"].to_list()
    assert 0 == chosen(a_candidate("/a.svg", kind="logo")).height


def test_seasons_and_episodes_are_those_of_the_library():
    """
    Stills and season posters are wanted for episodes in the library only; the show's own pictures always.
    """
    show = {"owner_id": "show:tmdb:1"}
    candidates = [
        a_candidate("/show.jpg", **show),
        a_candidate("/s1.jpg", season_number=1, **show),
        a_candidate("/s2.jpg", season_number=2, **show),
        a_candidate("/e1.jpg", kind="still", season_number=1, episode_number=1, **show),
        a_candidate("/e2.jpg", kind="still", season_number=1, episode_number=2, **show),
    ]

    wanted = chosen(*candidates)
    assert 5 == wanted.height
    assert {"/show.jpg", "/s1.jpg", "/e2.jpg"} == set(of_library(wanted, OWNED)["source_path"])
    assert {"/show.jpg"} == set(of_library(wanted, OWNED.clear())["source_path"])


def test_nothing_gives_nothing():
    """
    No candidates are no pictures, with all columns.
    """
    assert 0 == chosen().height


def test_a_picture_that_is_there_is_not_wanted_again(tmp_path):
    """
    Known path and whole file: neither download nor row.
    """
    plan = plan_downloads(chosen(a_candidate()), Artwork.frame([a_kept(tmp_path)]), data_dir=tmp_path)

    assert (0, 0) == (plan.missing.height, plan.reused.height)


@pytest.mark.parametrize("damage", ["gone", "short", "another path"])
def test_a_picture_that_is_not_there_is_wanted(tmp_path, damage):
    """
    A file that is gone or cut, or a new path at the service, is downloaded.
    """
    known = a_kept(tmp_path)
    if damage == "gone":
        (tmp_path / known["file"]).unlink()
    elif damage == "short":
        (tmp_path / known["file"]).write_bytes(b"pict")
    wanted = chosen(a_candidate("/b.jpg" if damage == "another path" else "/a.jpg"))

    plan = plan_downloads(wanted, Artwork.frame([known]), data_dir=tmp_path)

    assert (1, 0) == (plan.missing.height, plan.reused.height)
    assert ArtworkWanted.validate(plan.missing).equals(wanted)


def test_a_picture_that_moves_to_another_place_is_not_downloaded(tmp_path):
    """
    A new order of ranks, or the same picture for another title, gives rows without a download.
    """
    wanted = chosen(a_candidate("/b.jpg"), a_candidate("/a.jpg", owner_id="movie:tmdb:2"))
    known = Artwork.frame([a_kept(tmp_path, "/a.jpg", rank=1), a_kept(tmp_path, "/b.jpg", rank=2)])

    plan = plan_downloads(wanted, known, data_dir=tmp_path)

    assert 0 == plan.missing.height
    assert {("movie:tmdb:1", "/b.jpg", 1), ("movie:tmdb:2", "/a.jpg", 1)} == set(
        Artwork.validate(plan.reused).select("owner_id", "source_path", "rank").rows()
    )
