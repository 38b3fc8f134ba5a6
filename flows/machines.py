"""Batches on other machines: the workers of a Dask cluster (extra ``reelhouse[dask]``).

Prefect's own runner for Dask hands all batches to the scheduler at once. Here every lane holds back what is beyond its
bound, takes each result as soon as it is there (Dask would do it again if the worker that holds it dies), and gives
every batch a final state, also one whose workers were killed.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import importlib
import platform
import socket
import sqlite3
import tempfile
import threading
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import httpx
import tenacity
from distributed import Client, KilledWorker, Worker, WorkerPlugin
from prefect import Flow, Task, get_client
from prefect.client.schemas.objects import RunInput, State
from prefect.context import serialize_context
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.futures import PrefectConcurrentFuture, PrefectFuture
from prefect.runtime import flow_run
from prefect.settings import get_current_settings
from prefect.states import Crashed
from prefect.task_engine import run_task_sync
from prefect.task_runners import TaskRunner

from tasks.core import atomic, secrets
from tasks.core.errors import BatchIncomplete, Refused
from tasks.core.layout import DataFolder
from tasks.core.progress import progress
from tasks.core.settings import Settings
from tasks.http import loop as network
from tasks.http.store import Store
from tasks.probe.pool import close_pool
from tasks.staging import Batch, BatchResult
from tasks.timings.store import recording

SCHEDULER_TIMEOUT_S = 5.0
WORKERS_TIMEOUT_S = 10.0
SERVER_TIMEOUT_S = 5.0
RECORDED_WITHIN_S = 10.0


@contextmanager
def workers(settings: Settings, batches_at_once: int, *, in_all: bool) -> Iterator[TaskRunner[Any]]:
    """The workers of the cluster in ``settings``, fit for this run, as a runner of batches.

    While the block lasts each of them, also one that comes later, records timings for the run; afterwards it lets go of
    the processes and connections it had for it.

    Raises:
        Refused: the scheduler does not answer, it has no workers, or one of them is not fit.
    """
    data = DataFolder(settings.data_dir.absolute())
    with ExitStack() as stack:
        client = stack.enter_context(_connected(settings.flow.dask_scheduler or ""))
        count = _checked(client, data, settings.flow.dask_scheduler or "")
        guest = _Guest(str(data.timings), str(flow_run.id or "none"), settings.timings.flush_every_s)
        name = f"reelhouse-{uuid.uuid4().hex}"
        client.register_plugin(guest, name=name)
        stack.callback(_unregister, client, name)
        yield stack.enter_context(WorkerLane(client, batches_at_once if in_all else batches_at_once * count))


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    try:
        client = Client(address, timeout=SCHEDULER_TIMEOUT_S, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as exc:
        raise Refused(
            f"no Dask scheduler answers at flow.dask_scheduler = {address} within {SCHEDULER_TIMEOUT_S:g} s; "
            "start it with: dask scheduler"
        ) from exc
    with client:
        yield client


def _unregister(client: Client, name: str) -> None:
    with suppress(Exception):  # the cluster may be gone; what happened to its batches is told by them
        client.unregister_worker_plugin(name)  # type: ignore[no-untyped-call]


class WorkerLane(TaskRunner[PrefectConcurrentFuture[Any]]):
    """Hands batches to the cluster, ``batches_at_once`` of them at a time.

    A thread of this process waits for each of those, so a batch that is done makes room for the next at once.
    """

    def __init__(self, client: Client, batches_at_once: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._client = client
        self._batches_at_once = batches_at_once
        self._threads = ThreadPoolExecutor(batches_at_once, thread_name_prefix="batch-elsewhere")

    def duplicate(self) -> Self:
        """Another lane on the same cluster."""
        return type(self)(self._client, self._batches_at_once)

    def submit(
        self,
        task: Task[..., Any],
        parameters: dict[str, Any],
        wait_for: Iterable[PrefectFuture[Any]] | None = None,
        dependencies: dict[str, set[RunInput]] | None = None,
    ) -> PrefectConcurrentFuture[Any]:
        """Have a step run on a worker as soon as the lane has room; the future gives its final state."""
        task_run_id = uuid.uuid4()
        door = _Door(task.fn.__module__, task.fn.__qualname__, task.retries, task.retry_delay_seconds)
        arguments = {
            "task_run_id": task_run_id,
            "parameters": parameters,
            "wait_for": wait_for,
            "dependencies": dependencies,
        }
        context = contextvars.copy_context()
        future: Future[Any] = self._threads.submit(context.run, self._work_off, door, arguments)
        return PrefectConcurrentFuture(task_run_id=task_run_id, wrapped_future=future)

    def _work_off(self, door: _Door, arguments: dict[str, Any]) -> Any:
        context = serialize_context()
        flow = context["flow_run_context"].pop("flow", None)
        key = f"{door.name}-{arguments['task_run_id']}"
        try:
            there = self._client.submit(
                _run_door, door, flow.name if flow else "", context, arguments, key=key, pure=False
            )
            state: Any = there.result()
        except Exception as exc:  # whatever Dask says of workers and of itself: the batch has no state of its own
            lost: State[Any] = Crashed(message=f"no worker has finished the batch: {exc}", data=exc)
            if isinstance(exc, KilledWorker):
                _record(arguments["task_run_id"], lost)
            return lost
        _tell(arguments["parameters"].get("batch"), state)
        return state

    def __exit__(self, *args: Any) -> None:
        self._threads.shutdown(cancel_futures=True)
        super().__exit__(*args)


def _record(task_run_id: uuid.UUID, state: State[Any]) -> None:
    """Tell the server of a state that no worker is left to tell; else the task would seem to run for ever.

    What the dead worker has told it before arrives in the background, so it may not know the task yet.
    """
    tries = tenacity.Retrying(
        stop=tenacity.stop_after_delay(RECORDED_WITHIN_S),
        wait=tenacity.wait_fixed(0.5),
        retry=tenacity.retry_if_exception_type((ObjectNotFound, httpx.HTTPStatusError)),
        reraise=True,
    )
    with suppress(PrefectException, httpx.HTTPError), get_client(sync_client=True) as client:
        tries(client.set_task_run_state, task_run_id, state.model_copy(update={"data": None}), force=True)


@dataclass(frozen=True)
class _Door:
    """A step by its name: as an object it would take its module along, and Prefect would not know its source again."""

    module: str
    name: str
    retries: int
    retry_delay_s: Any


def _run_door(door: _Door, flow_name: str, context: dict[str, Any], arguments: dict[str, Any]) -> Any:
    """On a worker: run a step as part of the flow run in ``context``; gives its final state."""
    task: Task[..., Any] = getattr(importlib.import_module(door.module), door.name)
    if context["flow_run_context"]:
        context["flow_run_context"]["flow"] = _flow_called(flow_name)
    retried = task.with_options(retries=door.retries, retry_delay_seconds=door.retry_delay_s)
    return run_task_sync(task=retried, context=context, return_type="state", **arguments)


@functools.cache
def _flow_called(name: str) -> Flow[..., Any]:
    """What Prefect wants to know of the flow on a worker is its name; the flow itself holds locks and cannot travel."""
    return Flow(_flow_elsewhere, name=name)


def _flow_elsewhere() -> None:
    """The flow runs in another process."""


def _tell(batch: Any, state: State[Any]) -> None:
    """Count the items of a batch: the worker counted them one by one, but in its own process."""
    if not isinstance(batch, Batch):
        return
    result = state.result(raise_on_failure=False)
    if isinstance(result, BatchResult | BatchIncomplete):
        progress.advance(batch.stage, batch.item_count, failed=result.failed_count)


@dataclass(frozen=True)
class _Errand:
    """What a worker is asked about itself."""

    data_dir: str
    mark: str
    """Name of a file there that was just written."""
    locked: str
    """Name of a database there that this process has locked."""
    prefect_url: str | None
    needs_token: bool
    versions: tuple[str, ...]


def _versions() -> tuple[str, ...]:
    return (f"reelhouse {version('reelhouse')}", f"Python {platform.python_version().rpartition('.')[0]}")


def _checked(client: Client, data: DataFolder, address: str) -> int:
    """Ask every worker whether it can do its part; gives how many there are.

    Raises:
        Refused: there is none, or one cannot.
    """
    try:
        client.wait_for_workers(1, timeout=WORKERS_TIMEOUT_S)
    except TimeoutError as exc:
        raise Refused(
            f"the Dask scheduler at {address} has no workers; start them with: dask worker {address}"
        ) from exc
    Store(data.path, is_shared=True).close()  # so that no two workers change its journal at the same moment
    with tempfile.TemporaryDirectory(prefix="machines-", dir=data.path) as folder:
        atomic.write_bytes(Path(folder, "mark"), b"")
        with closing(sqlite3.connect(Path(folder, "locked"), isolation_level=None)) as locked:
            locked.execute("CREATE TABLE t (x)")
            locked.execute("BEGIN EXCLUSIVE")
            errand = _Errand(
                folder,
                "mark",
                "locked",
                get_current_settings().api.url,
                secrets.token_of("tmdb") is not None,
                _versions(),
            )
            try:
                answers = client.run(_complaint, errand)
            except Exception as exc:  # it cannot even read the question
                raise Refused(
                    f"a Dask worker cannot run reelhouse: {type(exc).__name__}: {exc}; install on every machine what "
                    f"is installed here ({', '.join(_versions())})"
                ) from exc
    complaints = [f"{worker}: {said}" for worker, said in sorted(answers.items()) if said]
    if complaints:
        raise Refused("Dask workers are not fit for this run:\n" + "\n".join(complaints))
    return len(answers)


def _complaint(errand: _Errand) -> str | None:
    """On a worker: what keeps it from doing its part; ``None`` if nothing does."""
    host = socket.gethostname()
    if _versions() != errand.versions:
        return f"{host} has {', '.join(_versions())}, not {', '.join(errand.versions)}"
    if not Path(errand.data_dir, errand.mark).exists():
        return f"{host} does not see the data folder {Path(errand.data_dir).parent} at the same path"
    try:
        with tempfile.TemporaryFile(dir=errand.data_dir):
            pass
    except OSError as exc:
        return f"{host} may not write in the data folder {Path(errand.data_dir).parent} ({exc.strerror})"
    with closing(sqlite3.connect(Path(errand.data_dir, errand.locked), timeout=0, isolation_level=None)) as database:
        try:
            database.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                return f"{host}: locks fail in the data folder {Path(errand.data_dir).parent} ({exc})"
        else:
            return f"{host} does not see locks of other machines in the data folder {Path(errand.data_dir).parent}"
    if errand.needs_token and secrets.token_of("tmdb") is None:
        return f"{host} has no {secrets.VARIABLES['tmdb']} in the environment of its worker"
    if errand.prefect_url is not None:
        try:
            with urllib.request.urlopen(f"{errand.prefect_url.rstrip('/')}/health", timeout=SERVER_TIMEOUT_S):
                pass
        except urllib.error.HTTPError:
            pass  # it asks who we are, so it is there
        except OSError as exc:
            return f"{host} does not reach the Prefect server at PREFECT_API_URL={errand.prefect_url} ({exc})"
    return None


class _Guest(WorkerPlugin):
    """On every worker while a lane of the run is open: the run's timings; the last lane closes what was opened."""

    def __init__(self, timings: str, run_id: str, flush_every_s: float) -> None:
        self._stay = (timings, run_id)
        self._flush_every_s = flush_every_s

    async def setup(self, worker: Worker) -> None:  # noqa: ARG002
        """A lane opens; Dask calls it on a worker that is there, or comes later."""
        await asyncio.to_thread(_arrive, *self._stay, self._flush_every_s)

    async def teardown(self, worker: Worker) -> None:  # noqa: ARG002
        """The lane closes."""
        await asyncio.to_thread(_leave, *self._stay)


@dataclass
class _Stay:
    recorded: ExitStack
    lane_count: int


_stays: dict[tuple[str, str], _Stay] = {}
_stays_lock = threading.Lock()


def _arrive(timings: str, run_id: str, flush_every_s: float) -> None:
    with _stays_lock:
        # One refresh at a time has a data folder: another run's stay there is that of a run that was killed.
        for stay in [stay for stay in _stays if stay[0] == timings and stay[1] != run_id]:
            _stays.pop(stay).recorded.close()
        if (timings, run_id) not in _stays:
            recorded = ExitStack()
            recorded.enter_context(recording(Path(timings), run_id, flush_every_s))
            _stays[timings, run_id] = _Stay(recorded, 0)
        _stays[timings, run_id].lane_count += 1


def _leave(timings: str, run_id: str) -> None:
    with _stays_lock:
        stay = _stays.get((timings, run_id))
        if stay is None:
            return
        stay.lane_count -= 1
        if stay.lane_count == 0:
            _stays.pop((timings, run_id)).recorded.close()
        if not _stays:  # a refresh of another library may be at work on the same worker
            network.close()
            close_pool()
