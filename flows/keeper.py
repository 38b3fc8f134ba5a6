"""A run that was started by ``reelhouse serve`` does not outlive it, nor one that a benchmark measures the benchmark.

Prefect's runner starts a process for each run. When the runner is killed, these work on, with nobody to cancel them
and no server to report to, which has gone with the runner.
"""

from __future__ import annotations

import os
import signal
import threading
import time

KEEPER = "REFRESH_KEEPER"
"""Variable that names the process without which the runs that it has started do not go on."""
LOOK_EVERY_S = 0.5
LAST_WORDS_S = 10.0
"""Time in which a run that lost its keeper puts away what it has; then its process ends in any case."""


def keep_runs() -> None:
    """Let runs that this process starts end with it."""
    os.environ[KEEPER] = str(os.getpid())


def end_with_keeper(run_id: str) -> None:
    """Stop this process, as SIGTERM does, as soon as the one that started it for the run ``run_id`` has died.

    Other runs go on: those from a command line, and those that a worker of somebody else has started, whose server
    stays.
    """
    keeper = os.environ.get(KEEPER)
    if keeper is not None and os.environ.get("PREFECT__FLOW_RUN_ID") == run_id:
        end_with_parent(int(keeper))


def end_with_parent(parent: int) -> None:
    """Stop this process, as SIGTERM does, as soon as the process ``parent``, which has started it, has died."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_EVERY_S)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(LAST_WORDS_S)
        os._exit(128 + signal.SIGTERM)

    threading.Thread(target=watch, name="keeper", daemon=True).start()
