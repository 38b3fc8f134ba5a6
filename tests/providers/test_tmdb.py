"""What TMDB is asked and how its answers are read: counts of calls, nulls, languages, duplicates."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from pydantic import SecretStr

from tasks.core.errors import AnswerInvalid, KeyRefused
from tasks.core.settings import ScrapeSettings
from tasks.http import loop
from tasks.http.answers import answers_in
from tasks.providers import tmdb_rows
from tasks.providers.tmdb import Tmdb
from tasks.providers.tmdb_requests import BLIND_SEASONS, PARTS, SLOTS, appended
from tasks.providers.tmdb_rows import Context, collection_rows, movie_rows, season_numbers, show_rows
from tasks.schema.titles import (
    AlternativeTitles,
    ArtworkCandidates,
    CollectionParts,
    Collections,
    Credits,
    Episodes,
    ExternalIds,
    People,
    Ratings,
    Seasons,
    TitleCountries,
    TitleGenres,
    TitleKeywords,
    Titles,
    TitleStudios,
    TitleVideos,
)
from tasks.standin.catalogue import Catalogue
from tasks.standin.demo_titles import OBSERVATORY_ID, SALT_FERRY_COLLECTION_ID, SALT_FERRY_ID
from tasks.standin.running import StandIn
from tasks.standin.service import Service, route_of

SPEC = Path(__file__).parents[3] / "shared" / "specs" / "tmdb-openapi-v3.json"
NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _closed():
    yield
    loop.close()


def a_context(owner_id="movie:tmdb:1", *, language="en-US", country="US"):
    return Context(owner_id=owner_id, language=language, country=country, fetched_at=NOW, url="https://tmdb.example/1")


def a_movie(**changes):
    return {"id": 1, "title": "Quiet Orchard", "original_title": "Quiet Orchard", "original_language": "en"} | changes


def a_show(**changes):
    return {"id": 1, "name": "Iron Harbour", "original_name": "Iron Harbour", "original_language": "en"} | changes


def translations(**texts):
    """``de_DE={"title": ...}`` as TMDB appends it."""
    return {
        "translations": [
            {"iso_639_1": code.partition("_")[0], "iso_3166_1": code.partition("_")[2], "data": data}
            for code, data in texts.items()
        ]
    }


def validated(facts):
    for table, rows in facts.items():
        table.validate(table.frame(rows))
        key = table.key()
        counts = Counter(tuple(row.get(name) for name in key) for row in rows)
        assert not [k for k, n in counts.items() if n > 1], table.table_name()
    return facts


def test_no_call_appends_more_than_tmdb_takes(tmp_path):
    """
    A movie takes 8 of 20 places, a show all 20 with its first seasons, and no question exceeds them.
    """
    with StandIn() as server:
        provider = a_provider(server, tmp_path)
        loop.run(provider.details("movie", str(SALT_FERRY_ID)))
        loop.run(provider.details("show", str(OBSERVATORY_ID)))
        loop.run(provider.seasons(str(OBSERVATORY_ID), list(range(12, 45))))
        asked = [parse_qs(urlsplit(a).query)["append_to_response"][0].split(",") for a in server.requests().addresses]

    assert [8, 20, 20, 13] == [len(names) for names in asked]
    assert [f"season/{n}" for n in range(12)] == asked[1][8:]
    with pytest.raises(AssertionError):
        appended(map(str, range(SLOTS + 1)))


def a_provider(server, folder, **changes):
    settings = ScrapeSettings(base_url=server.api_url, rate_hz=1000.0, backoff_s=0.0, **changes)
    return Tmdb(settings, answers_in(folder), SecretStr("standin"), max_age=timedelta(days=1))


@pytest.mark.parametrize("token", [None, SecretStr("tökén"), SecretStr("two words"), SecretStr("line\nbreak")])
def test_a_token_that_cannot_be_sent_is_refused_without_showing_it(tmp_path, token):
    """
    No token, or one with characters that headers do not carry, names the variable to set and not the token.
    """
    with pytest.raises(KeyRefused, match="TMDB_TOKEN") as caught:
        Tmdb(ScrapeSettings(), answers_in(tmp_path), token, max_age=timedelta(days=1))

    assert token is None or token.get_secret_value() not in str(caught.value)


def test_an_id_cannot_change_the_path(tmp_path):
    """
    An id out of a file name stays one part of the path, whatever stands in it.
    """
    with StandIn() as server:
        provider = a_provider(server, tmp_path)
        with pytest.raises(Exception, match="404"):
            loop.run(provider.details("movie", "../configuration?x=1#y"))
        (address,) = server.requests().addresses

    # Either way a server may show an encoded slash; the question mark did not begin the query.
    assert address.startswith(("/3/movie/..%2Fconfiguration%3Fx=1%23y?", "/3/movie/../configuration%3Fx=1%23y?"))


def test_the_demo_movie_is_read_whole(tmp_path):
    """
    One call gives rows for every table of a movie, and each passes the checks of its table.
    """
    with StandIn() as server:
        provider = a_provider(server, tmp_path)
        details = loop.run(provider.details("movie", str(SALT_FERRY_ID)))
        facts = validated(provider.title_facts("movie", f"movie:tmdb:{SALT_FERRY_ID}", details, []))
        count = server.requests().api_count

    film = Catalogue().film(SALT_FERRY_ID)
    (title,) = facts[Titles]
    assert 1 == count
    assert ("The Salt Ferry", film.released_on.year, film.runtime_min) == (
        title["title"],
        title["year"],
        title["runtime_min"],
    )
    assert f"collection:tmdb:{SALT_FERRY_COLLECTION_ID}" == title["collection_id"]
    assert (film.budget_usd, film.revenue_usd, film.certification) == (
        title["budget_usd"],
        title["revenue_usd"],
        title["age_rating"],
    )
    assert {film.vote_average} == {row["value"] for row in facts[Ratings]}
    assert {("tmdb", str(film.id)), ("imdb", f"tt{film.imdb_number}")} <= {
        (row["service"], row["external_id"]) for row in facts[ExternalIds]
    }
    for table in (Credits, People, TitleGenres, TitleStudios, TitleCountries, TitleKeywords, TitleVideos):
        assert facts[table], table.table_name()
    assert {"Salt Crossing", "Die Salzfähre"} == {row["alternative_title"] for row in facts[AlternativeTitles]}
    assert {"poster", "backdrop", "logo"} == {row["kind"] for row in facts[ArtworkCandidates]}


def test_the_demo_show_is_read_whole(tmp_path):
    """
    One call gives a show with every season and episode of the catalogue, their posters and stills.
    """
    with StandIn() as server:
        provider = a_provider(server, tmp_path)
        details = loop.run(provider.details("show", str(OBSERVATORY_ID)))
        later = provider.later_seasons("show", details)
        facts = validated(provider.title_facts("show", "show:tmdb:301", details, []))
        count = server.requests().api_count

    show = Catalogue().show(OBSERVATORY_ID)
    assert (1, []) == (count, later)
    assert {s.number for s in show.seasons} == {row["season_number"] for row in facts[Seasons]}
    assert {(s.number, e.number) for s in show.seasons for e in s.episodes} == {
        (row["season_number"], row["episode_number"]) for row in facts[Episodes]
    }
    stills = {(r["season_number"], r["episode_number"]) for r in facts[ArtworkCandidates] if r["kind"] == "still"}
    assert stills <= {(row["season_number"], row["episode_number"]) for row in facts[Episodes]}
    assert stills
    assert [r for r in facts[ArtworkCandidates] if r["kind"] == "poster" and r["season_number"] is not None]


def test_a_collection_brings_parts_and_pictures(tmp_path):
    """
    One call gives a collection with its parts, by our ids, and its pictures.
    """
    with StandIn() as server:
        provider = a_provider(server, tmp_path)
        answer = loop.run(provider.collection(str(SALT_FERRY_COLLECTION_ID)))
        facts = validated(provider.collection_facts("collection:tmdb:201", answer))

    assert 1 == len(facts[Collections])
    assert {"movie:tmdb:101", "movie:tmdb:102"} <= {row["title_id"] for row in facts[CollectionParts]}
    assert {"poster", "backdrop"} <= {row["kind"] for row in facts[ArtworkCandidates]}


def test_the_address_of_pictures_is_read(tmp_path):
    """
    The configuration names where pictures lie.
    """
    with StandIn() as server:
        provider = a_provider(server, tmp_path)
        found = provider.image_base_url(loop.run(provider.configuration()))

        assert server.image_url == found


@pytest.mark.parametrize(
    ("language", "movie", "expected"),
    [
        ("de-AT", {"translations": translations(de_DE={"title": "D"}, de_AT={"title": "A"})}, "A"),
        ("de-AT", {"translations": translations(de_DE={"title": "D"})}, "D"),
        ("de-DE", {"translations": translations(de_DE={"title": ""}, en_US={"title": "E"})}, "E"),
        ("de-DE", {"translations": None}, "原題"),
        ("ja-JP", {"translations": translations(ja_JP={"title": ""}, en_US={"title": "E"})}, "原題"),
        ("de-DE", {"title": "Vom Dienst übersetzt", "translations": translations(en_US={"title": "E"})}, "Vom Dienst"),
    ],
    ids=["exact", "base", "english", "original", "own language", "as given"],
)
def test_titles_fall_back_without_a_call(language, movie, expected):
    """
    Wanted language, its base, what TMDB gives in it, English, original: the first that has a title.
    """
    document = a_movie(title="原題", original_title="原題", original_language="ja") | movie

    (title,) = movie_rows(document, a_context(language=language))[Titles]

    assert title["title"].startswith(expected)


@pytest.mark.parametrize(
    ("texts", "own", "expected"),
    [
        (translations(de_DE={"overview": "Dt", "tagline": "T"}), "Dt", ("Dt", "T", "de")),
        (translations(de_DE={"overview": ""}, en_US={"overview": "En", "tagline": "T"}), "", ("En", "T", "en")),
        (translations(ja_JP={"overview": "日"}), "", ("日", None, "ja")),
        (translations(en_US={"overview": "En"}), "En", ("En", None, "en")),
        (None, "Text", ("Text", None, "de")),
        (None, None, (None, None, None)),
    ],
    ids=["wanted", "english", "original", "english in disguise", "no list", "nothing"],
)
def test_prose_falls_back_and_says_its_language(texts, own, expected):
    """
    Overview and tagline are of one language, and the row says which.
    """
    document = a_movie(original_language="ja", overview=own, translations=texts)

    (title,) = movie_rows(document, a_context(language="de-DE"))[Titles]

    assert expected == (title["overview"], title["tagline"], title["text_language"])


def test_zero_is_unknown():
    """
    TMDB writes 0 for a budget, running time or mean vote it does not know; we write nothing.
    """
    facts = movie_rows(a_movie(budget=0, revenue=0, runtime=0, vote_average=0.0, vote_count=0), a_context())

    (title,) = facts[Titles]
    assert {None} == {title[name] for name in ("budget_usd", "revenue_usd", "runtime_min")}
    assert [] == facts[Ratings]


def test_what_tmdb_says_twice_is_one_row():
    """
    Credits, genres, pictures and people come twice in real answers: one row each, the first holds.
    """
    cast = [{"id": 5, "name": "Ada Finch", "credit_id": "c1", "character": "Cook", "order": 0}]
    document = a_movie(
        credits={"cast": cast * 2, "crew": []},
        genres=[{"id": 1, "name": "Drama"}] * 2,
        poster_path="/a.jpg",
        images={"posters": [{"file_path": "/a.jpg", "width": 2000}] * 2},
    )

    facts = validated(movie_rows(document, a_context()))

    assert [1, 1, 1, 1] == [len(facts[t]) for t in (Credits, People, TitleGenres, ArtworkCandidates)]
    assert 2000 == facts[ArtworkCandidates][0]["width_px"]


def test_the_theatrical_rating_of_the_country_is_taken():
    """
    A country has several releases; the rating of the one in cinemas counts, others only without it.
    """

    def dates(*pairs):
        releases = [{"certification": rating, "type": kind} for rating, kind in pairs]
        return {"results": [{"iso_3166_1": "DE", "release_dates": releases}]}

    both, digital = dates(("16", 4), ("", 3), ("12", 3)), dates(("16", 4))

    found = [
        movie_rows(a_movie(release_dates=d), a_context(country=c))[Titles][0]["age_rating"]
        for d, c in ((both, "DE"), (digital, "DE"), (both, "US"))
    ]

    assert ["12", "16", None] == found


def test_long_shows_need_further_calls():
    """
    Seasons from 12 on are not in the first answer; numbers need not follow each other (years as seasons).
    """
    numbers = [0, 1, 11, 12, 2021]
    document = a_show(seasons=[{"season_number": n} for n in numbers], **{"season/1": {"episodes": []}})

    assert numbers == season_numbers(document)
    assert [12, 2021] == [n for n in season_numbers(document) if n >= BLIND_SEASONS]


def test_later_seasons_are_read_from_further_answers():
    """
    Episodes of a season in a second answer stand beside those of the first.
    """
    episode = {"episode_number": 1, "name": "One", "still_path": "/s.jpg", "vote_average": 0.0, "vote_count": 0}
    first = a_show(seasons=[{"season_number": 1}, {"season_number": 12}], **{"season/1": {"episodes": [episode]}})

    facts = validated(show_rows(first, [{"season/12": {"episodes": [episode]}}], a_context("show:tmdb:1")))

    assert [(1, 1, None), (12, 1, None)] == [
        (row["season_number"], row["episode_number"], row["vote_average"]) for row in facts[Episodes]
    ]


def documents():
    service = Service(Catalogue())

    def answer(path, appended_names):
        query = {"append_to_response": ",".join(appended_names), "language": "en-US"}
        return orjson.loads(service.answer(route_of(path), query, image_url="http://x/t/p/").body)

    seasons = [f"season/{n}" for n in range(12)]
    return {
        "movie": answer(f"/3/movie/{SALT_FERRY_ID}", PARTS["movie"]),
        "show": answer(f"/3/tv/{OBSERVATORY_ID}", [*PARTS["tv"], *seasons]),
        "collection": answer(f"/3/collection/{SALT_FERRY_COLLECTION_ID}", PARTS["collection"]),
    }


READERS = {
    "movie": movie_rows,
    "show": lambda document, context: show_rows(document, [], context),
    "collection": collection_rows,
}


def spots(value, at=()):
    """Every place in a document, one per list, as paths of keys."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*at, key)
            yield from spots(inner, (*at, key))
    elif isinstance(value, list) and value:
        yield (*at, 0)
        yield from spots(value[0], (*at, 0))


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("instead", [None, "", 0, [None], {}, "x", 10**30, -1.5], ids=repr)
def test_any_field_may_be_anything(kind, instead):
    """
    Whatever stands in one field of an answer, the rest is read into valid rows, or the answer is called invalid.
    """
    document = documents()[kind]
    paths = list(spots(document))
    assert len(paths) > 30

    for path in paths:
        target = document
        for key in path[:-1]:
            target = target[key]
        before, target[path[-1]] = target[path[-1]], instead
        try:
            facts = READERS[kind](document, a_context())
        except AnswerInvalid:
            assert path[-1] in ("id", "title", "original_title", "name", "original_name")
        else:
            for table, rows in facts.items():
                assert table.frame(rows) is not None  # a value of a wrong type is refused here
        finally:
            target[path[-1]] = before


@pytest.mark.skipif(not SPEC.exists(), reason="TMDB's OpenAPI document is not part of the project")
def test_the_official_examples_are_read():
    """
    The examples in TMDB's own document give rows that pass the checks of their tables.
    """
    paths = json.loads(SPEC.read_text())["paths"]

    def example(path):
        shown = paths[path]["get"]["responses"]["200"]["content"]["application/json"]["examples"]
        value = next(iter(shown.values()))["value"]
        return json.loads(value) if isinstance(value, str) else value

    movie = example("/3/movie/{movie_id}")
    show = example("/3/tv/{series_id}")
    for part in PARTS["movie"]:
        movie[part] = example(f"/3/movie/{{movie_id}}/{part}")
    for part in (
        "aggregate_credits",
        "content_ratings",
        "videos",
        "external_ids",
        "keywords",
        "translations",
        "images",
    ):
        show[part] = example(f"/3/tv/{{series_id}}/{part}")
    show["alternative_titles"] = example("/3/tv/{series_id}/alternative_titles")
    show["season/1"] = example("/3/tv/{series_id}/season/{season_number}")
    collection = example("/3/collection/{collection_id}")
    collection["images"] = example("/3/collection/{collection_id}/images")
    collection["translations"] = example("/3/collection/{collection_id}/translations")

    movie_facts = validated(movie_rows(movie, a_context()))
    show_facts = validated(show_rows(show, [], a_context("show:tmdb:1")))
    collection_facts = validated(collection_rows(collection, a_context("collection:tmdb:10")))

    assert all(movie_facts[table] for table in movie_facts)
    assert len(show["season/1"]["episodes"]) == len(show_facts[Episodes])
    assert len(collection["parts"]) == len(collection_facts[CollectionParts])
    found = tmdb_rows.candidate(example("/3/search/movie")["results"][0])
    assert ("550", 1999) == (found.provider_id, found.year)
