"""Whether a benchmark of the lab can be run to its end, asked before anything is made."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.core.errors import ProbeEngineBroken, Refused, StorageNotWritable
from tasks.probe.ffprobe_engine import check
from tasks.warehouse.connect import refuse_unusable


def must_be_ready(data: Path, profiles: Mapping[str, Mapping[str, Any]]) -> None:
    """Return if the folder ``data`` can be written, which is made, and all is installed that ``profiles`` need.

    Args:
        data: folder for libraries and results.
        profiles: the settings of each profile, by their paths.

    Raises:
        Refused: a profile measures with the program ffprobe, which is not there; or DuckDB cannot write below ``data``.
        StorageNotWritable: ``data`` cannot be made or written.
    """
    callers = [name for name, settings in profiles.items() if settings.get("probe.engine") == "ffprobe"]
    if callers:
        try:
            check("ffprobe")
        except ProbeEngineBroken as exc:
            raise Refused(
                f"ffprobe is needed for {', '.join(callers)}: install it (Debian: apt-get install ffmpeg), or name "
                "profiles that measure without it, as optimized and all-but-inserts"
            ) from exc
    refuse_unusable(data)
    try:
        data.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=data):
            pass
    except (FileExistsError, NotADirectoryError) as exc:
        raise StorageNotWritable(f"{data} is no folder, or lies below a file; choose another one") from exc
    except OSError as exc:
        raise StorageNotWritable(
            f"{data} cannot be written: {exc.strerror}; choose another folder for the benchmark"
        ) from exc
