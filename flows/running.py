"""A run as it goes on: steps over batches, their lanes, and what they came to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from prefect import Task, unmapped
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from tasks.collect.account import StageTask
from tasks.core.layout import DataFolder
from tasks.core.progress import progress
from tasks.core.settings import Settings
from tasks.plan.task import Confirmed, Folders
from tasks.staging import Batch, BatchResult, Ledger, Results

Door = Task[..., Any]
"""A step over a batch; it gives a ``BatchResult``."""


@dataclass
class Run:
    """The run as it goes on: where it writes, what it has come to."""

    run_id: str
    name: str
    started_at: datetime
    data: DataFolder
    settings: Settings
    folders: Folders
    confirmed: Confirmed
    states: list[State[Any]] = field(default_factory=list)
    stages: dict[str, StageTask] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    task_run_count: int = 0

    @property
    def is_completed(self) -> bool:
        """Whether all batches so far are."""
        return all(state.is_completed() for state in self.states)

    @property
    def staging(self) -> str:
        """Its staging folder."""
        return str(self.data.staging(self.run_id))

    def map(
        self, threads: TaskRunner[Any], door: Door, batches: Sequence[Batch], **fixed: Any
    ) -> list[PrefectFuture[BatchResult]]:
        """Start a door for every batch."""
        if not batches:
            return []
        self.task_run_count += len(batches)
        options = self.settings.flow
        retried = door.with_options(retries=options.retries, retry_delay_seconds=options.retry_delay_s)
        parameters: dict[str, Any] = {"batch": list(batches)}
        parameters |= {name: unmapped(value) for name, value in fixed.items()}  # a settings object is no list of values
        return list(threads.map(retried, parameters))

    def wait(
        self, futures: Iterable[PrefectFuture[BatchResult]], batches: Sequence[Batch], *, id_column: str
    ) -> Results:
        """The results of a stage, ``None`` where a batch failed; every item of a failed batch has an outcome."""
        results: list[BatchResult | None] = []
        for future, batch in zip(futures, batches, strict=True):
            future.wait()
            self.states.append(future.state)
            result = future.state.result(raise_on_failure=False)
            if isinstance(result, BatchResult):
                results.append(result)
            else:
                Ledger(batch, id_column=id_column).abandon(result)
                results.append(None)
        return tuple(results)

    def once(self, step: Callable[..., Any], *args: Any) -> Any:
        """Run a step that works on everything at once; its failure ends the run."""
        self.task_run_count += 1
        return step(*args)

    def begin(self, stage: str, total_count: int, batches: Sequence[Batch], *, is_deferred: bool = False) -> None:
        """Note what a stage is responsible for, and show it."""
        planned_count = sum(batch.item_count for batch in batches)
        self.stages[stage] = StageTask(total_count, planned_count, is_deferred)
        if not is_deferred:
            progress.begin(stage, planned_count)


@contextmanager
def lane(batches_at_once: int) -> Iterator[TaskRunner[Any]]:
    """Threads for batches.

    When the run is interrupted, batches that wait are dropped, and those at work are not waited for: one may sleep for
    half a minute before it is run again.
    """
    with ExitStack() as stack:
        threads: TaskRunner[Any] = stack.enter_context(ThreadPoolTaskRunner(max_workers=batches_at_once))
        try:
            yield threads
        except Exception:
            raise
        except BaseException:
            threading.Thread(target=stack.pop_all().close, name="dropped-lane", daemon=True).start()
            raise
