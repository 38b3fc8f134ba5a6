"""One request for a title, or one for each part of it: other requests, the same documents."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from pydantic import SecretStr

from tasks.core.errors import AnswerInvalid
from tasks.core.settings import ScrapeSettings
from tasks.http import loop
from tasks.http.answers import UnkeptAnswers, answers_in
from tasks.providers.tmdb import Tmdb
from tasks.providers.tmdb_requests import BLIND_SEASONS
from tasks.standin.catalogue import Catalogue
from tasks.standin.demo_titles import OBSERVATORY_ID, SALT_FERRY_COLLECTION_ID, SALT_FERRY_ID
from tasks.standin.faults import Fault
from tasks.standin.generated import FIRST_COLLECTION_ID, FIRST_FILM_ID, FIRST_SHOW_ID
from tasks.standin.running import StandIn, StandInOptions

FILMS, SHOWS = 30, 10
CATALOGUE = Catalogue(film_count=FILMS, show_count=SHOWS)


@pytest.fixture(scope="module")
def shared_server():
    with StandIn(StandInOptions(film_count=FILMS, show_count=SHOWS)) as running:
        yield running


@pytest.fixture
def server(shared_server):
    shared_server.set_faults()
    shared_server.clear()
    yield shared_server
    loop.close()


def a_provider(server, answers=None, **changes):
    settings = ScrapeSettings(base_url=server.api_url, rate_hz=5000.0, backoff_s=0.0, **changes)
    return Tmdb(settings, answers or UnkeptAnswers(), SecretStr("standin"), max_age=timedelta(days=1))


def whole(provider, kind, number):
    """The document of a movie or show with all its seasons, or of a collection."""
    if kind == "collection":
        return loop.run(provider.collection(str(number))).document()
    details = loop.run(provider.details(kind, str(number)))
    later = loop.run(provider.seasons(str(number), provider.later_seasons(kind, details)))
    rest = [{k: v for k, v in answer.document().items() if k.startswith("season/")} for answer in later]
    return {k: v for document in (*rest, details.document()) for k, v in document.items()}


SUBJECTS = [
    *(("movie", number) for number in (SALT_FERRY_ID, *range(FIRST_FILM_ID, FIRST_FILM_ID + 6))),
    *(("show", number) for number in (OBSERVATORY_ID, *range(FIRST_SHOW_ID, FIRST_SHOW_ID + 3))),
    *(("collection", number) for number in (SALT_FERRY_COLLECTION_ID, FIRST_COLLECTION_ID)),
]


@pytest.mark.parametrize(
    "way",
    [
        {"requests": "separate"},
        {"season_requests": "twice"},
        {"requests": "separate", "season_requests": "twice"},
    ],
    ids=lambda way: " ".join(way.values()),
)
@pytest.mark.parametrize("language", ["en-US", "de-DE"])
def test_the_document_is_the_same(server, way, language):
    """
    Films, shows with their seasons, and collections: whatever the requests, each document is equal field by field.
    """
    shipped, other = a_provider(server, language=language), a_provider(server, language=language, **way)

    for kind, number in SUBJECTS:
        assert whole(shipped, kind, number) == whole(other, kind, number), (kind, number)


def test_each_part_is_a_request(server):
    """
    A film: head, eight parts, the head without a language, and its collection, one after the other.
    """
    loop.run(a_provider(server, requests="separate").details("movie", str(SALT_FERRY_ID)))

    log = server.requests()
    paths = [address.partition("?")[0].removeprefix(f"/3/movie/{SALT_FERRY_ID}") for address in log.addresses]
    assert [
        "", "/credits", "/release_dates", "/videos", "/external_ids", "/keywords", "/translations", "/images",
        "/alternative_titles", "", f"/3/collection/{SALT_FERRY_COLLECTION_ID}",
    ] == paths  # fmt: skip
    assert 1 == log.max_concurrent
    assert {"movie": 2, "part": 8, "collection": 1} == Counter(entry.kind for entry in log.entries)
    assert ["language=en-US", ""] == [a.partition("?")[2] for a in log.addresses if "/movie/101?" in f"{a}?"]


@pytest.mark.parametrize("number", [OBSERVATORY_ID, FIRST_SHOW_ID])
@pytest.mark.parametrize(
    ("way", "of_show", "part_count"),
    [
        ({"requests": "separate"}, 2, 8),
        ({"season_requests": "twice"}, 2, 0),
        ({"requests": "separate", "season_requests": "twice"}, 3, 8),
    ],
    ids=["separate", "twice", "separate twice"],
)
def test_each_season_is_a_request(server, number, way, of_show, part_count):
    """
    Separate: head, parts, fallback and each season. Twice: all of it at once, the list again, and each season again.
    """
    provider = a_provider(server, **way)
    details = loop.run(provider.details("show", str(number)))

    counts = Counter(entry.kind for entry in server.requests().entries)
    seasons = CATALOGUE.show(number).seasons
    assert (of_show, part_count, len(seasons)) == (counts["tv"], counts["part"], counts["season"])
    assert [] == provider.later_seasons("show", details)
    assert len(server.requests().entries) == len(details.sources)


def test_the_sum_of_an_old_design(server):
    """
    Shows with S seasons in all, as an older client synchronised them: the shows, their lists again, and S.
    """
    provider = a_provider(server, season_requests="twice")
    numbers = range(FIRST_SHOW_ID, FIRST_SHOW_ID + SHOWS)
    for number in numbers:
        loop.run(provider.details("show", str(number)))

    season_count = sum(len(CATALOGUE.show(number).seasons) for number in numbers)
    assert SHOWS + SHOWS + season_count == server.requests().api_count == provider.usage.calls


def test_a_store_spares_the_second_list(server, tmp_path):
    """
    Where answers are kept, the list of seasons that is asked for again is answered by what is known.
    """
    provider = a_provider(server, answers_in(tmp_path), requests="separate", season_requests="twice")
    loop.run(provider.details("show", str(FIRST_SHOW_ID)))

    assert (2, 1) == (server.requests().count("tv"), provider.usage.cache_hits)


def test_a_match_needs_the_head_only(server, tmp_path):
    """
    A film known by its IMDb id: one request, which is the first of the eleven that all of it takes.
    """
    provider = a_provider(server, answers_in(tmp_path), requests="separate")
    head = loop.run(provider.details_by_imdb("movie", "tt90000101"))
    (found,) = provider.candidates("movie", head)
    provider.keep_under_id("movie", found.provider_id, head)
    asked = server.requests().api_count
    loop.run(provider.details("movie", found.provider_id))

    assert (1, 11) == (asked, server.requests().api_count)


@pytest.mark.parametrize("path", ["/3/collection/*", "/3/movie/*/keywords"])
def test_what_is_missing_by_itself_is_left_out(server, path):
    """
    A part or collection that is gone costs no film: appended, TMDB would have left it out.
    """
    server.set_faults(Fault(path=path, status=404))

    document = loop.run(a_provider(server, requests="separate").details("movie", str(SALT_FERRY_ID))).document()

    assert ("keywords" in path, SALT_FERRY_ID) == ("keywords" not in document, document["id"])


def test_a_missing_season_is_left_out(server):
    """
    A season that the show lists and TMDB does not find is left out, as it is where seasons are appended.
    """
    server.set_faults(Fault(path=f"/3/tv/{FIRST_SHOW_ID}/season/1", status=404))

    document = loop.run(a_provider(server, requests="separate").details("show", str(FIRST_SHOW_ID))).document()

    numbers = {season.number for season in CATALOGUE.show(FIRST_SHOW_ID).seasons}
    assert numbers - {1} == {int(name.removeprefix("season/")) for name in document if name.startswith("season/")}
    assert max(numbers) < BLIND_SEASONS


def test_half_a_part_is_forgotten(server, tmp_path):
    """
    A part that is cut off is told, and asked for again the next time, together with the rest of its title.
    """
    provider = a_provider(server, answers_in(tmp_path), requests="separate")
    server.set_faults(Fault(path="/3/movie/*/credits", action="cut"))
    broken = loop.run(provider.details("movie", str(SALT_FERRY_ID)))
    with pytest.raises(AnswerInvalid, match=r"no JSON|damaged|cut off"):
        provider.read(broken)
    server.set_faults()
    server.clear()

    document = provider.read(loop.run(provider.details("movie", str(SALT_FERRY_ID))))

    assert document["credits"]["cast"]
    assert 11 == server.requests().api_count
