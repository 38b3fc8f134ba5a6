"""The work that benchmarks measure, each piece as a process of its own that imports nothing else.

``python -m flows.benchmark_subjects NAME`` reads its request as JSON from standard input and answers with a
:class:`flows.benchmark_runs.Run` as JSON: the time of the work alone, without the start of Python and the imports.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from flows.benchmark_runs import TOLD, Run, measured
from flows.keeper import end_with_parent
from tasks.core.errors import RefreshError
from tasks.core.memory import peak_memory_bytes
from tasks.core.units import printable

BATCHES_AT_ONCE = 2
"""As a refresh does it: while one batch is being saved, the other keeps the workers busy."""

Request = dict[str, Any]


def probe_stage(request: Request) -> Run:
    """The probe stage over the batches of ``request``: workers started, files measured, rows in staging."""
    from tasks.core.settings import ProbeSettings
    from tasks.probe.batch import probe_batch
    from tasks.probe.pool import close_pool
    from tasks.staging import Batch

    settings = ProbeSettings(**request["settings"])
    batches = [Batch(**batch) for batch in request["batches"]]
    found: dict[str, int] = {}

    def work() -> int:
        with ThreadPoolExecutor(BATCHES_AT_ONCE) as lane:
            results = list(lane.map(lambda batch: probe_batch(batch, settings), batches))
        close_pool()  # the CPU time of workers is known when they have ended
        found.update(
            done=sum(result.done_count for result in results),
            quarantined=sum(result.quarantined_count for result in results),
        )
        return sum(found.values())

    return dataclasses.replace(measured(work), found=found)


def probe_engine(request: Request) -> Run:
    """The engine alone: one file after the other in this process, no rows."""
    from tasks.probe import pyav_engine

    paths = _paths(request)
    return measured(lambda: sum(pyav_engine.measure(path, read_first_frame=True)["failure"] is None for path in paths))


def pyav_open(request: Request) -> Run:
    """The engine's library alone: PyAV opens one file after the other, and nothing is asked of it."""
    import av

    paths = _paths(request)

    def work() -> int:
        for path in paths:
            with av.open(f"file:{os.fsdecode(path)}"):
                pass
        return len(paths)

    return measured(work)


def probe_once(request: Request) -> Run:
    """One file with our engine, after another that has warmed it up; with what was read for it."""
    from tasks.probe import pyav_engine

    path = os.fsencode(request["path"])
    pyav_engine.measure(os.fsencode(request["warm_up"]), read_first_frame=True)
    if request["evict"]:
        evict(path)
    before = read_so_far("self")
    run = measured(lambda: int(pyav_engine.measure(path, read_first_frame=True)["failure"] is None))
    after = read_so_far("self")
    return dataclasses.replace(run, found={name: after[name] - before[name] for name in after if name in before})


def evict(path: bytes) -> None:
    """Drop what the page cache holds of a file, as far as the system allows it."""
    if not hasattr(os, "posix_fadvise"):
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)  # pages that are not on the disk yet cannot be dropped
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def read_so_far(process: int | str) -> dict[str, int]:
    """Bytes a process has asked for (``asked_bytes``) and had from a disk (``disk_bytes``); empty without ``/proc``."""
    try:
        lines = Path(f"/proc/{process}/io").read_text(encoding="ascii").splitlines()
    except OSError:
        return {}
    values = dict(line.split(": ") for line in lines)
    return {"asked_bytes": int(values["rchar"]), "disk_bytes": int(values["read_bytes"])}


def bare_scandir(request: Request) -> Run:
    """The yardstick: nothing but ``scandir`` and ``stat``; the facts of each file are kept for a folder only."""
    root = os.fsencode(request["root"])

    def work() -> int:
        count, folders = 0, [root]
        while folders:
            facts = []
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        at = entry.stat(follow_symlinks=False)
                        facts.append((entry.path, at.st_size, at.st_mtime_ns, at.st_ctime_ns, at.st_ino, at.st_dev))
            count += len(facts)
        return count

    return _with_peak(work)


def os_walk(request: Request) -> Run:
    """What most programs do: ``os.walk`` and ``lstat``."""
    root = os.fsencode(request["root"])

    def work() -> int:
        count = 0
        for folder, _, names in os.walk(root):
            facts = []
            for name in names:
                path = os.path.join(folder, name)  # noqa: PTH118 - bytes
                at = os.lstat(path)
                facts.append((path, at.st_size, at.st_mtime_ns, at.st_ctime_ns, at.st_ino, at.st_dev))
            count += len(facts)
        return count

    return _with_peak(work)


def walk(request: Request) -> Run:
    """Our walk alone: nothing is kept."""
    from tasks.core.settings import DiscoverySettings
    from tasks.discovery.walk import Walk

    root = os.fsencode(request["root"])
    settings = DiscoverySettings(**request["settings"])
    return _with_peak(lambda: sum(1 for _ in Walk(root, settings).files(root)))


def discovery_stage(request: Request) -> Run:
    """The discovery stage: our walk, its rows in staging."""
    from tasks.core.settings import DiscoverySettings
    from tasks.discovery.listing import list_entries
    from tasks.schema.files import Listings
    from tasks.staging import Batch, read_staged

    settings = DiscoverySettings(**request["settings"])
    batches = [Batch(**batch) for batch in request["batches"]]
    counters: dict[str, int] = {}

    def work() -> int:
        with ThreadPoolExecutor(BATCHES_AT_ONCE) as lane:
            for result in lane.map(lambda batch: list_entries(batch, settings), batches):
                counters.update({name: counters.get(name, 0) + n for name, n in result.counters.items()})
        return len(batches)

    run = _with_peak(work)
    listed = read_staged(Listings, staging=Path(batches[0].staging), stage="discover").height
    return dataclasses.replace(run, item_count=listed, found={**run.found, **counters})


def refresh_as_flow(request: Request) -> Run:
    """A refresh as the Prefect flow that it is; how far its stages were is sampled."""
    from flows.budgets_orchestration import as_flow

    return as_flow(**request)


def refresh_plainly(request: Request) -> Run:
    """The same steps as functions that are called."""
    from flows.budgets_orchestration import plainly

    return plainly(**request)


def refresh_on_server(request: Request) -> Run:
    """A refresh as a flow run of a server that runs already: what the lab compares."""
    from flows.lab_refresh import refresh_in_process

    return refresh_in_process(**request)


def replay_calls(request: Request) -> Run:
    """Calls and writes that an account tells of, one way or another: what the lab compares beside refreshes."""
    from flows.lab_replay import replay_in_process

    return replay_in_process(**request)


def _with_peak(work: Callable[[], int]) -> Run:
    """The run, and by how much it made this process larger than its imports had."""
    before_bytes = peak_memory_bytes()
    run = measured(work)
    after_bytes = peak_memory_bytes()
    return dataclasses.replace(run, peak_bytes=after_bytes, found={"grown_bytes": after_bytes - before_bytes})


def _paths(request: Request) -> list[bytes]:
    return Path(request["paths"]).read_bytes().split(b"\0")[:-1]


SUBJECTS: dict[str, Callable[[Request], Run]] = {
    function.__name__: function
    for function in (
        probe_stage,
        probe_engine,
        pyav_open,
        probe_once,
        bare_scandir,
        os_walk,
        walk,
        discovery_stage,
        refresh_as_flow,
        refresh_plainly,
        refresh_on_server,
        replay_calls,
    )
}


def main() -> None:
    """Do the work and answer; what stops it for a reason that people can mend is said in one line."""
    request = json.load(sys.stdin)
    end_with_parent(request.pop("parent"))
    try:
        run = SUBJECTS[sys.argv[1]](request)
    except RefreshError as exc:
        print(printable(str(exc)), file=sys.stderr, flush=True)
        os._exit(TOLD)  # without the last words of libraries, which would come after it
    print(json.dumps(dataclasses.asdict(run)))


if __name__ == "__main__":
    main()
