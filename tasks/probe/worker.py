"""A worker process: measures the files its parent names, one answer a file, until the parent is gone.

Started by ``pool`` with nothing of the parent's program in it, so it is small and works under any ``__main__``. It
leads a process group of its own: a program that the engine starts belongs to it and ends with it. Dies with its parent
however that ends: a thread waits for the connection to close, and the kernel's alarm clock ends a file that takes too
long although nobody is left to see it.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import os
import resource
import select
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from tasks.core.memory import peak_child_memory_bytes, peak_memory_bytes

ALARM_GRACE_S = 10
"""Seconds after the deadline at which the kernel ends the worker, if the parent has not done so."""

MOST_GROWTH_BYTES = 256 * 1024**2
"""Resident memory a worker may ever have taken above that of its start. A worker that took more ends after its answer,
and the next one starts small: what a library does not give back, for want of care or in pieces, cannot add up. Broken
files of ordinary size cost up to 180 MiB (15,000 were tried), so that only rare ones cost the 0.2 s of a new worker."""

RETIRES = "retires"
"""Key of an answer after which the worker ends by itself."""

CPU = "cpu_s"
"""Key of an answer: CPU time of the worker and of the programs that ended in it, since the answer before; with the
first one that of its start."""


def serve(descriptor: int, engine: str, memory_bytes: int) -> None:
    """Answer the requests on the socket ``descriptor`` with the module ``engine`` until it is closed.

    A request is ``{"files": [[path, deadline_s], ...], "options": {...}}``; each file is answered, in this order, by
    the facts that ``engine.measure(path, **options)`` gives. The first message says that the worker is ready. An engine
    with ``BEATS = True`` is also given ``beat``, to be called while it gets on with a long file: the deadline begins
    anew, here and, by an empty message, with the parent.

    Args:
        memory_bytes: address space the worker may take: a file that asks for more is refused, instead of the machine
            running out of memory.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever interrupts: the parent decides
    os.set_inheritable(descriptor, False)  # a program of the engine must not keep the connection open
    connection = Connection(descriptor)
    threading.Thread(target=_die_with, args=(descriptor, os.getppid()), daemon=True).start()
    _set_limits(memory_bytes)
    module = importlib.import_module(engine)
    measure: Callable[..., dict[str, Any]] = module.measure
    silent = os.open(os.devnull, os.O_RDWR)  # from here on decoders may write to stderr what they like
    for standard in (0, 1, 2):
        os.dup2(silent, standard)
    start_bytes = peak_memory_bytes()
    connection.send_bytes(b"ready")
    told_s = 0.0
    try:
        while True:
            request = json.loads(connection.recv_bytes())
            for path, deadline_s in request["files"]:
                options = request["options"]
                if getattr(module, "BEATS", False):
                    options = {**options, "beat": functools.partial(_beat, connection, deadline_s)}
                signal.alarm(int(deadline_s) + ALARM_GRACE_S)
                started_ns, began = time.time_ns(), time.perf_counter()
                facts = measure(os.fsencode(path), **options)
                facts["started_ns"], facts["wall_s"] = started_ns, time.perf_counter() - began
                spent_s = _cpu_s()
                facts[CPU], told_s = spent_s - told_s, spent_s
                signal.alarm(0)
                own_bytes = peak_memory_bytes()
                facts["peak_memory_bytes"] = own_bytes + peak_child_memory_bytes()
                if own_bytes - start_bytes > MOST_GROWTH_BYTES:
                    facts[RETIRES] = True
                connection.send_bytes(json.dumps(facts).encode())
                if RETIRES in facts:
                    _end_group()
    except (EOFError, OSError):  # the parent closed the connection, or is gone
        _end_group()


def _beat(connection: Connection, deadline_s: float) -> None:
    signal.alarm(int(deadline_s) + ALARM_GRACE_S)
    connection.send_bytes(b"")


def _cpu_s() -> float:
    programs = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + programs.ru_utime + programs.ru_stime


def _set_limits(memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash on a hostile file shall not fill the disk
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
    if soft == resource.RLIM_INFINITY or soft > wanted:
        try:
            resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
        except (OSError, ValueError):  # macOS does not limit it
            return


def _die_with(descriptor: int, parent: int) -> None:
    """End this process as soon as the other side of the connection is closed, in the middle of a file if need be."""
    poll = select.poll()
    poll.register(descriptor, 0)  # only what is always told: hang-up and errors
    while not poll.poll(5_000) and os.getppid() == parent:
        pass
    _end_group()


def _end_group() -> None:
    """End this process and what it has started."""
    with contextlib.suppress(OSError):
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(0)
