"""Measure durations and values while a run works; ``tasks.timings`` keeps them as Parquet.

A scope measures one thing. Three forms write the same kind of record::

    with span("artwork.download", item=url, host=host) as timing:
        ...
        timing.note(bytes=len(body))

    @timed("identify.batch")            # plain and async functions
    def identify(...): ...

    record_value("artwork.images_per_title", 6, item=title_id)

Spans nest: a span opened inside another, also in a thread or task that was started with a copy of the context, names
it as its parent. Where nobody listens (:func:`listen`) a span costs its two clock readings and nothing is kept.
"""

from __future__ import annotations

import contextvars
import functools
import inspect
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

Attribute = str | int | float | bool | None
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(slots=True)
class Record:
    """One measured duration or value."""

    span_id: int
    parent_id: int | None
    name: str
    """What was measured, dotted: ``stage.action``."""
    kind: str
    """``duration`` (``value`` in seconds) or ``value``."""
    started_ns: int
    """Unix time in nanoseconds at which it began."""
    value: float
    ok: bool
    """False where the scope was left by an exception."""
    item: str | None
    thread_id: int
    attributes: dict[str, Attribute] = field(default_factory=dict)

    def note(self, **attributes: Attribute) -> None:
        """Add attributes that are only known inside the scope (bytes, status, engine)."""
        self.attributes.update(attributes)


Listener = Callable[[Record], None]

_listener: Listener | None = None
_ids = itertools.count(1)
_current: contextvars.ContextVar[int | None] = contextvars.ContextVar("reelhouse_span", default=None)


def listen(listener: Listener | None) -> Listener | None:
    """Send every record from now on to ``listener``, which must be safe to call from any thread; ``None`` stops.

    Returns the listener of before, so that a recording inside another can give it back.
    """
    global _listener  # one a process, set at the start and end of a run
    before, _listener = _listener, listener
    return before


if hasattr(os, "register_at_fork"):
    # A forked child has the listener but not the thread that empties it: it would only fill its memory.
    os.register_at_fork(after_in_child=lambda: listen(None))


def _send(record: Record) -> None:
    listener = _listener  # read once: another thread may end the recording between a test and the call
    if listener is not None:
        listener(record)


@contextmanager
def span(name: str, *, item: str | None = None, **attributes: Attribute) -> Iterator[Record]:
    """Measure the block; it is recorded also when the block raises."""
    record = Record(
        next(_ids), _current.get(), name, "duration", time.time_ns(), 0.0, True, item, threading.get_ident(), attributes
    )
    token = _current.set(record.span_id)
    began = time.perf_counter()
    try:
        yield record
    except BaseException:
        record.ok = False
        raise
    finally:
        record.value = time.perf_counter() - began
        _current.reset(token)
        _send(record)


def timed(name: str) -> Callable[[F], F]:
    """Measure every call of a plain or async function under ``name``."""

    def decorate(function: F) -> F:
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def measured_async(*args: Any, **kwargs: Any) -> Any:
                with span(name):
                    return await function(*args, **kwargs)

            return cast(F, measured_async)

        @functools.wraps(function)
        def measured(*args: Any, **kwargs: Any) -> Any:
            with span(name):
                return function(*args, **kwargs)

        return cast(F, measured)

    return decorate


def record_value(
    name: str, value: float, *, item: str | None = None, at_ns: int | None = None, **attributes: Attribute
) -> None:
    """Keep a number that is not a duration: a count, a size (``unit="byte"``).

    Args:
        at_ns: Unix time in nanoseconds of which it tells; now by default.
    """
    _emit("value", name, value, time.time_ns() if at_ns is None else at_ns, item, attributes, ok=True)


def record_duration(
    name: str,
    duration_s: float,
    *,
    started_ns: int,
    item: str | None = None,
    ok: bool = True,
    attributes: Mapping[str, Attribute] | None = None,
) -> None:
    """Keep a duration that was measured elsewhere, in another process for example."""
    _emit("duration", name, duration_s, started_ns, item, dict(attributes or {}), ok=ok)


def _emit(
    kind: str,
    name: str,
    value: float,
    started_ns: int,
    item: str | None,
    attributes: dict[str, Attribute],
    *,
    ok: bool,
) -> None:
    _send(
        Record(next(_ids), _current.get(), name, kind, started_ns, value, ok, item, threading.get_ident(), attributes)
    )
