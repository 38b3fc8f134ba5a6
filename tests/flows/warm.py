"""Commands in processes that begin with everything imported.

A refresh of a small library spends more time on importing Prefect, Polars and the like than on its work. This module,
run as a program, imports them once and forks for each command it is told: a process of its own, with an environment, a
folder and outputs of its own, that ends as any other does. Prefect reads its settings when it is imported, so all
commands have the same: those of one server.

Stories of many refreshes use it. How commands start, are interrupted and are killed is tested with ordinary ones.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.run import quieten_prefect

BEFOREHAND = (
    "flows.cli", "flows.refresh", "flows.deployment", "flows.publish", "flows.preview", "flows.show_plan",
    "PTT", "guessit.api",
)  # fmt: skip


@dataclass
class Forker:
    """The process that forks; started with the first command."""

    variables: Mapping[str, str]
    """What it and all commands have in their environment: the settings of Prefect among them."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _process: subprocess.Popen[bytes] | None = None

    def run(self, arguments: Sequence[str], environment: Mapping[str, str], folder: Path) -> tuple[int, bytes, bytes]:
        """Run ``reelhouse`` with ``arguments``; its exit status and what it wrote. One command at a time."""
        with self._lock, tempfile.TemporaryDirectory() as place:
            out, err = Path(place, "out"), Path(place, "err")
            request = {
                "arguments": list(arguments),
                "environment": {**environment, **self.variables},
                "folder": str(folder),
                "outputs": [str(out), str(err)],
            }
            process = self._process = self._process or self._started()
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(json.dumps(request).encode() + b"\n")
                process.stdin.flush()
                return int(process.stdout.readline()), out.read_bytes(), err.read_bytes()
            except BaseException:  # a test took too long: the next one must not be given the answer to this one
                process.kill()
                self.close()
                raise

    def _started(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.flows.warm"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **self.variables},
            cwd=Path(__file__).parents[2],
        )

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate()
            self._process = None


def fork_for_each(requests: Iterable[bytes]) -> None:
    """Fork for each of ``requests`` and print the exit status of the child; only children return."""
    for line in requests:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            become(request)
            return
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    sys.exit()


def become(request: Mapping[str, Any]) -> None:
    """Let this process be as if it had been started for ``request``."""
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, path in enumerate(request["outputs"], start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    sys.argv = ["reelhouse", *request["arguments"]]


if __name__ == "__main__":
    quieten_prefect(debug=False)
    for name in BEFOREHAND:
        importlib.import_module(name)
    assert threading.active_count() == 1, "a fork would lose threads"
    fork_for_each(sys.stdin.buffer)
    importlib.import_module("flows.cli").main()
