"""The stand-in's answers against TMDB's official OpenAPI document.

The document never says that a value may be null, and calls some fractions whole numbers; recorded answers do otherwise
(342 of 343 of them pass once everything may be null and integers may be numbers). The test asks for more than the
recordings: every field of the document must be there, and no field that is not in it, save those listed here.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

SPEC = Path(__file__).parents[3] / "shared" / "specs" / "tmdb-openapi-v3.json"
BEYOND = {
    "softcore",  # in lists and details since 2026
    "iso_3166_1",  # of images, in nearly all recorded answers
    "episode_type",  # of last_episode_to_air
    "original_name",  # of created_by
    "title",  # of a collection's parts, where recordings and the document differ
    "original_title",
}
NOT_EVERYWHERE = {"name", "original_name"}  # of a collection's parts, the same
FILMS = (101, 102, 103, 111, 112, 113, *range(1_000_000, 1_000_040))
SHOWS = (301, 311, 312, *range(2_000_000, 2_000_025))
PARTS = ("credits", "videos", "external_ids", "keywords", "translations", "images", "alternative_titles")
FILM_PARTS = (*PARTS, "release_dates")
SHOW_PARTS = (*PARTS, "aggregate_credits", "content_ratings")
CASES = [
    ("/configuration", "/configuration", (0,)),
    ("/movie/{movie_id}", "/movie/{}", FILMS),
    ("/tv/{series_id}", "/tv/{}", SHOWS),
    ("/tv/{series_id}/season/{season_number}", "/tv/{}/season/1", SHOWS),
    ("/collection/{collection_id}", "/collection/{}", (201, *range(3_000_000, 3_000_008))),
    ("/collection/{collection_id}/images", "/collection/{}/images", (201, 3_000_000)),
    ("/collection/{collection_id}/translations", "/collection/{}/translations", (201, 3_000_000)),
    ("/search/movie", "/search/movie?query={}", ("salt ferry", "clock", "nothing at all", "bel")),
    ("/search/tv", "/search/tv?query={}", ("kestrel lane", "squad", "nothing at all")),
    ("/find/{external_id}", "/find/{}?external_source=imdb_id", ("tt90000101", "tt90000301", "tt1", "nm0000246")),
    *((f"/movie/{{movie_id}}/{part}", f"/movie/{{}}/{part}", FILMS[:20]) for part in FILM_PARTS),
    *((f"/tv/{{series_id}}/{part}", f"/tv/{{}}/{part}", SHOWS[:15]) for part in SHOW_PARTS),
]


def complete(schema, name=""):
    """``schema`` with nulls allowed, integers as numbers, every field demanded and no other allowed."""
    relaxed = dict(schema)
    if "type" in relaxed:
        kinds = [relaxed["type"]] if isinstance(relaxed["type"], str) else relaxed["type"]
        relaxed["type"] = [*("number" if kind == "integer" else kind for kind in kinds), "null"]
    if "properties" in schema:
        relaxed["properties"] = {key: complete(value, key) for key, value in schema["properties"].items()}
        relaxed["required"] = sorted(set(schema["properties"]) - (NOT_EVERYWHERE if name == "parts" else set()))
        relaxed["patternProperties"] = {f"^({'|'.join(sorted(BEYOND))})$": {}}
        relaxed["additionalProperties"] = False
    if "items" in schema:
        relaxed["items"] = complete(schema["items"], name)
    return relaxed


@pytest.fixture(scope="module")
def paths():
    if not SPEC.exists():
        pytest.skip("TMDB's OpenAPI document is not beside the project")
    return json.loads(SPEC.read_text(encoding="utf-8"))["paths"]


@pytest.mark.parametrize(("documented", "address", "subjects"), CASES, ids=[case[0] for case in CASES])
def test_every_answer_has_the_documented_shape(api, paths, documented, address, subjects):
    """
    All fields of the official document are there with their types, and no others but those known from recordings.
    """
    jsonschema = pytest.importorskip("jsonschema")
    content = paths[f"/3{documented}"]["get"]["responses"]["200"]["content"]["application/json"]
    validator = jsonschema.Draft202012Validator(complete(content["schema"]))

    for subject in subjects:
        answer = api.get(address.format(subject))
        assert 200 == answer.status_code, address.format(subject)
        faults = [f"{'/'.join(map(str, e.absolute_path))}: {e.message}" for e in validator.iter_errors(answer.json())]
        assert [] == faults, address.format(subject)


def test_the_check_would_notice(paths):
    """
    The schema that is demanded refuses a missing field, an unknown field and a wrong type, and lets null pass.
    """
    jsonschema = pytest.importorskip("jsonschema")
    content = paths["/3/genre/movie/list"]["get"]["responses"]["200"]["content"]["application/json"]
    validator = jsonschema.Draft202012Validator(complete(content["schema"]))

    assert validator.is_valid({"genres": [{"id": 12, "name": None}]})
    assert not validator.is_valid({"genres": [{"id": 12}]})
    assert not validator.is_valid({"genres": [{"id": 12, "name": "Adventure", "colour": "red"}]})
    assert not validator.is_valid({"genres": [{"id": "12", "name": "Adventure"}]})
