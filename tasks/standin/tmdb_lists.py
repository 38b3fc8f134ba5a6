"""TMDB's own small lists: genres, sizes of pictures, error messages; facts of the service, not of titles.

Sources: the official OpenAPI document (``/3/genre/*/list``, ``/3/configuration``, ``/3/configuration/languages``) and
https://developer.themoviedb.org/docs/errors.
"""

from __future__ import annotations

MOVIE_GENRES = {
    12: "Adventure", 14: "Fantasy", 16: "Animation", 18: "Drama", 27: "Horror", 28: "Action", 35: "Comedy",
    36: "History", 37: "Western", 53: "Thriller", 80: "Crime", 99: "Documentary", 878: "Science Fiction",
    9648: "Mystery", 10402: "Music", 10749: "Romance", 10751: "Family", 10752: "War", 10770: "TV Movie",
}  # fmt: skip
SHOW_GENRES = {
    16: "Animation", 18: "Drama", 35: "Comedy", 37: "Western", 80: "Crime", 99: "Documentary", 9648: "Mystery",
    10751: "Family", 10759: "Action & Adventure", 10762: "Kids", 10763: "News", 10764: "Reality",
    10765: "Sci-Fi & Fantasy", 10766: "Soap", 10767: "Talk", 10768: "War & Politics",
}  # fmt: skip
LANGUAGES = {
    "cs": ("CZ", "Czech", "Český"),
    "de": ("DE", "German", "Deutsch"),
    "en": ("US", "English", "English"),
    "es": ("ES", "Spanish", "Español"),
    "fr": ("FR", "French", "Français"),
    "ja": ("JP", "Japanese", "日本語"),
}
"""Language -> country that goes with it, English name, own name."""
COUNTRIES = {
    "AU": "Australia",
    "CA": "Canada",
    "CZ": "Czech Republic",
    "FR": "France",
    "GB": "United Kingdom",
    "US": "United States of America",
}
SIZES = {
    "poster": ("w92", "w154", "w185", "w342", "w500", "w780", "original"),
    "backdrop": ("w300", "w780", "w1280", "original"),
    "logo": ("w45", "w92", "w154", "w185", "w300", "w500", "original"),
    "still": ("w92", "w185", "w300", "original"),
    "profile": ("w45", "w185", "h632", "original"),
}
CHANGE_KEYS = (
    "adult", "air_date", "also_known_as", "alternative_titles", "biography", "birthday", "budget", "cast",
    "certifications", "character_names", "created_by", "crew", "deathday", "episode", "episode_number",
    "episode_run_time", "freebase_id", "freebase_mid", "general", "genres", "guest_stars", "homepage", "images",
    "imdb_id", "languages", "name", "network", "origin_country", "original_name", "original_title", "overview", "parts",
    "place_of_birth", "plot_keywords", "production_code", "production_companies", "production_countries", "releases",
    "revenue", "runtime", "season", "season_number", "season_regular", "spoken_languages", "status", "tagline",
    "title", "translations", "tvdb_id", "tvrage_id", "type", "video", "videos",
)  # fmt: skip
MAX_APPENDED = 20
MAX_PAGE = 500
PAGE_SIZE = 20

ERRORS = {
    400: (27, "Too many append to response objects: The maximum number of remote calls is 20."),
    401: (7, "Invalid API key: You must be granted a valid key."),
    404: (34, "The resource you requested could not be found."),
    405: (40, "This request method is not supported for this resource."),
    422: (5, "Invalid parameters: Your request parameters are incorrect."),
    429: (25, "Your request count (#) is over the allowed limit of (#)."),
    500: (11, "Internal error: Something went wrong, contact TMDb."),
    502: (43, "Couldn't connect to the backend server."),
    503: (9, "Service offline: This service is temporarily offline, try again later."),
    504: (24, "Your request to the backend server timed out. Try again."),
}
"""HTTP status -> TMDB's code and message."""
INVALID_PAGE = (22, "Invalid page: Pages start at 1 and max at 500. They are expected to be an integer.")


def error_body(status: int, *, code: int | None = None, message: str | None = None) -> dict[str, object]:
    """What TMDB sends as the body of an error."""
    usual_code, usual_message = ERRORS.get(status, (11, ERRORS[500][1]))
    return {"success": False, "status_code": code or usual_code, "status_message": message or usual_message}
