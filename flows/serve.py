"""Serve the deployment: start what is due, asked for or to be retried in the Prefect UI, until told to end."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence

from prefect import get_client
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.runner import Runner

from flows.deployment import deployment_of, schedule_zone
from flows.keeper import keep_runs
from flows.lost_runs import note_lost_runs
from flows.server import Server
from tasks.core.layout import DataFolder
from tasks.core.settings import Settings
from tasks.core.units import printable

POLL_S = 2.0
"""Seconds between two looks for runs to start; the server is on this computer."""
MOST_RUNS = 4
"""Runs that may be started at once; all but the one that holds the warehouse are skipped and say so."""

LAST_WORDS_TIMEOUT_S = 5.0
"""Time for what the runner has logged at its end to reach the server."""


def serve_deployment(roots: Sequence[str], settings: Settings, server: Server, *, is_scheduled: bool) -> None:
    """Run what the server says is due; returns when SIGTERM or Ctrl-C came, after runs at work were stopped.

    Args:
        roots: folders of scheduled runs; with none the form in the UI asks for them.
        is_scheduled: whether the deployment runs by itself at ``serve.cron``.

    Raises:
        SettingsRefused: the schedule cannot be used.
    """
    asyncio.run(_serve(roots, settings, server, is_scheduled=is_scheduled))
    APILogWorker.drain_all(timeout=LAST_WORDS_TIMEOUT_S)  # while the server is there: it ends next
    EventsWorker.drain_all(timeout=LAST_WORDS_TIMEOUT_S)


async def _serve(roots: Sequence[str], settings: Settings, server: Server, *, is_scheduled: bool) -> None:
    deployment = await asyncio.to_thread(deployment_of, roots, settings, is_scheduled=is_scheduled)
    keep_runs()
    runner = Runner(name="reelhouse", query_seconds=POLL_S, limit=MOST_RUNS, pause_on_shutdown=False)
    deployment_id = await runner.aadd_deployment(deployment)
    if server.log is not None:  # on a server of somebody else, the run may be at work on another computer
        await asyncio.to_thread(note_lost_runs, DataFolder(settings.data_dir.absolute()), deployment_id)
    told = asyncio.Event()
    running = asyncio.create_task(runner.start())
    while not runner.started and not running.done():
        await asyncio.sleep(0.05)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)  # Prefect's own waits for itself
    print(f"The Prefect UI is at {server.ui_url} (Ctrl-C ends it)", flush=True)
    if is_scheduled:
        folders = ", ".join(printable(root) for root in roots)
        print(f"{folders}: refreshed at {settings.serve.cron!r} ({schedule_zone(settings)})", flush=True)
    ending = asyncio.create_task(told.wait())
    await asyncio.wait({running, ending}, return_when=asyncio.FIRST_COMPLETED)
    if not running.done():
        print("Ending; a refresh at work is stopped and goes on next time ...", file=sys.stderr, flush=True)
        if is_scheduled:  # the runner's own way to do this is cut off by its end
            async with get_client() as client:
                await client.pause_deployment(deployment_id)
        await runner.astop()
    ending.cancel()
    await running
