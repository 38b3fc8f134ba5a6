"""One run in one file that can be given away: how long things took and how many there were, without a name of any.

::

    run.json           counts, stages, versions, and the settings that are numbers, switches or choices
    timings.parquet    all timings; items and hosts as marks that are equal where the names are

Names are replaced by a hash with a salt that is thrown away, so that nobody can try names against it.
"""

from __future__ import annotations

import functools
import hashlib
import io
import secrets
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, get_origin

import orjson
import polars as pl
from pydantic import BaseModel

from tasks.core import atomic
from tasks.core.settings import Settings

KEPT = (
    "run_id", "started_at", "finished_at", "wall_s", "state", "version", "python_version", "file_count", "probe_count",
    "call_count", "image_count", "task_run_count", "peak_memory_bytes", "counters", "run_stages",
)  # fmt: skip
"""Keys of a run's record that hold no name."""
_MARK_BYTES = 8


def write_bundle(target: Path, record: Mapping[str, Any], timings: pl.DataFrame) -> None:
    """Write the record and the timings of a run to ``target``, a ZIP file, without names.

    Args:
        record: as the run wrote it.
        timings: rows of ``timings``.

    Raises:
        StorageFull: the disk is full.
        StorageNotWritable: the operating system refuses to write there.
    """
    table = io.BytesIO()
    without_names(timings, salt=secrets.token_bytes(16)).write_parquet(table, compression="zstd")
    with atomic.writing(target) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("run.json", orjson.dumps(record_without_names(record), option=orjson.OPT_INDENT_2))
        file.writestr("timings.parquet", table.getvalue())


def record_without_names(record: Mapping[str, Any]) -> dict[str, Any]:
    """What of a run's record holds no name: no folder, title, reason or note."""
    kept = {name: record[name] for name in KEPT if name in record}
    settings = orjson.loads(record["settings"]) if isinstance(record.get("settings"), str) else {}
    return {**kept, "settings": _plain_settings(settings, Settings)}


def without_names(timings: pl.DataFrame, *, salt: bytes) -> pl.DataFrame:
    """The timings with marks in the place of items and hosts, and of the attributes those that are numbers."""
    mark = functools.partial(_mark, salt=salt)
    return timings.with_columns(
        _replaced(timings["item"], mark), _replaced(timings["host"], mark), _replaced(timings["attributes"], _numbers)
    )


def _replaced(column: pl.Series, replace: Callable[[str], str | None]) -> pl.Series:
    known = column.drop_nulls().unique().to_list()
    return column.replace_strict(known, [replace(text) for text in known], default=None, return_dtype=pl.String)


def _mark(text: str, *, salt: bytes) -> str:
    return hashlib.blake2b(text.encode(), key=salt, digest_size=_MARK_BYTES).hexdigest()


def _numbers(attributes: str) -> str | None:
    kept = {name: value for name, value in orjson.loads(attributes).items() if isinstance(value, int | float)}
    return orjson.dumps(kept).decode() if kept else None


def _plain_settings(values: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """Numbers, switches and choices from a list; text that a person has typed may be a name or an address."""
    kept: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if name not in values:
            continue
        value, kind = values[name], field.annotation
        if isinstance(value, Mapping) and isinstance(kind, type) and issubclass(kind, BaseModel):
            kept[name] = _plain_settings(value, kind)
        elif isinstance(value, int | float) or get_origin(kind) is Literal:
            kept[name] = value
    return kept
