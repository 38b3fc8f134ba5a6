"""A run as it goes on: steps over batches, and what they came to.

What is asked of Prefect lies in scopes of its own, so that its share of a run is known: ``prefect.call`` from the call
of a step to its end, ``prefect.submit`` handing over the batches of a stage, ``prefect.wait`` waiting for them. Where
no step is at work within, the time is Prefect's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from prefect import Task, unmapped
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture
from prefect.states import Completed, Failed
from prefect.task_runners import TaskRunner

from flows.lanes import lane, threads
from tasks.collect.account import StageTask
from tasks.core.layout import DataFolder
from tasks.core.paths import Confirmed, Folders
from tasks.core.progress import progress
from tasks.core.settings import Settings
from tasks.core.stopwatch import Record, record_duration, span
from tasks.staging import Batch, BatchResult, Ledger, Results, settled_count
from tasks.timings.costs import Costs

Door = Task[..., Any]
"""A step over a batch; it gives a ``BatchResult``."""


def calling(step: Callable[..., Any]) -> AbstractContextManager[Record]:
    """The scope in which a step is called that works on everything at once."""
    return span("prefect.call", item=getattr(step, "name", None))


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
    costs: Costs | None = None
    """What past runs teach, once that was asked."""
    image_base_url: str | None = None
    """Where pictures are, once the service was asked."""
    task_run_count: int = 0
    earlier_s: float = 0.0
    """Seconds that earlier executions of this run took."""
    began_s: float = field(default_factory=time.monotonic)
    """``time.monotonic()`` when this execution began."""

    @property
    def is_completed(self) -> bool:
        """Whether all batches so far are."""
        return all(state.is_completed() for state in self.states)

    @property
    def staging(self) -> str:
        """Its staging folder."""
        return str(self.data.staging(self.run_id))

    @contextmanager
    def lane(self, batches_at_once: int, *, in_all: bool = False, is_here: bool = False) -> Iterator[TaskRunner[Any]]:
        """A place for batches (``flows.lanes``); ``is_here`` if it must be this process, whatever the settings say."""
        place = threads(batches_at_once) if is_here else lane(self.settings, batches_at_once, in_all=in_all)
        with ExitStack() as stack:
            with span("lane.open"):
                runner = stack.enter_context(place)
            yield runner
            with span("lane.close"):
                stack.close()

    def map(
        self, runner: TaskRunner[Any], door: Door, batches: Sequence[Batch], **fixed: Any
    ) -> list[PrefectFuture[BatchResult]]:
        """Start a door for every batch."""
        if not batches:
            return []
        self.task_run_count += len(batches)
        options = self.settings.flow
        retried = door.with_options(retries=options.retries, retry_delay_seconds=options.retry_delay_s)
        parameters: dict[str, Any] = {"batch": list(batches)}
        parameters |= {name: unmapped(value) for name, value in fixed.items()}  # a settings object is no list of values
        # No span: the steps begin in it, and would name it as theirs long after its end.
        started_ns, began = time.time_ns(), time.perf_counter()
        futures = list(runner.map(retried, parameters))
        record_duration("prefect.submit", time.perf_counter() - began, started_ns=started_ns, item=door.name)
        return futures

    def wait(
        self, futures: Iterable[PrefectFuture[BatchResult]], batches: Sequence[Batch], *, id_column: str
    ) -> Results:
        """The results of a stage, ``None`` where a batch failed; every item of a failed batch has an outcome."""
        results: list[BatchResult | None] = []
        for future, batch in zip(futures, batches, strict=True):
            with span("prefect.wait", item=f"{batch.stage} {batch.name}"):
                future.wait()
            self.states.append(future.state)
            result = future.state.result(raise_on_failure=False)
            if isinstance(result, BatchResult):
                results.append(result)
            else:
                Ledger(batch, id_column=id_column).abandon(result)
                results.append(None)
        return tuple(results)

    def final_state(self) -> State[Any]:
        """What the run comes to in Prefect: Failed if a retry may do better."""
        failed_count = sum(not state.is_completed() for state in self.states)
        if not failed_count:
            return Completed(message=f"{len(self.states)} batches, all done")
        return Failed(
            message=f"{failed_count} of {len(self.states)} batches hold items that failed and may succeed later: "
            "Retry does exactly these again; the report among the artifacts names them"
        )

    def once(self, step: Callable[..., Any], *args: Any) -> Any:
        """Run a step that works on everything at once; its failure ends the run."""
        self.task_run_count += 1
        with calling(step):
            return step(*args)

    def attempt(self, step: Callable[..., Any], *args: Any) -> State[Any]:
        """Run a step that works on everything at once; the state it gives says whether it failed."""
        self.task_run_count += 1
        with calling(step):
            state: State[Any] = step(*args, return_state=True)
        return state

    def begin(
        self,
        stage: str,
        total_count: int,
        batches: Sequence[Batch],
        *,
        is_deferred: bool = False,
        shows_items: bool = True,
    ) -> None:
        """Note what a stage is responsible for, and show it.

        Args:
            is_deferred: it is not going to run, because something it needs is missing.
            shows_items: whether its progress counts these items; what an earlier execution has done counts as done.
        """
        planned_count = sum(batch.item_count for batch in batches)
        self.stages[stage] = StageTask(total_count, planned_count, is_deferred)
        if is_deferred:
            return
        if shows_items:
            with span("stage.begin", item=stage):
                progress.begin(stage, planned_count, done_before=settled_count(self.staging, stage))
        else:
            progress.begin(stage)
