"""Commands in processes that begin with everything imported.

A refresh of a small library spends more time on importing Prefect, Polars and the like than on its work. This module,
run as a program, imports them once and forks for each command it is told: a process of its own, with an environment, a
folder and outputs of its own, that ends as any other does. Prefect reads its settings when it is imported, so all
commands have the same: those of one server.

Stories of many refreshes use it. How commands start and are interrupted is tested with ordinary ones.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.run import quieten_prefect
from tasks.core import atomic

BEFOREHAND = (
    "flows.cli", "flows.refresh", "flows.deployment", "flows.publish", "flows.preview", "flows.show_plan",
    "PTT", "guessit.api",
)  # fmt: skip
_LOOK_EVERY_S = 0.01


@dataclass(frozen=True)
class Command:
    """A command that has been started."""

    pid: int
    """Also the id of its session."""
    _place: Path

    def poll(self) -> int | None:
        """Its exit status, or the negative number of the signal that ended it; ``None`` while it is at work."""
        ended = self._place / "ended"
        return int(ended.read_bytes()) if ended.exists() else None

    def ended(self, *, within_s: float) -> tuple[int, bytes, bytes]:
        """Its exit status and what it wrote; it is killed where it takes longer, or a test does.

        Raises:
            TimeoutError: it took longer.
        """
        deadline = time.monotonic() + within_s
        try:
            while (status := self.poll()) is None:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"a command did not end within {within_s} s")
                time.sleep(_LOOK_EVERY_S)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            raise
        return status, (self._place / "out").read_bytes(), (self._place / "err").read_bytes()


@dataclass
class Forker:
    """The process that forks; begun with the first command."""

    folder: Path
    """What commands write is kept here."""
    variables: Mapping[str, str]
    """What it and all commands have in their environment: the settings of Prefect among them."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _process: subprocess.Popen[bytes] | None = None

    def start(self, arguments: Sequence[str], environment: Mapping[str, str], folder: Path) -> Command:
        """Begin ``reelhouse`` with ``arguments``, as the leader of a session of its own."""
        place = Path(tempfile.mkdtemp(dir=self.folder))
        request = {
            "arguments": list(arguments),
            "environment": {**environment, **self.variables},
            "folder": str(folder),
            "place": str(place),
        }
        with self._lock:
            process = self._process = self._process or self._begun()
            assert process.stdin is not None
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
        begun = place / "begun"
        while not begun.exists():
            assert process.poll() is None, "the process that forks has ended"
            time.sleep(_LOOK_EVERY_S)
        return Command(int(begun.read_bytes()), place)

    def _begun(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.flows.warm"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env={**os.environ, **self.variables},
            cwd=Path(__file__).parents[2],
        )

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate()


def fork_for_each(requests: Iterable[bytes]) -> None:
    """Fork for each of ``requests``; only the children return.

    Between the two stands a process that waits for the child, in its place: it notes the child's id and, at the end,
    its exit status, so that commands may run side by side.
    """
    for line in requests:
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            request = json.loads(line)
            pid = os.fork()
            if pid == 0:
                become(request)
                return
            atomic.write_bytes(Path(request["place"], "begun"), b"%d" % pid)
            _, status = os.waitpid(pid, 0)
            atomic.write_bytes(Path(request["place"], "ended"), b"%d" % os.waitstatus_to_exitcode(status))
            os._exit(0)
    sys.exit()


def become(request: Mapping[str, Any]) -> None:
    """Let this process be as if it had been started for ``request``."""
    os.setsid()
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in enumerate(("out", "err"), start=1):
        os.dup2(os.open(Path(request["place"], name), os.O_WRONLY | os.O_CREAT), number)
    sys.argv = ["reelhouse", *request["arguments"]]


def run_and_end(command: Callable[[], None]) -> None:
    """Run ``command``, which exits, and end the process as the interpreter would, but for what it shares.

    To take all that was imported apart, object by object, would first copy it: a fifth of the work of a command.
    """
    try:
        command()
    except SystemExit as exc:
        threading._shutdown()  # waits for threads, as at the end of any program
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(exc.code or 0))


if __name__ == "__main__":
    quieten_prefect(debug=False)
    for name in BEFOREHAND:
        importlib.import_module(name)
    gc.freeze()  # so that no collection of garbage copies it either
    assert threading.active_count() == 1, "a fork would lose threads"
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # those between it and the commands leave nothing when they end
    fork_for_each(sys.stdin.buffer)
    run_and_end(importlib.import_module("flows.cli").main)
