"""Refreshes as a person runs them: processes of their own, on data folders of their own."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import httpx

from flows.server import Server
from tasks.core.layout import DataFolder
from tasks.standin.running import StandIn
from tasks.standin.server import StandInOptions
from tests.flows.warm import Command, Forker

TOKEN = StandInOptions().token
OURS = ("REELHOUSE_", "PREFECT_", "TMDB_", "COLUMNS", "LINES")
"""How variables begin that change what a command does; the last two are the size of a terminal it does not have."""

ABOUT_RUNS = {"runs", "run_stages", "run_roots", "run_skips", "file_events", "failures", "quarantine", "responses"}
"""Tables about runs; all others are about the library."""


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    status: int
    stdout: bytes
    stderr: str

    @property
    def lines(self) -> list[str]:
        return self.stdout.decode().splitlines()

    @property
    def documents(self) -> list[dict[str, Any]]:
        """What it printed, one JSON document a line."""
        return [json.loads(line) for line in self.stdout.splitlines()]

    @property
    def record(self) -> dict[str, Any]:
        """The record of the run: the last line of ``refresh --json``."""
        record = self.documents[-1]
        assert record.pop("event") == "report", self.stderr
        return record

    def stage(self, name: str) -> dict[str, int]:
        """What became of the items of a stage: counts that are not 0, by outcome; ``total`` always."""
        (row,) = [row for row in self.record["run_stages"] if row["stage"] == name]
        counts = {key.removesuffix("_count"): count for key, count in row.items() if key != "stage"}
        return {key: count for key, count in counts.items() if count or key == "total"}


@dataclass(frozen=True)
class House:
    """A data folder, and what commands on it are given."""

    data: DataFolder
    variables: Mapping[str, str] = field(default_factory=dict)
    forker: Forker | None = None
    """What runs commands; without it each is a new interpreter."""

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the commands; nothing in it reaches the home or the Prefect of whoever runs the tests."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        home = str(self.data.path.parent)
        return {
            **inherited,
            "HOME": home,
            "PREFECT_HOME": f"{home}/prefect-client",
            "REELHOUSE_DATA_DIR": str(self.data.path),
            "REELHOUSE_FLOW__RETRY_DELAY_S": "0",
            "REELHOUSE_SCRAPE__BACKOFF_S": "0.01",
            "REELHOUSE_ARTWORK__BACKOFF_S": "0.01",
            **self.variables,
        }

    def run(
        self,
        *arguments: str | bytes | Path,
        token: str | None = None,
        given: bytes = b"",
        program: tuple[str, ...] = ("-m", "flows.cli"),
        **options: Any,
    ) -> Done:
        """Run ``reelhouse`` with ``arguments`` in a folder that is not the project's, ``given`` on standard input."""
        if self.forker is not None:
            assert not (given or options), "an ordinary process is needed for this"
            return done_of(self.fork(*arguments, token=token), within_s=600)
        ended = subprocess.run(
            [sys.executable, *program, *arguments],
            input=given,
            capture_output=True,
            env=self._environment_with(token),
            cwd=self.data.path.parent,
            timeout=600,
            check=False,
            **options,
        )
        return Done(ended.returncode, ended.stdout, ended.stderr.decode(errors="replace"))

    def refresh(self, *roots: str | bytes | Path, token: str | None = TOKEN, **options: Any) -> Done:
        return self.run("refresh", *roots, "--json", token=token, **options)

    def start(self, *arguments: str | Path, token: str | None = TOKEN) -> subprocess.Popen[str]:
        """Run a command in the background, as the leader of a session of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "flows.cli", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._environment_with(token),
            cwd=self.data.path.parent,
            start_new_session=True,
        )

    def fork(self, *arguments: str | bytes | Path, token: str | None = TOKEN) -> Command:
        """Run a command in the background, as :meth:`start` does, with everything imported."""
        assert self.forker is not None
        return self.forker.start([*map(os.fsdecode, arguments)], self._environment_with(token), self.data.path.parent)

    def _environment_with(self, token: str | None) -> dict[str, str]:
        return self.environment | ({"TMDB_TOKEN": token} if token else {})

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the warehouse answers, asked beside all code of ours."""
        with duckdb.connect(str(self.data.warehouse), read_only=True) as connection:
            return connection.execute(query).fetchall()


def done_of(command: Command, *, within_s: float) -> Done:
    """What a command of :meth:`House.fork` came to; it is killed where it takes longer."""
    status, stdout, stderr = command.ended(within_s=within_s)
    return Done(status, stdout, stderr.decode(errors="replace"))


def a_house(
    folder: Path, server: Server | None, service: StandIn | None, forker: Forker | None = None, **variables: str
) -> House:
    """A house in ``folder``; without a server each of its runs starts one."""
    given = dict(variables)
    if server is not None:
        given["PREFECT_API_URL"] = server.api_url
    if service is not None:
        given["REELHOUSE_SCRAPE__BASE_URL"] = service.api_url
    return House(DataFolder(folder / "data"), lean(folder) | given, forker)


def lean(folder: Path) -> dict[str, str]:
    """Variables that keep modules of the tools out of a process, as where only the program is installed.

    Prefect imports one of the notebook's through jsonschema, if it is there, and it takes 1.5 s each time; pandera
    imports Hypothesis of the tests, which takes a fifth of a second.
    """
    modules = folder / "lean"
    modules.mkdir(exist_ok=True)
    for name in ("rfc3987_syntax", "hypothesis"):
        (modules / f"{name}.py").write_text("raise ImportError\n", encoding="utf-8")
    return {"PYTHONPATH": str(modules)}


def copy_records(home: Path, folder: Path) -> None:
    """Copy the records of a Prefect server, which may be running, from its folder to another one."""
    folder.mkdir(parents=True)
    with (
        closing(sqlite3.connect(home / "prefect.db")) as records,
        closing(sqlite3.connect(folder / "prefect.db")) as copied,
    ):
        records.backup(copied)


def a_copy(library: Path, folder: Path) -> Path:
    """A copy of a library that a test may change."""
    return Path(shutil.copytree(library, folder / "library"))


def ask_prefect(server: Server, path: str, question: Any = None) -> Any:
    """What the API of a Prefect server answers; asked again while its database is busy, as Prefect's client does."""
    with httpx.Client(base_url=server.api_url, trust_env=False, timeout=30) as client:
        for wait_s in (0.5, 1.0, 2.0, 4.0, 0.0):
            answer = client.get(path) if question is None else client.post(path, json=question)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            time.sleep(wait_s)
    return answer.raise_for_status().json()


def states(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Size, inode and time of change of everything below ``folder``."""
    found = {path: path.lstat() for path in folder.rglob("*")}
    return {str(path): (at.st_size, at.st_ino, at.st_mtime_ns) for path, at in found.items()}


def processes_of(folder: Path) -> dict[int, str]:
    """Process ids and command lines of all that was started with ``folder`` in its environment; needs ``/proc``.

    A command of :meth:`House.fork` is not among them, what it has started is.
    """
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.fsencode(folder) in (entry / "environ").read_bytes():
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has just ended
            continue
    return found


def about_the_library(house: House) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of all tables about the library, without the times of the runs: equal for equal libraries."""
    columns = house.rows(
        "SELECT table_name, string_agg('\"' || column_name || '\"', ', ') FROM duckdb_columns() "
        "WHERE NOT internal AND data_type NOT LIKE 'TIMESTAMP%' AND table_name IN "
        "(SELECT table_name FROM duckdb_tables() WHERE NOT internal) GROUP BY table_name"
    )
    tables = {name: named for name, named in columns if name not in ABOUT_RUNS and not name.startswith("_")}
    assert {"files", "probes", "identities", "titles", "episodes", "credits", "artwork"} <= set(tables)
    return {name: house.rows(f"SELECT {named} FROM {name} ORDER BY ALL") for name, named in tables.items()}


def until(condition: Callable[[], Any], *, within_s: float) -> Any:
    """What ``condition`` gives as soon as that is true, or at last, when the time is over."""
    deadline = time.monotonic() + within_s
    while not (found := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found
