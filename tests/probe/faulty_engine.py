"""An engine that does what the name of the file says: what real libraries do only once in a million files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

BEATS = True
MIB = 1024**2


def measure(path: bytes, *, read_first_frame: bool, beat: Callable[[], None]) -> dict[str, Any]:
    """Crash, hang, start a program, take memory, get on slowly, or answer."""
    name = os.fsdecode(path.rpartition(b"/")[2])
    failure = None
    if name.startswith("crash"):
        os.kill(os.getpid(), signal.SIGSEGV)
    if name.startswith("hang"):
        time.sleep(600)
    if name.startswith("slow"):
        time.sleep(2)
    if name.startswith("steady"):
        is_first(path)  # who waits for it to begin looks for the file
        for _ in range(16):
            time.sleep(0.1)
            beat()
        if name.startswith("steady-hang"):
            time.sleep(600)
    if name.startswith("once") and is_first(path):
        os.kill(os.getpid(), signal.SIGKILL)
    if name.startswith("wait") and is_first(path):
        time.sleep(600)
    if name.startswith("program"):
        program = subprocess.Popen(["sleep", "600"])
        path_written_whole(path, str(program.pid))
        if name.startswith("program-crash"):
            os.kill(os.getpid(), signal.SIGSEGV)
        program.wait()
    if name.startswith("spin"):
        spin(float(name[4:]))
    if name.startswith("burn"):
        command = f"from tests.probe.faulty_engine import spin; spin({name[4:]})"
        subprocess.run([sys.executable, "-c", command], env={"PYTHONPATH": os.pathsep.join(sys.path)}, check=True)
    if name.startswith("alone"):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))  # raises if another worker is at it
        time.sleep(0.01)
        os.unlink(path)  # noqa: PTH108
    if name.startswith("take"):
        try:
            bytearray(b"x") * (int(name[4:]) * MIB)
        except MemoryError:
            failure = {"cause": "unreadable", "reason": "asks for more memory than a worker may take"}
    return {"failure": failure, "path": os.fsdecode(path), "frame": read_first_frame, "pid": os.getpid()}


def spin(cpu_s: float) -> None:
    """Work for so long."""
    until_s = time.process_time() + cpu_s
    while time.process_time() < until_s:
        pass


def is_first(path: bytes) -> bool:
    """Whether nobody has asked this of ``path`` before."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def path_written_whole(path: bytes, text: str) -> None:
    """Write ``text`` so that a reader sees all of it or no file."""
    with open(path + b".new", "w", encoding="utf-8") as file:  # noqa: PTH123 - bytes
        file.write(text)
    os.rename(path + b".new", path)  # noqa: PTH104
