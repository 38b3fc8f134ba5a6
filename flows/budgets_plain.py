"""A refresh without Prefect: the steps of the flow, in the flow's own order, as functions in threads."""

from __future__ import annotations

import contextvars
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, cast

from prefect import Task
from prefect.client.schemas.objects import State
from prefect.logging import disable_run_logger
from prefect.states import Completed

from flows.refresh import carry_out
from flows.running import Door, Run
from tasks.core.layout import DataFolder
from tasks.core.progress import progress
from tasks.core.settings import Settings
from tasks.core.stopwatch import span
from tasks.discovery.task import plan_discovery
from tasks.http import loop as network
from tasks.probe.pool import close_pool
from tasks.staging import Batch, Results
from tasks.timings.store import recording
from tasks.warehouse.lock import holding
from tasks.warehouse.task import snapshot


class PlainRun(Run):
    """A run that calls its steps; what fails, fails the run."""

    @contextmanager
    def lane(self, batches_at_once: int, *, in_all: bool = False, is_here: bool = False) -> Iterator[Any]:  # noqa: ARG002
        """As many threads as the flow has."""
        with ThreadPoolExecutor(batches_at_once) as threads:
            yield threads

    def map(self, runner: Any, door: Door, batches: Sequence[Batch], **fixed: Any) -> list[Any]:
        """Start the function of a door for every batch."""
        self.task_run_count += len(batches)
        return [runner.submit(contextvars.copy_context().run, door.fn, batch, **fixed) for batch in batches]

    def wait(self, futures: Iterable[Any], batches: Sequence[Batch], *, id_column: str) -> Results:  # noqa: ARG002
        """The results of a stage."""
        return tuple(future.result() for future in futures)

    def once(self, step: Callable[..., Any], *args: Any) -> Any:
        """Call the function of a step."""
        self.task_run_count += 1
        return _function(step)(*args)

    def attempt(self, step: Callable[..., Any], *args: Any) -> State[Any]:
        """Call the function of a step."""
        return Completed(data=self.once(step, *args))


def _function(step: Callable[..., Any]) -> Callable[..., Any]:
    return cast(Task[..., Any], step).fn


def refresh_plainly(roots: Sequence[str], settings: Settings) -> int:
    """Refresh ``roots`` as ``flows.refresh`` does, without Prefect; returns the number of files found."""
    data = DataFolder(settings.data_dir.absolute())
    run_id = str(uuid.uuid4())
    staging = data.staging(run_id)
    progress.reset()
    with ExitStack() as stack:
        stack.enter_context(disable_run_logger())
        stack.enter_context(holding(data.warehouse))
        stack.enter_context(recording(data.timings, run_id, settings.timings.flush_every_s))
        stack.enter_context(span("refresh.run"))
        stack.callback(network.close)
        stack.callback(close_pool)
        started_at = _function(snapshot)(str(data.warehouse), str(staging))
        discovery = _function(plan_discovery)(str(staging), roots, (), settings.discovery)
        run = PlainRun(
            run_id=run_id,
            name="without Prefect",
            started_at=started_at,
            data=data,
            settings=settings,
            folders=discovery.folders,
            confirmed=discovery.confirmed,
            task_run_count=2,
        )
        record = carry_out(run, discovery)
        shutil.rmtree(staging)
    return int(record["file_count"])
