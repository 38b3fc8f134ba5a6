"""Rows that are right in every column, so that a test states only the fact it is about."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from tasks import schema
from tasks.schema.table import Table
from tasks.staging import Collected

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def a_row(table: type[Table], **facts: Any) -> dict[str, Any]:
    """A row of any table: null where it may be, otherwise a value that its type and checks allow."""
    row = {c.name: None if c.nullable else _value(table, c.name, c.dtype) for c in table.columns()}
    unknown = facts.keys() - row.keys()
    assert not unknown, f"{table.table_name()} has no {unknown}"
    return row | facts


def _value(table: type[Table], name: str, dtype: Any) -> Any:
    for check in table.to_schema().columns[name].checks:
        if allowed := check.statistics.get("allowed_values"):
            return min(allowed)
        if (least := check.statistics.get("min_value")) and dtype == pl.Int64:
            return least + 1
    values = {
        pl.String: "tt00001" if name == "imdb_id" else "x",
        pl.Boolean: False,
        pl.Float64: 1.0,
        pl.Binary: b"x",
        pl.List: [],
        pl.Date: date(2001, 2, 3),
        pl.Datetime: NOON,
    }
    return next((value for kind, value in values.items() if dtype.base_type() == kind), 1)


def a_file(file_id: str = "f1", **facts: Any) -> dict[str, Any]:
    path = facts.pop("path", f"/videos/{file_id}.mkv")
    return a_row(schema.table("files"), file_id=file_id, path=path, path_bytes=path.encode(), root="/videos", **facts)


def a_probe(file_id: str = "f1", **facts: Any) -> dict[str, Any]:
    return a_row(schema.table("probes"), file_id=file_id, **({"duration_s": 60.0, "quality": "1080p"} | facts))


def a_video_stream(file_id: str = "f1", stream_index: int = 0, **facts: Any) -> dict[str, Any]:
    facts = {"codec": "h264", "is_default": True} | facts
    return a_row(schema.table("video_streams"), file_id=file_id, stream_index=stream_index, **facts)


def an_audio_stream(file_id: str = "f1", stream_index: int = 1, **facts: Any) -> dict[str, Any]:
    facts = {"codec": "aac", "language": "eng", "is_default": True} | facts
    return a_row(schema.table("audio_streams"), file_id=file_id, stream_index=stream_index, **facts)


def a_subtitle_stream(file_id: str = "f1", stream_index: int = 2, **facts: Any) -> dict[str, Any]:
    return a_row(schema.table("subtitle_streams"), file_id=file_id, stream_index=stream_index, **facts)


def a_movie_name(file_id: str = "f1", title: str = "Harbour Lights", **facts: Any) -> dict[str, Any]:
    """The identity of a movie file."""
    facts = {"kind": "movie", "title": title, "title_kind": "movie", "title_key": f"key {title}"} | facts
    return a_row(schema.table("identities"), file_id=file_id, path=f"/videos/{file_id}.mkv", **facts)


def an_episode_name(
    file_id: str, season: int | None, episodes: list[int], title: str = "Tin Islands", **facts: Any
) -> dict[str, Any]:
    """The identity of an episode file."""
    facts = {"kind": "episode", "title_kind": "show", "season": season, "episodes": episodes} | facts
    return a_movie_name(file_id, title, **facts)


def a_match(title: str = "Harbour Lights", title_id: str | None = "movie:tmdb:1", **facts: Any) -> dict[str, Any]:
    facts = {"status": "matched" if title_id else "unmatched", "title": title} | facts
    return a_row(schema.table("matches"), title_key=f"key {title}", title_id=title_id, **facts)


def a_title(title_id: str = "movie:tmdb:1", title: str = "Harbour Lights", **facts: Any) -> dict[str, Any]:
    kind = title_id.partition(":")[0]
    return a_row(schema.table("titles"), title_id=title_id, title=title, **({"kind": kind} | facts))


def an_episode(title_id: str, season_number: int, episode_number: int, **facts: Any) -> dict[str, Any]:
    facts = {"title": f"Part {episode_number}", "aired_on": date(2001, 1, episode_number)} | facts
    return a_row(
        schema.table("episodes"),
        title_id=title_id,
        season_number=season_number,
        episode_number=episode_number,
        **facts,
    )


def an_artwork(owner_id: str, kind: str, **facts: Any) -> dict[str, Any]:
    place = f"{owner_id} {kind} {facts.get('season_number')} {facts.get('episode_number')}"
    return a_row(schema.table("artwork"), artwork_id=place, owner_id=owner_id, kind=kind, **facts)


def a_record(run_id: str = "run-1", **facts: Any) -> dict[str, Any]:
    """The record of a run, as the flow writes it."""
    runs = a_row(schema.table("runs"), run_id=run_id, started_at=NOON, finished_at=NOON, wall_s=1.0)
    return runs | {"notes": ["kept for the report"]} | facts


def a_collected(folder: Path, run_id: str = "run-1", **tables: list[dict[str, Any]] | pl.DataFrame) -> Collected:
    """What ``collect`` would leave for these rows."""
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob("*.parquet"):
        leftover.unlink()
    rows = {}
    for name, given in tables.items():
        frame = given if isinstance(given, pl.DataFrame) else schema.table(name).frame(given)
        if frame.height:
            frame.write_parquet(folder / f"{name}.parquet")
            rows[name] = frame.height
    return Collected(run_id, str(folder), rows, {}, 0, re.sub(r"\W", "", str(rows)))
