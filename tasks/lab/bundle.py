"""One run in one file that can be given away: how long things took and how many there were, without a name of any.

::

    run.json           counts, stages, versions, and the settings that are numbers, switches or choices
    timings.parquet    all timings; items and hosts as marks that are equal where the names are

Names are replaced by a hash with a salt that is thrown away, so that nobody can try names against it. Bytes of videos,
answers and pictures are rounded to two significant digits: the exact size of a picture tells whose it is to anybody who
looks it up at the service. The number of a show's episodes, which tells the same, is left out.
"""

from __future__ import annotations

import functools
import hashlib
import io
import secrets
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, get_origin

import orjson
import polars as pl
from pydantic import BaseModel

from tasks.core import atomic
from tasks.core.errors import Refused, StorageNotWritable
from tasks.core.settings import Settings
from tasks.core.units import printable

KEPT = (
    "run_id", "started_at", "finished_at", "wall_s", "state", "version", "python_version", "file_count", "probe_count",
    "call_count", "image_count", "task_run_count", "peak_memory_bytes", "counters", "run_stages",
)  # fmt: skip
"""Keys of a run's record that hold no name."""
_MARK_BYTES = 8
_FILES = ("run.json", "timings.parquet")
_TELLING = ("episodes",)
"""Attributes that are numbers and tell which title it is."""
_SIZE_DIGITS = 2
"""Significant digits that are left of a number of bytes."""


def write_bundle(target: Path, record: Mapping[str, Any], timings: pl.DataFrame) -> None:
    """Write the record and the timings of a run to ``target``, a ZIP file, without names.

    An earlier bundle of that name is replaced; nothing else is.

    Args:
        record: as the run wrote it.
        timings: rows of ``timings``.

    Raises:
        Refused: ``target`` is a folder, or there is something else than a bundle.
        StorageFull: the disk is full.
        StorageNotWritable: the operating system refuses to write there.
    """
    _must_be_free(target)
    table = io.BytesIO()
    without_names(timings, salt=secrets.token_bytes(16)).write_parquet(table, compression="zstd")
    contents = (orjson.dumps(record_without_names(record), option=orjson.OPT_INDENT_2), table.getvalue())
    try:
        with atomic.writing(target) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as file:
            for name, content in zip(_FILES, contents, strict=True):
                file.writestr(name, content)
    except StorageNotWritable as exc:
        because = exc.__cause__.strerror if isinstance(exc.__cause__, OSError) else exc
        raise StorageNotWritable(
            f"{printable(str(target))} cannot be written: {because}; name another file, in a folder where this user "
            "may write"
        ) from exc


def _must_be_free(target: Path) -> None:
    """Refuse to write where something is that is no earlier bundle."""
    shown = printable(str(target))
    with suppress(OSError):  # what may not be looked at cannot be written either, which is said then
        if target.is_dir():
            raise Refused(f"{shown} is a folder; name a file")
        if (target.is_symlink() or target.exists()) and not _is_bundle(target):
            raise Refused(f"{shown} is there and is no bundle of a run; name another file, or remove it")


def _is_bundle(path: Path) -> bool:
    if not path.is_file():  # a device or a pipe is not even opened
        return False
    try:
        with zipfile.ZipFile(path) as file:
            return set(_FILES) == set(file.namelist())
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):  # all that a file with other content raises
        return False


def record_without_names(record: Mapping[str, Any]) -> dict[str, Any]:
    """What of a run's record holds no name: no folder, title, reason or note."""
    kept = {name: record[name] for name in KEPT if name in record}
    settings = orjson.loads(record["settings"]) if isinstance(record.get("settings"), str) else {}
    return {**kept, "settings": _plain_settings(settings, Settings)}


def without_names(timings: pl.DataFrame, *, salt: bytes) -> pl.DataFrame:
    """The timings with marks in the place of items and hosts, bytes rounded, and those attributes that are numbers."""
    mark = functools.partial(_mark, salt=salt)
    return timings.with_columns(
        _replaced(timings["item"], mark),
        _replaced(timings["host"], mark),
        _replaced(timings["attributes"], _numbers),
        pl.col("bytes").cast(pl.Float64).round_sig_figs(_SIZE_DIGITS).cast(pl.Int64),
        pl.when(unit="byte").then(pl.col("value").round_sig_figs(_SIZE_DIGITS)).otherwise("value").alias("value"),
    )


def _replaced(column: pl.Series, replace: Callable[[str], str | None]) -> pl.Series:
    known = column.drop_nulls().unique().to_list()
    return column.replace_strict(known, [replace(text) for text in known], default=None, return_dtype=pl.String)


def _mark(text: str, *, salt: bytes) -> str:
    return hashlib.blake2b(text.encode(), key=salt, digest_size=_MARK_BYTES).hexdigest()


def _numbers(attributes: str) -> str | None:
    kept = {
        name: _rounded(value) if name.endswith("bytes") else value
        for name, value in orjson.loads(attributes).items()
        if isinstance(value, int | float) and name not in _TELLING
    }
    return orjson.dumps(kept).decode() if kept else None


def _rounded(size_bytes: float) -> int:
    return int(float(f"{size_bytes:.{_SIZE_DIGITS - 1}e}"))


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
