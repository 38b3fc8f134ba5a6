"""A worker process: measures the files its parent names, one answer a file, until the parent is gone.

Started by ``pool`` with nothing of the parent's program in it, so it is small and works under any ``__main__``. Dies
with its parent however that ends: a thread waits for the connection to close, and the kernel's alarm clock ends a file
that takes too long although nobody is left to see it.
"""

from __future__ import annotations

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

MEMORY_BYTES = 4 * 1024**3
"""Address space of a worker: a file that asks for more is refused, instead of the machine running out of memory."""

ALARM_GRACE_S = 10
"""Seconds after the deadline at which the kernel ends the worker, if the parent has not done so."""


def serve(descriptor: int, engine: str) -> None:
    """Answer the requests on the socket ``descriptor`` with the module ``engine`` until it is closed.

    A request is ``{"paths": [...], "deadline_s": ..., "options": {...}}``; each path is answered, in this order, by the
    facts that ``engine.measure(path, **options)`` gives. The first message says that the worker is ready.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group of processes; the parent decides
    connection = Connection(descriptor)
    threading.Thread(target=_die_with, args=(descriptor, os.getppid()), daemon=True).start()
    _set_limits()
    measure: Callable[..., dict[str, Any]] = importlib.import_module(engine).measure
    silent = os.open(os.devnull, os.O_RDWR)  # from here on decoders may write to stderr what they like
    for standard in (0, 1, 2):
        os.dup2(silent, standard)
    connection.send_bytes(b"ready")
    try:
        while True:
            request = json.loads(connection.recv_bytes())
            for path in request["paths"]:
                signal.alarm(int(request["deadline_s"]) + ALARM_GRACE_S)
                started_ns, began = time.time_ns(), time.perf_counter()
                facts = measure(os.fsencode(path), **request["options"])
                facts["started_ns"], facts["wall_s"] = started_ns, time.perf_counter() - began
                signal.alarm(0)
                connection.send_bytes(json.dumps(facts).encode())
    except (EOFError, OSError):  # the parent closed the connection, or is gone
        os._exit(0)


def _set_limits() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash on a hostile file shall not fill the disk
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
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
    os._exit(0)
