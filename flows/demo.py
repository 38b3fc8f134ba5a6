"""The demo: a made library, a stand-in for TMDB, one real refresh, and what to do next."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from flows.parameters import PROJECT, load
from flows.run import run_refresh
from tasks.core.secrets import VARIABLES
from tasks.core.units import human_duration

DEMO_DATA = PROJECT / "data" / "demo"


def run_demo(data: Path, *, debug: bool) -> int:
    """Make the toy library (once), refresh it against a stand-in, print the report and what to do next."""
    from tasks.standin.library import make_toy_library
    from tasks.standin.running import StandInProcess
    from tasks.standin.server import StandInOptions

    videos = data / "videos"
    began = time.monotonic()
    made = make_toy_library(videos)
    print(
        f"Toy library: {len(made)} files in {videos} (ready after {human_duration(time.monotonic() - began)}).",
        file=sys.stderr,
    )
    options = StandInOptions()
    with StandInProcess(options) as server:
        # The demo talks to the stand-in only: a real token must not be sent to it.
        os.environ[VARIABLES["tmdb"]] = options.token
        settings = load(overrides={"data_dir": str(data), "scrape.base_url": server.api_url}).settings
        status = run_refresh([str(videos)], settings, as_json=False, quiet=False, debug=debug)
        requests = sum(server.requests().counts.values())
    print(f"\nThe stand-in for TMDB answered {requests} requests in this run.")
    print(_next_steps(data))
    return status


def _next_steps(data: Path) -> str:
    shown = f" --data {data}" if data != DEMO_DATA else ""
    named = "" if data == DEMO_DATA else f" ARGS='--data {data}'"
    sql_data = shown or " --data data/demo"
    return f"""
What to do next
  make demo{named}
      again: an unchanged library costs no probe, no request and no write
  make ui {named.strip() or "ARGS=--demo"}
      the run in the Prefect UI
  make notebook
      where time went, and what the library is made of
  .venv/bin/reelhouse sql{sql_data} "SELECT * FROM library"
      the warehouse in SQL; `.venv/bin/reelhouse schema` lists its tables and views
  make refresh LIBRARY=/path/to/videos
      your own library; your videos are only read"""
