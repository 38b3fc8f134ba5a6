"""An engine that does what the name of the file says: what real libraries do only once in a million files."""

from __future__ import annotations

import os
import signal
import time
from typing import Any


def measure(path: bytes, *, read_first_frame: bool) -> dict[str, Any]:
    """Crash, hang, or answer."""
    name = path.rpartition(b"/")[2]
    if name.startswith(b"crash"):
        os.kill(os.getpid(), signal.SIGSEGV)
    if name.startswith(b"hang"):
        time.sleep(600)
    if name.startswith(b"once"):
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            pass
        else:
            os.kill(os.getpid(), signal.SIGKILL)
    return {"failure": None, "path": os.fsdecode(path), "frame": read_first_frame}
