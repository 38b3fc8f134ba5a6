"""One refresh of a warehouse at a time."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tasks.core import atomic
from tasks.core.clock import utc_now
from tasks.core.errors import Refused, WarehouseBusy
from tasks.core.layout import DataFolder
from tasks.warehouse.connect import refuse_unusable


@contextmanager
def holding(warehouse: Path) -> Iterator[None]:
    """Hold the right to write ``warehouse`` while the block runs; the folder is made if need be.

    The operating system keeps the lock, so that of a killed process is gone with it. Who holds it stands in a file
    beside, for the message; what a killed one has left half written below the folder is removed.

    Raises:
        WarehouseBusy: another refresh holds it; the message names its process, host and start.
        Refused: the data folder cannot be written, or not by DuckDB.
    """
    refuse_unusable(warehouse.resolve())
    lock_path = warehouse.with_suffix(".lock")
    holder_path = warehouse.with_suffix(".lock.json")
    lock = FileLock(lock_path, timeout=0, thread_local=False)
    try:
        lock_path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise WarehouseBusy(
            f"{warehouse} is being refreshed by {_holder(holder_path)}; wait until it ends, or stop it, and run again"
        ) from None
    except OSError as exc:
        raise Refused(f"the data folder {warehouse.parent} cannot be written: {exc.strerror}") from exc
    try:
        # Whoever ends in order takes his name away: where it still stands, its owner was killed in mid-work.
        atomic.clear_away(
            warehouse.parent, is_deep=holder_path.exists(), besides=[DataFolder(warehouse.parent).prefect]
        )
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": f"{utc_now():%Y-%m-%d %H:%M:%S} UTC"}
        atomic.write_bytes(holder_path, json.dumps(holder).encode())
        try:
            yield
        finally:
            holder_path.unlink(missing_ok=True)
    finally:
        lock.release()


def _holder(holder_path: Path) -> str:
    try:
        holder = json.loads(holder_path.read_bytes())
        return f"process {holder['pid']} on {holder['host']}, since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):  # it is just about to write who it is
        return "another process"
