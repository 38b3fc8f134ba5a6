"""A small library in a warehouse file, each row there for one claim; all titles are invented."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from tasks.schema import warehouse_tables
from tasks.warehouse.ddl import as_sql

BLANK = {pl.String: "", pl.Binary: b"", pl.Int64: 0, pl.UInt64: 0, pl.Float64: 0.0, pl.Boolean: False, pl.List: []}
BLANK[pl.Datetime] = datetime(1970, 1, 1, tzinfo=UTC)
SEEN = datetime(2026, 1, 1, tzinfo=UTC)
GIB = 1024**3


def a_file(file_id: str, **facts: Any) -> dict[str, Any]:
    path = facts.get("path", f"/library/{file_id}.mkv")
    defaults = {"file_id": file_id, "path": path, "path_bytes": path.encode(), "root": "/library", "extension": ".mkv"}
    return {**defaults, "size_bytes": GIB, "first_seen_at": SEEN, **facts}


def a_probe(file_id: str, **facts: Any) -> dict[str, Any]:
    return {"file_id": file_id, "status": "ok", "playable": True, "duration_s": 3600.0, "quality": "1080p", **facts}


def an_identity(file_id: str, kind: str, title: str | None, **facts: Any) -> dict[str, Any]:
    title_kind = {"movie": "movie", "episode": "show"}.get(kind)
    defaults = {"file_id": file_id, "path": f"/library/{file_id}.mkv", "kind": kind, "title": title}
    return {**defaults, "title_kind": title_kind, "title_key": title, "episodes": [], "absolute": [], **facts}


def a_match(title: str, kind: str, title_id: str | None, **facts: Any) -> dict[str, Any]:
    status = "matched" if title_id else "unmatched"
    return {"title_key": title, "kind": kind, "title": title, "status": status, "title_id": title_id, **facts}


def make_warehouse(path: Path, rows: Mapping[str, Iterable[Mapping[str, Any]]]) -> Path:
    """A warehouse at ``path`` with these ``rows``; columns that must have a value and are not named get a blank one."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(as_sql()).fetchall()
        for each in warehouse_tables():
            blank = {c.name: BLANK[c.dtype.base_type()] for c in each.columns() if not c.nullable}
            connection.register("incoming", each.frame(blank | dict(row) for row in rows.get(each.table_name(), ())))
            connection.execute(f'INSERT INTO "{each.table_name()}" BY NAME SELECT * FROM incoming').fetchall()
    return path


def the_library() -> dict[str, list[dict[str, Any]]]:
    """Two films, one of them twice and one in two parts; three shows; an extra, a puzzle, and a file that is gone."""
    gone = {"missing_since_at": SEEN}
    return {
        "files": [
            a_file("harbour", size_bytes=4 * GIB),
            a_file("harbour-uhd", size_bytes=20 * GIB),
            a_file("salt-cd1"),
            a_file("salt-cd2"),
            a_file("pier-1-2"),
            a_file("pier-2", path="/library/[red]\npier.mkv"),
            a_file("pier-s2"),
            a_file("evening"),
            a_file("crane"),
            a_file("trailer"),
            a_file("puzzle"),
            a_file("gone", **gone),
        ],
        "probes": [
            a_probe("harbour"),
            a_probe("harbour-uhd", quality="2160p", hdr_format="HDR10"),
            *(a_probe(f) for f in ("salt-cd1", "salt-cd2", "pier-1-2", "pier-2", "pier-s2", "evening", "crane")),
            a_probe("trailer", quality="480p", duration_s=60.0),
            a_probe("puzzle", status="unreadable", playable=False, duration_s=None, quality=None),
            a_probe("gone"),
        ],
        "video_streams": [
            {"file_id": "harbour", "stream_index": 0, "codec": "mjpeg", "is_cover": True},
            {"file_id": "harbour", "stream_index": 1, "codec": "h264", "is_cover": False},
            {"file_id": "harbour-uhd", "stream_index": 0, "codec": "hevc", "is_cover": False},
            {"file_id": "gone", "stream_index": 0, "codec": "mpeg2video", "is_cover": False},
        ],
        "audio_streams": [
            {"file_id": "harbour", "stream_index": 2, "language": "ger", "is_commentary": False},
            {"file_id": "harbour", "stream_index": 3, "language": "ger", "is_commentary": False},
            {"file_id": "harbour", "stream_index": 4, "language": "eng", "is_commentary": True},
            {"file_id": "harbour-uhd", "stream_index": 1, "language": "ger", "is_commentary": False},
            {"file_id": "harbour-uhd", "stream_index": 2, "language": None, "is_commentary": False},
        ],
        "identities": [
            an_identity("harbour", "movie", "Quiet Harbour", year=2019),
            an_identity("harbour-uhd", "movie", "Quiet Harbour", year=2019),
            an_identity("salt-cd1", "movie", "The Salt Road", part=1),
            an_identity("salt-cd2", "movie", "The Salt Road", part=2),
            an_identity("pier-1-2", "episode", "North Pier", season=1, episodes=[1, 2]),
            an_identity("pier-2", "episode", "North Pier", season=1, episodes=[2]),
            an_identity("pier-s2", "episode", "North Pier", season=2, episodes=[1]),
            an_identity("evening", "episode", "Evening Post", date=date(2024, 5, 1)),
            an_identity("crane", "episode", "Paper Crane", absolute=[13]),
            an_identity("trailer", "extra", None, extra_kind="trailer"),
            an_identity("puzzle", "unknown", None),
            an_identity("gone", "movie", "Long Gone"),
        ],
        "matches": [
            a_match("Quiet Harbour", "movie", "movie:tmdb:1"),
            a_match("The Salt Road", "movie", None),
            a_match("Long Gone", "movie", None),
            a_match("North Pier", "show", "show:tmdb:2"),
        ],
        "titles": [
            {"title_id": "movie:tmdb:1", "kind": "movie", "title": "Quiet Harbour", "year": 2019, "scraped_at": SEEN},
            {"title_id": "show:tmdb:2", "kind": "show", "title": "North Pier", "year": 2008, "scraped_at": SEEN},
        ],
        "episodes": [
            {"title_id": "show:tmdb:2", "season_number": season, "episode_number": number, "aired_on": aired}
            for season, number, aired in [
                (0, 1, date(2008, 1, 1)),
                (1, 1, date(2008, 1, 8)),
                (1, 2, date(2008, 1, 15)),
                (1, 3, date(2008, 1, 22)),
                (2, 1, date(2009, 1, 1)),
                (2, 2, date(2999, 1, 1)),
                (2, 3, None),
            ]
        ],
        "artwork": [
            {"artwork_id": "a", "kind": "poster", "rank": 1, "content_hash": "x", "size_bytes": 1024},
            {"artwork_id": "b", "kind": "poster", "rank": 1, "content_hash": "x", "size_bytes": 1024},
            {"artwork_id": "c", "kind": "still", "rank": 1, "content_hash": "y", "size_bytes": 2048},
        ],
    }
