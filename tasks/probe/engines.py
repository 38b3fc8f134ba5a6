"""The engines by their names in the settings: which module measures, with what options, in which workers."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from tasks.core.errors import ProbeEngineBroken
from tasks.core.settings import ProbeSettings
from tasks.probe.facts import Facts
from tasks.probe.pool import Pool, shared_pool

GIB_ALLOWANCE_S = 1.0
"""Seconds a file may take more for every GiB it has: the index of a film at 24 frames a second grows with its length,
and a slow share needs a while to reach an end that lies far away."""

_MODULES = {"pyav": "tasks.probe.pyav_engine", "ffprobe": "tasks.probe.ffprobe_engine"}


def measure(
    paths: Sequence[bytes], settings: ProbeSettings, *, sizes_bytes: Sequence[int] | None = None
) -> Iterator[tuple[int, Facts]]:
    """Measure ``paths`` with the engine of ``settings`` and give ``(index, facts)`` as they come, in no certain order.

    The facts always name engine and version, also where the engine died before it could say so.

    Args:
        sizes_bytes: size of each file where it is known: large ones may take longer.

    Raises:
        ProbeEngineBroken: the engine is not there, or no worker process can be started.
    """
    version = _version(settings.engine, settings.ffprobe)
    deadline_s: float | list[float] = settings.deadline_s
    if sizes_bytes is not None:
        deadline_s = [settings.deadline_s + GIB_ALLOWANCE_S * size_bytes / 1024**3 for size_bytes in sizes_bytes]
    for index, facts in engine_pool(settings).measure(
        paths, deadline_s=deadline_s, chunk_size=settings.chunk_size, **_options(settings)
    ):
        facts.setdefault("engine", settings.engine)
        facts.setdefault("engine_version", version)
        yield index, facts


def engine_versions(settings: ProbeSettings) -> tuple[str, ...]:
    """The versions that measure now: measurements by others are made anew, or not taken over, where settings say so.

    Empty where no setting asks for PyAV's, as it costs the libraries' start.

    Raises:
        ProbeEngineBroken: the engine is not there.
    """
    if settings.engine == "pyav" and settings.remeasure != "other_engine" and not settings.reuse_warehouses:
        return ()
    versions = [_version(settings.engine, settings.ffprobe)]
    if settings.engine == "pyav" and settings.ffprobe_for_unknown:
        from tasks.probe.pyav_engine import instead_of_pyav

        with suppress(ProbeEngineBroken):
            versions.append(instead_of_pyav(_version("ffprobe", settings.ffprobe)))
    return tuple(versions)


def engine_pool(settings: ProbeSettings) -> Pool:
    """The workers of the engine of ``settings``, shared by all batches with these settings."""
    return shared_pool(settings.workers, _MODULES[settings.engine], settings.worker_memory_bytes)


def _options(settings: ProbeSettings) -> dict[str, Any]:
    """What the engine's ``measure`` takes beside the path."""
    options: dict[str, Any] = {"read_first_frame": settings.read_first_frame}
    if settings.engine == "ffprobe":
        return {**options, "ffprobe": settings.ffprobe, "ffprobe_calls": settings.ffprobe_calls}
    return {**options, "ffprobe": settings.ffprobe if settings.ffprobe_for_unknown else None}


@functools.cache
def _version(engine: str, ffprobe: str) -> str:
    """Version of the engine, asked once a process.

    Raises:
        ProbeEngineBroken: the program ffprobe is not there.
    """
    if engine == "ffprobe":
        from tasks.probe.ffprobe_engine import check

        return check(ffprobe)
    from tasks.probe.pyav_engine import ENGINE_VERSION

    return ENGINE_VERSION
