"""What a benchmark of the lab measures: refreshes of a library, or the replay of calls and writes.

Both come as the same rows, so that one table, one notebook and one set of claims read them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import orjson

from flows.benchmark_runs import program
from flows.lab_library import MadeLibrary
from flows.lab_refresh import counts_of_service, counts_of_timings, measured_refresh, scopes_of
from tasks.core.ids import digest
from tasks.core.layout import DataFolder
from tasks.core.secrets import VARIABLES
from tasks.lab.presets import Preset
from tasks.lab.profiles import nested
from tasks.lab.store import MeasuredRun
from tasks.standin.generated import FIRST_SHOW_ID, ShowShape
from tasks.standin.running import StandInAt
from tasks.standin.server import StandInOptions
from tasks.timings import read_timings
from tasks.warehouse.runs import read_run_record

OF_THE_PLACE = ("data_dir", "base_url", "artifact_keys")
"""Settings that say where a run was, not how it was done."""


class Subject(Protocol):
    """What is measured, ready to be measured."""

    turns: tuple[bool, ...]
    """What follows on the same data folder in one turn of a profile: whether it is warm."""
    file_count: int
    input_hash: str
    page_cache: str | None
    """State of the page cache, as a manifest holds it."""
    options: StandInOptions
    """Of the service that is asked."""

    def measure(self, settings: Mapping[str, Any], data_dir: Path, *, token: str, service: str | None) -> MeasuredRun:
        """One measured run.

        Raises:
            SystemExit: it failed.
        """
        ...

    def settings_had(self, data_dir: Path, run_id: str) -> dict[str, Any]:
        """All settings that a run had, but for where it was."""
        ...


class Refreshes:
    """Refreshes of a library: the first one of a new data folder, then one that finds nothing new."""

    turns: tuple[bool, ...] = (False, True)
    page_cache: str | None = "warm: every file was read before the first run"

    def __init__(self, preset: Preset, library: MadeLibrary) -> None:
        self._folder = library.folder
        self.file_count = library.file_count
        self.input_hash = library.input_hash
        self.options = StandInOptions(
            film_count=library.film_count,
            show_count=library.show_count,
            latency_s=preset.latency_s,
            image_latency_s=preset.image_latency_s,
        )

    def measure(self, settings: Mapping[str, Any], data_dir: Path, *, token: str, service: str | None) -> MeasuredRun:
        """One refresh."""
        place = {"data_dir": str(data_dir), "flow.artifact_keys": "benchmark"}
        place |= {"scrape.base_url": f"{service}/3"} if service else {}
        return measured_refresh(self._folder, nested({**settings, **place}), token=token, service=service)

    def settings_had(self, data_dir: Path, run_id: str) -> dict[str, Any]:
        """The settings in the record of the run, with those that it chose."""
        record = read_run_record(data_dir, run_id)
        assert record is not None
        settings: dict[str, Any] = orjson.loads(record["settings"])
        for room in (settings, *(value for value in settings.values() if isinstance(value, dict))):
            for name in OF_THE_PLACE:
                room.pop(name, None)
        return settings


class Replays:
    """Calls and writes for shows, once a turn: nothing is kept for a second one."""

    turns: tuple[bool, ...] = (False,)
    file_count = 0
    page_cache: str | None = None

    def __init__(self, preset: Preset) -> None:
        shape = preset.replayed
        assert shape is not None
        self._show_ids = [FIRST_SHOW_ID + number for number in range(shape.show_count)]
        self.input_hash = digest("replay", *map(str, shape))
        self.options = StandInOptions(
            show_count=shape.show_count,
            show_shape=ShowShape(shape.season_count, shape.episode_count),
            latency_s=preset.latency_s,
        )

    def measure(self, settings: Mapping[str, Any], data_dir: Path, *, token: str, service: str | None) -> MeasuredRun:
        """One replay; it has no stages."""
        assert service is not None
        return _measured_replay(settings, self._show_ids, data_dir=data_dir, token=token, service=service)

    def settings_had(self, data_dir: Path, run_id: str) -> dict[str, Any]:  # noqa: ARG002
        """None: what a way does is in the manifest."""
        return {}


def _measured_replay(
    way: Mapping[str, Any], show_ids: Sequence[int], *, data_dir: Path, token: str, service: str
) -> MeasuredRun:
    request = {"service": service, "show_ids": list(show_ids), "way": dict(way), "data_dir": str(data_dir)}
    standin = StandInAt(service)
    standin.clear()
    run = program("replay_calls", request, {VARIABLES["tmdb"]: token}).work
    run_id = run.found["run_id"]
    timings = read_timings(DataFolder(data_dir).timings, run_id)
    row = {
        **dict.fromkeys(("file_count", "probe_count", "image_count", "task_run_count"), 0),
        "run_id": run_id,
        "wall_s": run.wall_s,
        "cpu_s": run.cpu_s,
        "peak_bytes": run.peak_bytes,
        "title_count": len(show_ids),
        **counts_of_service(standin.requests()),
        **counts_of_timings(timings),
    }
    return MeasuredRun(row, scopes_of(timings, run_id))
