"""What a run takes of memory, and how much may be done at once to keep a limit. Pure.

The sum is one of parts that are all taken for full at the same time::

    the run's process      320 MiB      what it imports, and an empty library
    the library              2 KiB      for each file: the plan holds all of them
    workers                 each        its address space; what it uses stays about 190 MiB below
    batches at work         each        32 MiB on disk, 24 MiB in the network, and 4 KiB an item
    answers and pictures    each        two in memory for each that is in flight: 0.5 MiB, or 4 MiB a picture
    the load                            what DuckDB is allowed

A Prefect server is not in it: it is another program, which may run anywhere.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tasks.core.errors import SettingsRefused
from tasks.core.settings import LEAST_LOAD_MEMORY_BYTES, LEAST_WORKER_MEMORY_BYTES, Settings
from tasks.core.units import human_size

MIB = 1024**2
BASE_BYTES = 320 * MIB
"""An unchanged run of 15 files has 290 MiB."""
FILE_BYTES = 2 * 1024
"""1.2 KiB were measured: a million files, all of them moved, take 1.2 GiB to be planned."""
DISK_BATCH_BYTES = 32 * MIB
"""50,000 listings wait to be saved together in 25 MB."""
NETWORK_BATCH_BYTES = 24 * MIB
"""A hundred titles with all their people wait to be saved together."""
ITEM_BYTES = 4 * 1024
"""3.1 KiB were measured for a name that has been read, 0.6 KiB for a file to be measured."""
ANSWER_BYTES = MIB // 2
PICTURE_BYTES = 4 * MIB
"""Pictures in full size are seldom larger; ``artwork.max_size_bytes`` bounds the single one, not their sum."""
HASHER_BYTES = 24 * MIB
"""A process that reads whole files, one for each disk: 20 MiB were measured."""
LARGEST_LIMITED_BATCH = 250
"""Items of a batch where there is a limit. It is the same for all limits, and whatever is known of the library, so that
a retry cuts the same batches."""

LEAST: Mapping[str, int] = {
    "workers": 1,
    "worker_memory_bytes": LEAST_WORKER_MEMORY_BYTES,
    "disk_threads": 1,
    "network_threads": 1,
    "connections": 1,
    "downloads": 1,
    "load_memory_bytes": LEAST_LOAD_MEMORY_BYTES,
}
"""The smallest shape, but for batches."""

DISK_BATCHES = ("fingerprint", "probe", "hash")


@dataclass(frozen=True)
class Shape:
    """How much is done at once."""

    workers: int
    worker_memory_bytes: int
    disk_threads: int
    network_threads: int
    connections: int
    downloads: int
    load_memory_bytes: int
    batch_sizes: Mapping[str, int]


def taken_bytes(shape: Shape, settings: Settings, items: Mapping[str, int], *, disk_count: int) -> int:
    """What a run of ``shape`` takes at most; ``items`` as in ``adapt.Facts``."""
    file_count = items.get("discover", 0)
    largest = {}
    for stage, size in shape.batch_sizes.items():
        # What is not counted yet is seldom more than the files; pictures are, but each takes less than a name.
        count = items.get(stage, items.get("discover", size))
        largest[stage] = min(count, max(size, -(-count // settings.flow.most_batches_of(stage))))
    disk_items = max(largest[stage] for stage in DISK_BATCHES)
    network_items = max(count for stage, count in largest.items() if stage not in DISK_BATCHES)
    pictures_bytes = shape.downloads * PICTURE_BYTES if settings.artwork.enabled else 0
    in_flight_bytes = 2 * max(shape.connections * ANSWER_BYTES, pictures_bytes)
    return (
        BASE_BYTES
        + file_count * FILE_BYTES
        + shape.workers * shape.worker_memory_bytes
        + (max(1, disk_count) * HASHER_BYTES if settings.probe.full_hash else 0)
        + shape.disk_threads * (DISK_BATCH_BYTES + disk_items * ITEM_BYTES)
        + shape.network_threads * (NETWORK_BATCH_BYTES + network_items * ITEM_BYTES + in_flight_bytes)
        + shape.load_memory_bytes
    )


def kept_within(
    limit_bytes: int,
    wished: Shape,
    settings: Settings,
    items: Mapping[str, int],
    *,
    disk_count: int,
    fixed: Collection[str],
) -> Shape:
    """The largest shape up to ``wished`` that takes no more than ``limit_bytes``.

    Workers come first, as they do most of the work, each with little memory. Then what is left is given back by what it
    brings: to downloads and requests, to batches of the network and the disk, to the load, to each worker.

    Args:
        fixed: names of what a person has set, which stays as it is.

    Raises:
        SettingsRefused: no shape is small enough; the message names the smallest limit that works.
    """

    def taken(shape: Shape) -> int:
        return taken_bytes(shape, settings, items, disk_count=disk_count)

    floor: dict[str, Any] = {
        name: min(least, getattr(wished, name)) for name, least in LEAST.items() if name not in fixed
    }
    kept = replace(wished, **floor)
    if taken(kept) > limit_bytes:
        raise SettingsRefused(
            f"flow.memory_limit_bytes is {limit_bytes} ({human_size(limit_bytes)}), too little for "
            f"{items.get('discover', 0):,} files with these settings: the smallest that works is "
            f"{-(-taken(kept) // MIB) * MIB}"
        )
    for name, values in _steps(kept, wished):
        larger = (replace(kept, **{name: value}) for value in values)
        kept = next((shape for shape in larger if taken(shape) <= limit_bytes), kept)
    more_bytes = min(
        (limit_bytes - taken(kept)) // kept.workers // MIB * MIB, wished.worker_memory_bytes - kept.worker_memory_bytes
    )
    return replace(kept, worker_memory_bytes=kept.worker_memory_bytes + more_bytes)


def _steps(least: Shape, wished: Shape) -> Iterator[tuple[str, list[Any]]]:
    """Name and values, the largest first, of what is given back, in this order."""
    for name in ("workers", "downloads", "connections", "network_threads", "disk_threads"):
        yield name, list(range(getattr(wished, name), getattr(least, name), -1))
    halves = []
    size_bytes = wished.load_memory_bytes
    while size_bytes > least.load_memory_bytes:
        halves.append(size_bytes)
        size_bytes //= 2
    yield "load_memory_bytes", halves
