"""What the library is made of, counted in the warehouse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from tasks.core.errors import WarehouseDamaged


@dataclass(frozen=True)
class Share:
    """Files that have something in common."""

    name: str
    file_count: int
    size_bytes: int


@dataclass(frozen=True)
class LibraryFacts:
    """The files that are there now, what they are and what is missing."""

    file_count: int
    size_bytes: int
    duration_s: float
    """Playing time of all files that could be measured."""
    unreadable_count: int
    movie_count: int
    show_count: int
    episode_count: int
    extra_count: int
    unknown_count: int
    duplicate_count: int
    """Movies and episodes that more than one file holds."""
    unmatched_count: int
    """Files whose title was looked up and not found, or not with certainty."""
    missing_episode_count: int
    """Broadcast episodes, specials left out, of shows in the library that no file holds."""
    missing_count: int
    """Files that are not there any more and of which all is kept."""
    artwork_count: int
    artwork_size_bytes: int
    by_quality: tuple[Share, ...]
    by_codec: tuple[Share, ...]
    by_hdr: tuple[Share, ...]
    by_language: tuple[Share, ...]
    """Audio languages; a file counts for each of its languages."""


def read_library(warehouse: Path) -> LibraryFacts:
    """The library as the ``warehouse`` knows it.

    Raises:
        WarehouseDamaged: the file cannot be opened as a DuckDB database.
    """
    try:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            numbers = _numbers(connection)
            return LibraryFacts(
                **numbers,
                by_quality=_shares(connection, _MEASURED + _QUALITY),
                by_codec=_shares(connection, _MEASURED + _CODEC),
                by_hdr=_shares(connection, _MEASURED + _HDR),
                by_language=_shares(connection, _MEASURED + _LANGUAGE),
            )
    except (duckdb.IOException, duckdb.SerializationException) as exc:
        raise WarehouseDamaged(f"{warehouse} cannot be read: {str(exc).partition(chr(10))[0]}") from exc


def _numbers(connection: duckdb.DuckDBPyConnection) -> Mapping[str, Any]:
    cursor = connection.execute(_NUMBERS)
    names = [column[0] for column in cursor.description or ()]
    row = cursor.fetchone() or ()
    return dict(zip(names, row, strict=True))


def _shares(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[Share, ...]:
    return tuple(Share(str(name), int(count), int(size)) for name, count, size in connection.execute(query).fetchall())


# Titles that were looked up as the service numbers them (view file_titles), all others as their names say: without a
# key there are no matches, and films, shows and duplicates are there all the same. A file that holds two episodes is
# two rows; a split movie ("cd1", "cd2") is one movie and no duplicate, and neither is another edition.
_HELD = """
WITH named AS (
    SELECT file_id, identities.* EXCLUDE (file_id), matches.title_id
    FROM present_files JOIN identities USING (file_id) LEFT JOIN matches USING (title_key)
),
numbered AS (
    SELECT file_id, title_id AS title, season_number, episode_number FROM file_titles
    UNION
    SELECT file_id, title_key, coalesce(season, 1), unnest(episodes) FROM named WHERE title_id IS NULL
),
held AS (
    SELECT file_id, kind, coalesce(title_id, title_key) AS title, edition, part,
        coalesce(
            'S' || season_number || 'E' || episode_number, CAST(date AS VARCHAR), 'A' || array_to_string(absolute, '+')
        ) AS place
    FROM named LEFT JOIN numbered USING (file_id)
    WHERE title_key IS NOT NULL AND kind IN ('movie', 'episode')
)
"""

_NUMBERS = (
    _HELD
    + """
SELECT
    (SELECT count(*) FROM present_files) AS file_count,
    (SELECT coalesce(sum(size_bytes), 0)::BIGINT FROM present_files) AS size_bytes,
    (SELECT coalesce(sum(duration_s), 0) FROM probes SEMI JOIN present_files USING (file_id)) AS duration_s,
    (SELECT count(*) FROM unreadable_files WHERE status = 'unreadable') AS unreadable_count,
    (SELECT count(DISTINCT title) FROM held WHERE kind = 'movie') AS movie_count,
    (SELECT count(DISTINCT title) FROM held WHERE kind = 'episode') AS show_count,
    (SELECT count(DISTINCT (title, place)) FROM held WHERE kind = 'episode' AND place IS NOT NULL) AS episode_count,
    (SELECT count(*) FROM named WHERE kind = 'extra') AS extra_count,
    (SELECT count(*) FROM named WHERE kind = 'unknown') AS unknown_count,
    (SELECT count(*) FROM (
        SELECT 1 FROM held WHERE kind = 'movie' OR place IS NOT NULL
        GROUP BY kind, title, place, edition, part HAVING count(DISTINCT file_id) > 1
    )) AS duplicate_count,
    (SELECT count(*) FROM unmatched WHERE reason IN ('unmatched', 'ambiguous')) AS unmatched_count,
    (SELECT count(*) FROM missing_episodes) AS missing_episode_count,
    (SELECT count(*) FROM files WHERE missing_since_at IS NOT NULL) AS missing_count,
    (SELECT count(*) FROM artwork) AS artwork_count,
    (SELECT coalesce(sum(size_bytes), 0)::BIGINT FROM (SELECT DISTINCT content_hash, size_bytes FROM artwork))
        AS artwork_size_bytes
"""
)

_MEASURED = """
WITH measured AS (
    SELECT files.file_id, files.size_bytes, probes.quality, probes.hdr_format,
        (SELECT arg_min(codec, stream_index) FROM video_streams
         WHERE video_streams.file_id = files.file_id AND NOT is_cover) AS codec
    FROM files JOIN probes USING (file_id)
    WHERE missing_since_at IS NULL AND status <> 'unreadable'
)
"""
_BY = "SELECT {}, count(*), sum(size_bytes)::BIGINT FROM measured GROUP BY 1 ORDER BY {}"
_QUALITY = _BY.format("coalesce(quality, 'unknown')", "TRY_CAST(rtrim(any_value(quality), 'p') AS INT) DESC NULLS LAST")
_CODEC = _BY.format("coalesce(codec, 'unknown')", "2 DESC, 1")
_HDR = _BY.format("coalesce(hdr_format, 'SDR')", "2 DESC, 1")
_LANGUAGE = """
SELECT language, count(*), sum(size_bytes)::BIGINT FROM (
    SELECT DISTINCT file_id, size_bytes, coalesce(nullif(language, ''), 'und') AS language
    FROM measured JOIN audio_streams USING (file_id) WHERE NOT is_commentary
) GROUP BY 1 ORDER BY 2 DESC, 1
"""
