"""Which titles are matched, scraped and asked for again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tasks.plan import titles
from tasks.plan.titles import (
    collections_of,
    extras_of_shows,
    kept_readings,
    matched_titles,
    named_titles,
    older_than,
    titles_to_match,
)
from tasks.schema.files import Identities
from tasks.schema.titles import Matches, Titles

NOW = datetime(2026, 2, 1, tzinfo=UTC)


def an_identity(file_id: str, title: str | None = "Glass Harbour", **facts):
    row = {"path": f"/v/{file_id}", "kind": "movie", "title_kind": "movie", "title_key": "k1", "year": 2001}
    fixed = {"episodes": [], "absolute": [], "confidence_ratio": 1.0, "rule": "r", "parser_version": "1"}
    return row | fixed | {"file_id": file_id, "title": title} | facts


def a_match(title_key: str = "k1", **facts):
    row = {"kind": "movie", "title": "Glass Harbour", "status": "matched", "provider": "tmdb", "provider_id": "7"}
    fixed = {"title_id": "movie:tmdb:7", "rule": "exact", "candidate_count": 1, "decided_at": NOW}
    return row | fixed | {"title_key": title_key} | facts


def named(*rows):
    return named_titles(Identities.frame(rows))


def test_files_that_name_the_same_title_are_asked_once():
    """
    Two files with one key make one question, with the commonest spelling and any id that one of them carries.
    """
    rows = [
        an_identity("a", "glass harbour"),
        an_identity("b", "Glass Harbour"),
        an_identity("c", "Glass Harbour", imdb_id="tt0012345", year=None),
    ]

    (question,) = named(*rows).to_dicts()

    assert ("Glass Harbour", 2001, "tt0012345") == (question["title"], question["year"], question["imdb_id"])


@pytest.mark.parametrize("rows_at_once", [1, 2, 100])
def test_titles_are_the_same_in_whatever_shares_they_are_named(monkeypatch, rows_at_once):
    """
    The names of a large library are brought together a share of the titles at a time: five titles of two files each
    come out once each, in the order of their keys.
    """
    monkeypatch.setattr(titles, "_ROWS_AT_ONCE", rows_at_once)
    rows = [an_identity(f"{copy}{key}", f"Film {key}", title_key=f"k{key}") for copy in "ab" for key in (3, 1, 5, 2, 4)]

    found = named(*rows)

    assert [(f"k{key}", f"Film {key}") for key in (1, 2, 3, 4, 5)] == found.select("title_key", "title").rows()


def test_equally_common_spellings_ask_the_same_question_in_any_order():
    """
    The question does not depend on the order of the files, or a retry would ask another one.
    """
    rows = [an_identity("a", "glass harbour"), an_identity("b", "Glass Harbour")]

    assert named(*rows).equals(named(*reversed(rows)))


def test_a_file_without_a_title_asks_nothing():
    """
    A name that was not understood has no key, and a sample without a title has no kind to look under.
    """
    assert 0 == named(an_identity("a", None, title_key=None), an_identity("b", title_kind=None)).height


@pytest.mark.parametrize(
    ("status", "age_days", "asked"),
    [
        ("matched", 1000, False),
        ("unmatched", 6, False),
        ("unmatched", 8, True),
        ("ambiguous", 8, True),
    ],
)
def test_unknown_titles_are_searched_again_after_a_week(status, age_days, asked):
    """
    A match stays; a title that nobody knew may be known a week later.
    """
    match = a_match(status=status, decided_at=NOW - timedelta(days=age_days))

    found = titles_to_match(named(an_identity("a")), Matches.frame([match]), now=NOW, unmatched_retry_days=7)

    assert asked == bool(found.height)


def test_two_names_of_one_title_are_scraped_once():
    """
    Different spellings may lead to the same title; it is one title then.
    """
    names = named(an_identity("a"), an_identity("b", title_key="k2"))

    wanted = matched_titles(names, Matches.frame([a_match("k1"), a_match("k2")]))

    assert [("movie:tmdb:7", "movie", "7")] == list(wanted.iter_rows())


def test_a_title_whose_files_are_gone_is_not_refreshed():
    """
    What the library no longer names costs no call.
    """
    assert 0 == matched_titles(named(an_identity("a")), Matches.frame([a_match("k9")])).height


NOTHING_BUT_A_NUMBER = {"title": None, "title_key": None, "title_kind": None, "year": None, "kind": "unknown"}


@pytest.mark.parametrize(
    ("name_now", "kept"),
    [
        pytest.param(NOTHING_BUT_A_NUMBER, True, id="a name that says nothing"),
        pytest.param({"title": "gh final", "title_key": "k2", "year": None}, True, id="a movie without a year"),
        pytest.param({"title": "Other Film", "title_key": "k2", "year": 1999}, False, id="another movie with its year"),
        pytest.param({"title": None, "title_key": "k2", "tmdb_id": 8}, False, id="an id"),
        pytest.param({"kind": "episode", "title_key": "k2", "season": 1, "episodes": [2]}, False, id="an episode"),
        pytest.param({}, False, id="the same title"),
    ],
)
def test_a_renamed_file_keeps_its_title_unless_the_new_name_speaks_for_another(name_now, kept):
    """
    The reading that led to a match stays, under the new path and for this version of the parser.
    """
    before = Identities.frame([an_identity("a", path="/v/old.mkv")])
    now = Identities.frame([an_identity("a", **{"path": "/v/new.mkv", "parser_version": "2"} | name_now)])

    rows = kept_readings(now, before, Matches.frame([a_match()])).to_dicts()

    assert ([("/v/new.mkv", "2", "k1")] if kept else []) == [
        (row["path"], row["parser_version"], row["title_key"]) for row in rows
    ]


def test_a_reading_that_led_to_nothing_is_not_kept():
    """
    A file is often renamed because its old name was not understood.
    """
    before = Identities.frame([an_identity("a", path="/v/old.mkv")])
    now = Identities.frame([an_identity("a", path="/v/new.mkv", **NOTHING_BUT_A_NUMBER)])
    unmatched = a_match(status="unmatched", title_id=None, provider_id=None)

    assert 0 == kept_readings(now, before, Matches.frame([unmatched])).height


def test_titles_are_asked_again_when_they_are_old():
    """
    A title is fresh for max_age_days after it was fetched.
    """
    wanted = matched_titles(named(an_identity("a")), Matches.frame([a_match()]))
    scraped = [{"title_id": "movie:tmdb:7", "kind": "movie", "title": "x"}]

    counts = [
        older_than(
            wanted,
            Titles.frame([scraped[0] | {"scraped_at": NOW - timedelta(days=age)}]),
            key="title_id",
            now=NOW,
            max_age_days=30,
        ).height
        for age in (29, 31)
    ]

    assert [0, 1] == counts


def test_a_collection_is_asked_for_once_however_many_of_its_movies_there_are():
    """
    One row for each distinct collection; movies without one add none.
    """
    movies = [
        {"title_id": f"movie:tmdb:{i}", "kind": "movie", "title": "x", "collection_id": c, "scraped_at": NOW}
        for i, c in enumerate(["collection:tmdb:5", "collection:tmdb:5", None])
    ]

    assert [("collection:tmdb:5", "5")] == list(collections_of(Titles.frame(movies)).iter_rows())


def an_episode(file_id="e", **facts):
    return an_identity(file_id, kind="episode", title_kind="show", title_key="show key", **facts)


def test_an_extra_belongs_to_the_show_whose_episodes_lie_beside_it():
    """
    ``Show (2001)/Featurettes/x.mkv`` looks like an extra of a movie; the episodes of that name and year tell otherwise.
    """
    extra = an_identity("x", "glass harbour", kind="extra", title_key="movie key")

    (mended,) = extras_of_shows(Identities.frame([an_episode(), extra])).to_dicts()

    assert ("x", "show", "show key") == (mended["file_id"], mended["title_kind"], mended["title_key"])


@pytest.mark.parametrize(
    "other",
    [
        an_identity("m", title_key="movie key"),
        an_episode("e2", year=1999),
    ],
    ids=["a movie has that name too", "the show is of another year"],
)
def test_an_extra_of_a_movie_stays_one(other):
    """
    Nothing is changed where a movie explains the extra, or where no show of that name and year is there.
    """
    extra = an_identity("x", kind="extra", title_key="movie key")
    episode = [] if other["kind"] == "episode" else [an_episode()]

    assert 0 == extras_of_shows(Identities.frame([*episode, other, extra])).height
