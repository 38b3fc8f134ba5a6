"""What a step is: a Prefect task over a batch, with its result kept, retried when that may help, and timed.

The only place below the flows that knows Prefect. Rules it stands for (measured, Prefect 3.8):

* results persist under the default policy (inputs + source + run), so a retry of a run redoes only what is not done;
* inputs are small plain values: an open client or a lock would make Prefect forget what is done;
* steps are plain functions run in threads; what is asynchronous runs inside a step.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.client.schemas.objects import State, TaskRun

from tasks.core.errors import Transient
from tasks.core.stopwatch import span

P = ParamSpec("P")
R = TypeVar("R")


def step(name: str, *, run_name: str | None = None) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Make a door: the function becomes a Prefect task called ``name``.

    Args:
        run_name: name of a single run in the UI, ``name`` by default; fields of its parameters are filled in, as
            ``"probe {batch.name}"``.
    """

    def decorate(function: Callable[P, R]) -> Task[P, R]:
        @functools.wraps(function)
        def measured(*args: P.args, **kwargs: P.kwargs) -> R:
            with span(f"{name}.step") as timing:
                began_s = time.thread_time()
                try:
                    return function(*args, **kwargs)
                finally:
                    timing.note(cpu_s=time.thread_time() - began_s)

        return task(
            name=name,
            task_run_name=run_name or name,
            persist_result=True,
            retry_condition_fn=_may_pass,
        )(measured)

    return decorate


def _may_pass(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether a failed step is worth another try: only what is marked as transient is."""
    return isinstance(state.result(raise_on_failure=False), Transient)
