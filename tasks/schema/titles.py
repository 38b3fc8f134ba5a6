"""Tables of what the world knows: matches, titles and all that belongs to them."""

from __future__ import annotations

import polars as pl

from tasks.schema.files import Time
from tasks.schema.table import Table, column

TITLE_KINDS = ["movie", "show"]


class Matches(Table):
    """Which title a group of files is, one row a title key; written by ``match``, read by ``scrape``."""

    title_key: str = column("Key shared by the files that name the same title.", key=True)
    kind: str = column("movie or show.", isin=TITLE_KINDS)
    title: str = column("Title as the names spell it.")
    year: pl.Int64 = column("Year in the names.", nullable=True)
    status: str = column(
        "matched; unmatched: nothing fits; ambiguous: several fit equally.", isin=["matched", "unmatched", "ambiguous"]
    )
    provider: str = column("Service that answered.")
    provider_id: str = column("Id there; null unless matched.", nullable=True)
    title_id: str = column("Title it is; null unless matched.", nullable=True)
    rule: str = column("Rule that decided: id, exact, exact_dominant, exact_year_near, fuzzy, none.")
    score: float = column("Likeness of the best candidate, 0 to 100.", ge=0, le=100, nullable=True)
    runner_up_score: float = column(
        "Likeness of the second; null where there was one candidate.", ge=0, le=100, nullable=True
    )
    candidate_count: pl.Int64 = column("Candidates looked at.", ge=0)
    decided_at: Time = column("When it was decided.")


class MatchCandidates(Table, part_of="matches"):
    """The candidates a match was chosen from, best first; written by ``match``."""

    title_key: str = column("Title key.", key=True)
    rank: pl.Int64 = column("Place by score, from 1.", key=True, ge=1)
    provider_id: str = column("Id at the service.")
    title: str = column("Title there.", nullable=True)
    original_title: str = column("Title in its own language.", nullable=True)
    year: pl.Int64 = column("Year there.", nullable=True)
    score: float = column("Likeness, 0 to 100.", ge=0, le=100)


class Titles(Table):
    """Movies and shows, one row a title; written by ``scrape``."""

    title_id: str = column("Our id, as movie:tmdb:603.", key=True)
    kind: str = column("movie or show.", isin=TITLE_KINDS)
    title: str = column("Title in the language of the settings, or the original one.")
    original_title: str = column("Title in its own language.", nullable=True)
    original_language: str = column("ISO 639-1 code.", nullable=True)
    year: pl.Int64 = column("Year of release or first broadcast.", nullable=True)
    released_on: pl.Date = column("Day of release or first broadcast.", nullable=True)
    ended_on: pl.Date = column("Day of the last broadcast of a show.", nullable=True)
    overview: str = column("Plot.", nullable=True)
    text_language: str = column(
        "Language of overview and tagline; it differs where the wanted one has none.", nullable=True
    )
    tagline: str = column("Tagline.", nullable=True)
    runtime_min: pl.Int64 = column("Running time, of an episode for shows.", unit="min", nullable=True, gt=0)
    status: str = column("Released, Returning Series, Ended, ... as TMDB says it.", nullable=True)
    age_rating: str = column("Age rating in the country of the settings.", nullable=True)
    popularity: float = column("TMDB's popularity on the day.", nullable=True)
    budget_usd: pl.Int64 = column("Budget; null where TMDB says 0.", unit="USD", nullable=True, gt=0)
    revenue_usd: pl.Int64 = column("Revenue; null where TMDB says 0.", unit="USD", nullable=True, gt=0)
    homepage: str = column("Address of its own page.", nullable=True)
    is_adult: bool = column("Marked as adult.", nullable=True)
    collection_id: str = column("Collection a movie belongs to.", nullable=True)
    season_count: pl.Int64 = column("Seasons of a show, specials left out.", nullable=True, ge=0)
    episode_count: pl.Int64 = column("Episodes of a show, specials left out.", nullable=True, ge=0)
    scraped_at: Time = column("When the answer was fetched.")


class Collections(Table):
    """Collections of movies; written by ``scrape``."""

    collection_id: str = column("Our id, as collection:tmdb:10.", key=True)
    name: str = column("Name.")
    overview: str = column("What it is about.", nullable=True)
    scraped_at: Time = column("When the answer was fetched.")


class CollectionParts(Table, part_of="collections"):
    """Movies of a collection, also those not in the library; written by ``scrape``."""

    collection_id: str = column("Collection.", key=True)
    title_id: str = column("Movie; it need not be in the library.", key=True)
    title: str = column("Title.", nullable=True)
    released_on: pl.Date = column("Day of release.", nullable=True)


class Seasons(Table, part_of="titles"):
    """Seasons of shows; written by ``scrape``."""

    title_id: str = column("Show.", key=True)
    season_number: pl.Int64 = column("Number; 0 are specials.", key=True, ge=0)
    name: str = column("Name.", nullable=True)
    overview: str = column("What it is about.", nullable=True)
    aired_on: pl.Date = column("Day of its first broadcast.", nullable=True)
    episode_count: pl.Int64 = column("Episodes.", nullable=True, ge=0)


class Episodes(Table, part_of="titles"):
    """Episodes of shows, also those not in the library; written by ``scrape``."""

    title_id: str = column("Show.", key=True)
    season_number: pl.Int64 = column("Season; 0 are specials.", key=True, ge=0)
    episode_number: pl.Int64 = column("Number in the season.", key=True, ge=0)
    tmdb_id: pl.Int64 = column("TMDB's id of the episode; it changes when TMDB enters it anew.", nullable=True)
    title: str = column("Title.", nullable=True)
    overview: str = column("What happens.", nullable=True)
    aired_on: pl.Date = column("Day of first broadcast.", nullable=True)
    runtime_min: pl.Int64 = column("Running time.", unit="min", nullable=True, gt=0)
    episode_type: str = column("standard, mid_season, finale.", nullable=True)
    vote_average: float = column("Mean vote at TMDB, 0 to 10; null without votes.", nullable=True, ge=0, le=10)
    vote_count: pl.Int64 = column("Votes at TMDB.", nullable=True, ge=0)


class People(Table):
    """People in credits; written by ``scrape``."""

    person_id: str = column("Our id, as person:tmdb:287.", key=True)
    name: str = column("Name.")
    known_for_department: str = column("Department, as Acting.", nullable=True)
    profile_path: str = column("TMDB's path of a portrait.", nullable=True)


class Credits(Table, part_of="titles"):
    """Who did what in a title; written by ``scrape``."""

    title_id: str = column("Title.", key=True)
    credit_id: str = column("TMDB's id of the credit.", key=True)
    person_id: str = column("Person.")
    department: str = column("Department: Cast, Directing, Writing, ...")
    job: str = column("Job in the crew; null for cast.", nullable=True)
    character: str = column("Role; null for crew.", nullable=True)
    billing_order: pl.Int64 = column("Place in the cast, from 0; null for crew.", nullable=True, ge=0)
    episode_count: pl.Int64 = column("Episodes the person has part in; null for movies.", nullable=True, ge=0)


class ExternalIds(Table, part_of="titles"):
    """Ids of a title at other services; written by ``scrape``."""

    title_id: str = column("Title.", key=True)
    service: str = column("tmdb, imdb, tvdb, wikidata, facebook, instagram, twitter.", key=True)
    external_id: str = column("Id there.")


class Ratings(Table, part_of="titles"):
    """Ratings of a title; written by ``scrape``."""

    title_id: str = column("Title.", key=True)
    source: str = column("Who rates: tmdb.", key=True)
    value: float = column("Mean, from 0 to 10.", ge=0, le=10)
    vote_count: pl.Int64 = column("Votes.", nullable=True, ge=0)


class TitleGenres(Table, part_of="titles"):
    """Genres of a title; written by ``scrape``."""

    title_id: str = column("Title.", key=True)
    genre: str = column("Genre.", key=True)


class TitleStudios(Table, part_of="titles"):
    """Production companies, and networks of shows; written by ``scrape``."""

    title_id: str = column("Title.", key=True)
    studio: str = column("Name.", key=True)
    role: str = column("production or network.", key=True, isin=["production", "network"])


class TitleCountries(Table, part_of="titles"):
    """Countries a title comes from; written by ``scrape``."""

    title_id: str = column("Title.", key=True)
    country: str = column("ISO 3166-1 code.", key=True)


class TitleKeywords(Table, part_of="titles"):
    """Keywords of a title; written by ``scrape``."""

    title_id: str = column("Title.", key=True)
    keyword: str = column("Keyword.", key=True)


class TitleVideos(Table, part_of="titles"):
    """Trailers and other videos on the web; written by ``scrape``."""

    title_id: str = column("Title.", key=True)
    video_id: str = column("TMDB's id of the video.", key=True)
    site: str = column("Where it plays: YouTube, Vimeo.")
    site_key: str = column("Its id there.")
    kind: str = column("Trailer, Teaser, Clip, ...", nullable=True)
    name: str = column("Name.", nullable=True)
    language: str = column("ISO 639-1 code.", nullable=True)
    is_official: bool = column("Published by the studio.", nullable=True)


class AlternativeTitles(Table, part_of="titles"):
    """Other names of a title, by country; written by ``scrape``."""

    title_id: str = column("Title.", key=True)
    country: str = column("ISO 3166-1 code.", key=True)
    alternative_title: str = column("The name.", key=True)


class ArtworkCandidates(Table, staged_only=True):
    """Every picture a provider offers; written by ``scrape``, read by ``artwork``."""

    owner_id: str = column("Title or collection.", key=True)
    season_number: pl.Int64 = column("Season, for pictures of a season or episode.", nullable=True, key=True)
    episode_number: pl.Int64 = column("Episode, for stills.", nullable=True, key=True)
    kind: str = column("poster, backdrop, logo or still.", key=True)
    provider: str = column("Service that offers it.")
    source_path: str = column("Path at the service; the same path is the same picture.", key=True)
    language: str = column("ISO 639-1 code of its writing; null without any.", nullable=True)
    width_px: pl.Int64 = column("Width.", unit="px", nullable=True)
    height_px: pl.Int64 = column("Height.", unit="px", nullable=True)
    vote_average: float = column("Mean vote.", nullable=True)
    vote_count: pl.Int64 = column("Votes.", nullable=True)


class ArtworkWanted(Table):
    """The pictures chosen for titles, seasons, episodes and collections; written by ``artwork``.

    A place stays wanted until its picture lies in ``artwork``; what failed is tried again from here, with no call.
    """

    artwork_id: str = column("Our id of the place the picture fills.", key=True)
    owner_id: str = column("Title or collection.")
    season_number: pl.Int64 = column("Season, for pictures of a season or episode.", nullable=True)
    episode_number: pl.Int64 = column("Episode, for stills.", nullable=True)
    kind: str = column("What it is.", isin=["poster", "backdrop", "logo", "still"])
    rank: pl.Int64 = column("1 is the best of its kind.", ge=1)
    provider: str = column("Service that offers it.")
    source_path: str = column("Path at the service; the same path is the same picture.")
    language: str = column("ISO 639-1 code of its writing; null without any.", nullable=True)


class Artwork(Table):
    """The pictures kept for titles, seasons, episodes and collections; written by ``artwork``."""

    artwork_id: str = column("Our id of the place the picture fills.", key=True)
    owner_id: str = column("Title or collection.")
    season_number: pl.Int64 = column("Season, for pictures of a season or episode.", nullable=True)
    episode_number: pl.Int64 = column("Episode, for stills.", nullable=True)
    kind: str = column("What it is.", isin=["poster", "backdrop", "logo", "still"])
    rank: pl.Int64 = column("1 is the best of its kind.", ge=1)
    provider: str = column("Service it comes from.")
    source_path: str = column("Path at the service.")
    language: str = column("ISO 639-1 code of its writing; null without any.", nullable=True)
    file: str = column("File under the data folder.")
    content_hash: str = column("BLAKE2b of the content; the file is named after it.")
    format: str = column("JPEG, PNG, WEBP or SVG.")
    width_px: pl.Int64 = column("Width; null for drawings without a size.", unit="px", nullable=True, gt=0)
    height_px: pl.Int64 = column("Height; null for drawings without a size.", unit="px", nullable=True, gt=0)
    size_bytes: pl.Int64 = column("Size.", unit="byte", gt=0)
    fetched_at: Time = column("When it was fetched.")


class Responses(Table):
    """What was asked of a service and when; the bodies lie in the response store beside the warehouse."""

    request_key: str = column("Digest of method and address.", key=True)
    provider: str = column("Service.")
    url: str = column("Address, without secrets.")
    status: pl.Int64 = column("HTTP status.", ge=100, le=599)
    etag: str = column("ETag header.", nullable=True)
    body_size_bytes: pl.Int64 = column("Size of the body, unpacked.", unit="byte", ge=0)
    fetched_at: Time = column("When it was fetched.")
    expires_at: Time = column("When it must be asked again or deleted.")
