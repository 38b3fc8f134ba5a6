"""Lanes: batches that are worked on at once, in threads of this process or by the workers of a Dask cluster."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from tasks.core.errors import SettingsRefused
from tasks.core.settings import Settings


def for_runner(settings: Settings) -> Settings:
    """The settings as the steps need them: where several machines ask the metadata service, they share its pace."""
    if settings.flow.runner == "threads" or settings.scrape.pace_folder is not None:
        return settings
    scrape = settings.scrape.model_copy(update={"pace_folder": settings.data_dir.absolute() / "pace"})
    return settings.model_copy(update={"scrape": scrape})


@contextmanager
def lane(settings: Settings, batches_at_once: int, *, in_all: bool = False) -> Iterator[TaskRunner[Any]]:
    """A place for batches, of which ``batches_at_once`` are worked on at the same time; the others wait.

    When the run is interrupted, batches that wait are dropped, and those at work are not waited for: one may sleep for
    half a minute before it is run again.

    Args:
        in_all: on a Dask cluster so many in all, where one disk serves all machines; else so many on each worker.

    Raises:
        Refused: the scheduler or one of its workers is not there or not fit; says which, and why.
    """
    if settings.flow.runner == "threads":
        with threads(batches_at_once) as runner:
            yield runner
        return
    if settings.flow.dask_scheduler is None:
        raise SettingsRefused('flow.runner is "dask": say where with flow.dask_scheduler = "tcp://host:8786"')
    try:
        from flows.machines import workers
    except ModuleNotFoundError as exc:
        raise SettingsRefused(
            f'flow.runner is "dask", and {exc.name} is not installed; it comes with: pip install "reelhouse[dask]"'
        ) from exc
    with _dropped_when_interrupted(workers(settings, batches_at_once, in_all=in_all)) as runner:
        yield runner


@contextmanager
def threads(batches_at_once: int) -> Iterator[TaskRunner[Any]]:
    """A lane in this process, also where the others are on other machines."""
    with _dropped_when_interrupted(ThreadPoolTaskRunner(max_workers=batches_at_once)) as runner:
        yield runner


@contextmanager
def _dropped_when_interrupted(lane_to_enter: Any) -> Iterator[TaskRunner[Any]]:
    with ExitStack() as stack:
        runner: TaskRunner[Any] = stack.enter_context(lane_to_enter)
        try:
            yield runner
        except Exception:
            raise
        except BaseException:
            threading.Thread(target=stack.pop_all().close, name="dropped-lane", daemon=True).start()
            raise
