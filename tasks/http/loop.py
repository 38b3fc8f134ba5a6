"""One thread with an event loop, in which all network work of the process runs; steps hand it work and wait.

Steps are plain functions in several threads. Clients, pacers and the single flight of equal requests only work when all
of them share one loop, so there is one for the process. It starts when it is first needed.
"""

from __future__ import annotations

import asyncio
import atexit
import itertools
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from tasks.core.errors import ItemError
from tasks.core.stopwatch import record_value, timed

T = TypeVar("T")
R = TypeVar("R")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_thread: threading.Thread | None = None
_helpers: ThreadPoolExecutor | None = None  # for what would hold the loop up: reading and writing the store
_closers: list[Callable[[], Awaitable[None]]] = []


def run(coroutine: Coroutine[Any, Any, R]) -> R:
    """Run ``coroutine`` in the network thread and wait for what it returns.

    It sees the context variables of the caller, so spans opened inside name the caller's span as their parent. When the
    caller is interrupted, the coroutine is cancelled.
    """
    future = asyncio.run_coroutine_threadsafe(coroutine, _started())
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


def stream(
    items: Iterable[T], work: Callable[[T], Coroutine[Any, Any, R]], *, window: int
) -> Iterator[tuple[T, R | ItemError]]:
    """Give each item with what ``work`` made of it, as soon as it is ready, in no particular order.

    The caller's thread parses or decodes one result while the network thread fetches the next ones.

    Args:
        window: items under way or waiting to be taken, which bounds the memory; see :func:`window_of`.

    Raises:
        Exception: whatever ``work`` raises, other than an ``ItemError``, which is given in place of the result. What is
            under way is cancelled then, and also when the caller stops early.
    """
    loop = _started()
    waiting = iter(items)
    running: dict[Future[R], T] = {}
    try:
        while True:
            for item in itertools.islice(waiting, window - len(running)):
                running[asyncio.run_coroutine_threadsafe(work(item), loop)] = item
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                item = running.pop(future)
                error = future.exception()
                if error is None:
                    yield item, future.result()
                elif isinstance(error, ItemError):
                    yield item, error
                else:
                    raise error
    finally:
        for future in running:
            future.cancel()


def window_of(connections: int) -> int:
    """The window of :func:`stream` that keeps so many connections busy; with one, item after item is worked through.

    >>> window_of(8), window_of(1)
    (16, 1)
    """
    return 2 * connections if connections > 1 else 1


def on_close(closer: Callable[[], Awaitable[None]]) -> None:
    """Have ``closer`` awaited in the network thread before it ends."""
    _closers.append(closer)


@timed("http.close")
def close() -> None:
    """Close all clients and stores and end the network thread; what is asked later starts it anew.

    For the end of a run, when no step is at work any more. Calling it twice does no harm. The CPU time that the thread
    has taken is recorded (``resources.cpu``).
    """
    global _loop, _thread, _helpers  # noqa: PLW0603 - one network thread a process
    with _lock:
        loop, thread, helpers = _loop, _thread, _helpers
        _loop = _thread = _helpers = None
    if loop is None or thread is None or helpers is None or not thread.is_alive():
        return
    asyncio.run_coroutine_threadsafe(_wind_up(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    helpers.shutdown()  # not by asyncio: it starts a thread for that, which an ending interpreter does not allow
    loop.close()


async def _wind_up() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for closer in _closers:
        await closer()
    await asyncio.get_running_loop().shutdown_asyncgens()
    record_value("resources.cpu", time.thread_time(), unit="s", whose="network")


def _started() -> asyncio.AbstractEventLoop:
    global _loop, _thread, _helpers  # noqa: PLW0603 - one network thread a process
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            _helpers = ThreadPoolExecutor(4, thread_name_prefix="network-helper")
            _loop.set_default_executor(_helpers)
            _thread = threading.Thread(target=_loop.run_forever, name="network", daemon=True)
            _thread.start()
        return _loop


atexit.register(close)
