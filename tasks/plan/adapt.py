"""How much is done at once: workers, batches and requests in flight, by machine, library and past runs. Pure.

What a person has set holds. The rest is chosen within the bounds that the settings have, and every choice has a reason
for the run's log. Batch sizes come from settings, machine and past runs alone: what is known of the library when it is
asked changes them nowhere, so it may be asked early, and again when more is known. ``tasks.plan.memory`` says what all
of it takes, and keeps a limit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from tasks.core.settings import MOST_CONNECTIONS, MOST_WORKERS, BatchSizes, ProbeSettings, Settings
from tasks.core.units import human_duration, human_size
from tasks.plan.memory import BASE_BYTES, LARGEST_LIMITED_BATCH, Shape, kept_within, taken_bytes

WORKER_START_S = 0.4
"""What a worker costs before its first file; it must have as much to do to be worth it."""
WORKER_BYTES = 300 * 1024**2
"""What a worker may keep: 45 MiB from its start, and the growth after which it is replaced (``probe.worker``)."""
WORKERS_A_TURNING_DISK = 2
"""A disk that turns has one arm: a second reader lets it choose the shorter way, more only make it swing."""
LONGEST_BATCH_S = 60.0
"""A run that is cancelled from the UI waits for the batches at work."""
BATCH_S = LONGEST_BATCH_S / 2
"""What a batch is meant to take: half of the most, as the next library is not the last one."""
LARGEST_BATCH = 1_000
"""Items. A batch of quick items costs Prefect some 20 ms, which is little beside a thousand of them."""
SPARE_CONNECTIONS = 1.5
"""Requests in flight for each that the pace needs on average: some answers take longer than others."""

DISK_STAGES = ("fingerprint", "probe")
ASKING_STAGES = ("match", "scrape", "collections")
STAGES = tuple(BatchSizes.model_fields)

FILE_S = {"local": 0.01, "turning": 0.05, "remote": 0.045, "ffprobe": 0.06}
"""Seconds of a worker for a file where no past run tells. Files that the system holds in memory take 1 ms; those of a
share with 5 ms for each question 45 ms; one call of ffprobe 60 ms. The others allow for the way of a disk's arm."""
ITEM_S = {"fingerprint": 0.01, "hash": 20.0, "identify": 0.003, "artwork": 0.011}
"""Seconds of a stage for an item where no past run tells: 3 GiB at 150 MB/s, names that guessit must read, 90 pictures
a second."""


@dataclass(frozen=True)
class Disk:
    """What a root lies on."""

    profile: str
    """``local`` or ``remote``."""
    is_rotational: bool | None = None
    """``None`` where nobody knows."""


@dataclass(frozen=True)
class Machine:
    """What there is to work with."""

    cores: int
    available_bytes: int | None = None
    """Memory that nothing uses; ``None`` where nobody knows."""
    disks: tuple[Disk, ...] = ()


@dataclass(frozen=True)
class Facts:
    """What a run knows when it chooses."""

    machine: Machine
    items: Mapping[str, int] = field(default_factory=dict)
    """Stage -> items with work, as far as they are counted; ``discover`` counts all files of the library."""
    item_s: Mapping[str, float] = field(default_factory=dict)
    """Stage -> seconds an item took in past runs (``timings.costs``)."""
    call_s: float | None = None
    """Seconds in which the metadata service gave nine of ten answers in past runs."""


@dataclass(frozen=True)
class Adapted:
    """What was chosen; plain values, to be kept with the run so that a retry does the same."""

    settings: Settings
    """Those of the person, with all that was chosen filled in."""
    reasons: tuple[str, ...]
    """A sentence for each choice."""


def adapt(settings: Settings, facts: Facts) -> Adapted:
    """The settings with everything chosen that nobody has set, and why.

    Raises:
        SettingsRefused: ``flow.memory_limit_bytes`` cannot be kept; the message names the smallest that can.
    """
    workers, workers_because = _workers(settings.probe, facts)
    connections, connections_because = _connections(settings, facts)
    wished = Shape(
        workers=workers,
        worker_memory_bytes=settings.probe.worker_memory_bytes,
        disk_threads=settings.flow.disk_threads,
        network_threads=settings.flow.network_threads,
        connections=connections,
        downloads=settings.artwork.connections,
        load_memory_bytes=settings.warehouse.memory_bytes,
        batch_sizes={stage: _batch_size(stage, settings, facts) for stage in STAGES},
    )
    fixed = _fixed(settings, facts.machine)
    shape, limit_bytes = wished, settings.flow.memory_limit_bytes
    disk_count = len(facts.machine.disks)
    if limit_bytes is not None:
        shape = kept_within(limit_bytes, wished, settings, facts.items, disk_count=disk_count, fixed=fixed)

    def why(name: str, because: str = "default") -> str:
        if name in fixed:
            return "set"
        is_less = getattr(shape, name) < getattr(wished, name)
        return "reduced for the memory limit" if is_less else because

    reasons = [
        f"probe: {_many(shape.workers, 'worker')} ({why('workers', workers_because)})",
        f"worker memory: {human_size(shape.worker_memory_bytes)} each ({why('worker_memory_bytes')})",
        f"disk: {_at_once(shape.disk_threads)} ({why('disk_threads', 'one is saved while another is worked on')})",
        f"network: {_at_once(shape.network_threads)} ({why('network_threads')})",
        f"requests: {shape.connections} in flight ({why('connections', connections_because)})",
        f"downloads: {shape.downloads} in flight ({why('downloads')})",
        f"load: {human_size(shape.load_memory_bytes)} for DuckDB ({why('load_memory_bytes')})",
        *(_batch_reason(stage, shape.batch_sizes[stage], settings, facts) for stage in STAGES),
    ]
    if limit_bytes is not None:
        taken = human_size(taken_bytes(shape, settings, facts.items, disk_count=disk_count))
        reasons.append(f"memory: {taken} at most, of the {human_size(limit_bytes)} of the limit")
    return Adapted(_filled_in(settings, shape), tuple(reasons))


def _fixed(settings: Settings, machine: Machine) -> frozenset[str]:
    """Names in ``Shape`` of what somebody has set."""
    named = {
        "worker_memory_bytes": settings.probe.is_set("worker_memory_bytes"),
        "workers": _is_workers_set(settings.probe, machine),
        "disk_threads": settings.flow.is_set("disk_threads"),
        "network_threads": settings.flow.is_set("network_threads"),
        "connections": settings.scrape.is_set("connections"),
        "downloads": settings.artwork.is_set("connections"),
        "load_memory_bytes": settings.warehouse.is_set("memory_bytes"),
    }
    return frozenset(name for name, is_set in named.items() if is_set)


def _filled_in(settings: Settings, shape: Shape) -> Settings:
    """The settings with ``shape`` in them."""
    rooms = {
        "probe": {
            "workers": shape.workers,
            "remote_workers": shape.workers,
            "worker_memory_bytes": shape.worker_memory_bytes,
        },
        "scrape": {"connections": shape.connections},
        "artwork": {"connections": shape.downloads},
        "warehouse": {"threads": settings.warehouse.threads, "memory_bytes": shape.load_memory_bytes},
        "flow": {
            "disk_threads": shape.disk_threads,
            "network_threads": shape.network_threads,
            "batch_sizes": BatchSizes(**shape.batch_sizes),
        },
    }
    return settings.model_copy(
        update={room: getattr(settings, room).model_copy(update=values) for room, values in rooms.items()}
    )


def _workers(probe: ProbeSettings, facts: Facts) -> tuple[int, str]:
    """Workers for the files to be measured, and why."""
    count, because = _workers_of_disks(probe, facts.machine)
    if _is_workers_set(probe, facts.machine):
        return count, because
    file_counts = [facts.items[stage] for stage in DISK_STAGES if stage in facts.items]
    if "probe" not in facts.items and "discover" in facts.items:
        file_counts.append(facts.items["discover"])
    if file_counts:
        worth = max(1, int(max(file_counts) * _file_s(probe, facts, count) / WORKER_START_S))
        if worth < count:
            count = worth
            because = f"{_many(max(file_counts), 'file')}, too few for the start of one more; {because}"
    available_bytes = facts.machine.available_bytes
    if available_bytes is not None:
        fitting = max(1, (available_bytes - BASE_BYTES) // WORKER_BYTES)
        if fitting < count:
            count, because = fitting, f"{human_size(available_bytes)} of free memory; {because}"
    return count, because


def _is_workers_set(probe: ProbeSettings, machine: Machine) -> bool:
    return probe.is_set("workers") or (_is_remote(machine) and probe.is_set("remote_workers"))


def _is_remote(machine: Machine) -> bool:
    return any(disk.profile == "remote" for disk in machine.disks)


def _workers_of_disks(probe: ProbeSettings, machine: Machine) -> tuple[int, str]:
    """Workers for any number of files: what was set, or what cores and disks can take."""
    cores = _many(machine.cores, "core")
    local = [disk for disk in machine.disks if disk.profile != "remote"]
    turning_count = sum(disk.is_rotational is True for disk in local)
    count, kind = min(MOST_WORKERS, machine.cores), "local disk"
    if local and turning_count == len(local):
        count, kind = min(count, WORKERS_A_TURNING_DISK * turning_count), _many(turning_count, "turning disk")
    if probe.is_set("workers"):
        count = probe.workers
    if _is_remote(machine) and (probe.is_set("remote_workers") or not probe.is_set("workers")):
        is_alone = probe.is_set("remote_workers") and not local and not probe.is_set("workers")
        count = probe.remote_workers if is_alone else max(count, probe.remote_workers)
        kind = "network share, where a worker mostly waits"
    return count, f"{cores}, {kind}"


def _file_s(probe: ProbeSettings, facts: Facts, workers: int) -> float:
    """Seconds one worker takes for a file."""
    learnt_s = facts.item_s.get("probe")
    if learnt_s:
        return learnt_s * workers
    if probe.engine == "ffprobe":
        return FILE_S["ffprobe"]
    if _is_remote(facts.machine):
        return FILE_S["remote"]
    return FILE_S["turning" if any(disk.is_rotational for disk in facts.machine.disks) else "local"]


def _connections(settings: Settings, facts: Facts) -> tuple[int, str]:
    """Requests in flight, and why: by Little's law as many as are sent while one is answered."""
    scrape = settings.scrape
    if scrape.is_set("connections"):
        return scrape.connections, "set"
    if facts.call_s is None:
        return scrape.connections, "default, as no past run tells how long an answer takes"
    needed = math.ceil(min(MOST_CONNECTIONS, SPARE_CONNECTIONS * scrape.rate_hz * facts.call_s))
    return (
        max(scrape.connections, needed),
        f"an answer takes up to {human_duration(facts.call_s)}, and {scrape.rate_hz:g} requests a second are allowed",
    )


def _item_s(stage: str, settings: Settings, facts: Facts) -> tuple[float, bool]:
    """Seconds of a stage for an item, and whether a past run told it."""
    learnt_s = facts.item_s.get(stage)
    if stage in ASKING_STAGES:  # past answers may have come from our own store
        paced_s = 1 / settings.scrape.rate_hz
        return (learnt_s, True) if learnt_s and learnt_s > paced_s else (paced_s, False)
    if learnt_s:
        return learnt_s, True
    if stage == "probe":
        workers, _ = _workers_of_disks(settings.probe, facts.machine)
        return _file_s(settings.probe, facts, workers) / workers, False
    return ITEM_S[stage], False


def _lanes(stage: str, settings: Settings) -> int:
    """Batches of a stage that share its pace."""
    if stage == "hash":  # each disk has a lane of its own
        return 1
    return settings.flow.disk_threads if stage in DISK_STAGES else settings.flow.network_threads


def _batch_size(stage: str, settings: Settings, facts: Facts) -> int:
    """Items of a batch: as set, else as many as take half a minute beside the other batches of their lane."""
    if _is_size_set(stage, settings):
        return settings.flow.batch_size_of(stage)
    batch_item_s = _item_s(stage, settings, facts)[0] * _lanes(stage, settings)
    return max(1, int(min(_largest(settings), BATCH_S / batch_item_s)))


def _largest(settings: Settings) -> int:
    return LARGEST_BATCH if settings.flow.memory_limit_bytes is None else LARGEST_LIMITED_BATCH


def _is_size_set(stage: str, settings: Settings) -> bool:
    return settings.flow.is_set("batch_size") or getattr(settings.flow.batch_sizes, stage) is not None


def _batch_reason(stage: str, size: int, settings: Settings, facts: Facts) -> str:
    item_s, is_learnt = _item_s(stage, settings, facts)
    source = "in past runs" if is_learnt else "at best" if stage in ASKING_STAGES else "as no past run tells"
    because = f"{human_duration(item_s)} an item{' ' if is_learnt else ', '}{source}"
    if _is_size_set(stage, settings):
        because = "set"
    elif size == _largest(settings) < LARGEST_BATCH:
        because += "; no more, for the memory limit"
    said = f"{stage} batches: {_many(size, 'item')} each ({because})"
    count, most = facts.items.get(stage, 0), settings.flow.most_batches_of(stage)
    grown = max(size, -(-count // most))
    batch_s = grown * item_s * min(_lanes(stage, settings), -(-count // grown))
    if grown > size:
        said += f"; {count:,} items need {grown:,} each, so that there are no more than {most}"
    if batch_s > LONGEST_BATCH_S:
        said += f"; a batch may take {human_duration(batch_s)}, but a signal stops it at once"
    return said


def _at_once(count: int) -> str:
    return f"{_many(count, 'batch', 'batches')} at once"


def _many(count: int, one: str, more: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else more or one + 's'}"
