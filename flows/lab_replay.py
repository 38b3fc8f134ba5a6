"""Calls and writes of an account, replayed against the stand-in.

What it is: the calls that D3 counts (a list of shows, the seasons of each show, the episodes of each season) sent to a
real HTTP server that holds every answer back as long as D3 assumes, and the rows it counts (a show or an episode each)
written to a real DuckDB file. ``tasks.lab.replay`` says in which order, how many at once and in what transactions.

What it is not: D3's program, or a synchronisation with a media server, which reelhouse does not have. The stand-in
knows no list of shows, so its configuration is asked in that place. All calls come first and all writes after them, as
D3 adds the two: a program that writes while it asks could hide the smaller part behind the larger one. The disk is what
it is here; D3 assumes 10 ms a write, and where a way asks for it (``Way.write_latency_s``), each is held back as long.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import duckdb
import orjson
import polars as pl

from flows.benchmark_runs import Run, measured
from tasks.core.clock import utc_now
from tasks.core.errors import AnswerInvalid, AnswerNotFound
from tasks.core.layout import DataFolder
from tasks.core.memory import peak_memory_bytes
from tasks.core.secrets import VARIABLES
from tasks.core.settings import TimingSettings, WarehouseSettings
from tasks.core.stopwatch import listen, record_duration, record_value, span
from tasks.http import loop
from tasks.http.client import Policy, Usage, get
from tasks.lab.replay import TRIAL_SCOPE, TRIAL_WRITE_COUNT, Way, way_of
from tasks.providers.tmdb_rows import SEASON_PREFIX, Context, season_numbers, show_rows
from tasks.schema.table import Table
from tasks.schema.titles import Episodes, Titles
from tasks.timings import recording
from tasks.warehouse.connect import opened_for_writing
from tasks.warehouse.ddl import create_table, quoted
from tasks.warehouse.insert import Incoming, insert_of
from tasks.warehouse.migrate import migrate

WRITTEN: tuple[type[Table], ...] = (Titles, Episodes)


def replay_in_process(service: str, show_ids: Sequence[int], way: Mapping[str, Any], data_dir: str) -> Run:
    """Make the calls for the shows and write their rows into a new warehouse; for a process of its own.

    Args:
        service: address of a stand-in, which knows the shows.
        way: the facts of a way, as a manifest holds them.
        data_dir: folder for the warehouse and the timings.

    Raises:
        RefreshError: a call was not answered, or a row could not be written.
    """
    chosen, data, run_id = way_of(way), DataFolder(Path(data_dir)), str(uuid4())
    data.path.mkdir(parents=True, exist_ok=True)
    settings = WarehouseSettings(insert=chosen.insert)
    with (
        _new_warehouse(data.warehouse, settings) as connection,
        recording(data.timings, run_id, TimingSettings().flush_every_s),
    ):

        def work() -> int:
            with span("replay.calls"):
                documents = loop.run(_asked(service, chosen, show_ids))
            with span("replay.read"):
                frames = _frames(documents)
            with span("replay.writes"):
                _write(connection, frames, settings, chosen.write_latency_s)
            return sum(frame.height for frame in frames.values())

        _try_writes(data.path / "before.duckdb", chosen.write_latency_s)
        run = measured(work)
        _try_writes(data.path / "after.duckdb", chosen.write_latency_s)
        loop.close()
    return replace(run, peak_bytes=peak_memory_bytes(), found={"run_id": run_id})


async def _asked(service: str, way: Way, show_ids: Sequence[int]) -> list[dict[str, Any]]:
    """The document of each show, with those of its seasons in it; errors are those of ``tasks.http.client.get``.

    This runs in the network thread, which ``SystemExit`` would end: whoever waits for it would wait without end.
    """
    headers = {"Authorization": f"Bearer {os.environ[VARIABLES['tmdb']]}"}
    policy = Policy(provider="tmdb", connections=way.requests_at_once, timeout_s=30, attempts=1, backoff_s=0)
    shows = asyncio.Semaphore(way.shows_at_once or len(show_ids))

    async def ask(path: str) -> dict[str, Any]:
        reply = await get(f"{service}/3{path}", policy=policy, usage=Usage(), headers=headers)
        if reply.status != 200:
            raise AnswerNotFound(item=reply.url, reason=f"HTTP {reply.status}")
        try:
            document: dict[str, Any] = orjson.loads(gzip.decompress(reply.body) if reply.is_gzipped else reply.body)
        except (OSError, EOFError, zlib.error, ValueError) as exc:
            raise AnswerInvalid(item=reply.url, reason=f"no whole JSON document ({type(exc).__name__})") from exc
        return document

    async def of_show(path: str) -> dict[str, Any]:
        async with shows:
            if way.asks_seasons_twice:
                await ask(path)
            show = await ask(path)
            names = [f"{SEASON_PREFIX}{number}" for number in season_numbers(show)]
            seasons = await asyncio.gather(*(ask(f"{path}/{name}") for name in names))
            return {**show, **dict(zip(names, seasons, strict=True))}

    await ask("/configuration")
    return await asyncio.gather(*(of_show(f"/tv/{show_id}") for show_id in show_ids))


def _frames(documents: Sequence[dict[str, Any]]) -> dict[type[Table], pl.DataFrame]:
    rows: dict[type[Table], list[Mapping[str, Any]]] = {table: [] for table in WRITTEN}
    for document in documents:
        context = Context(
            owner_id=f"show:tmdb:{document['id']}", language="en-US", country="US", fetched_at=utc_now(), url="replay"
        )
        facts = show_rows(document, (), context)
        for table in WRITTEN:
            rows[table] += facts[table]
    return {table: table.frame(of_table) for table, of_table in rows.items()}


@contextmanager
def _new_warehouse(path: Path, settings: WarehouseSettings) -> Iterator[duckdb.DuckDBPyConnection]:
    with opened_for_writing(path, settings=settings, spill=path.with_suffix(".spill")) as connection:
        connection.begin()  # one transaction for all tables, as they are many
        migrate(connection)
        connection.commit()
        yield connection


class _HeldBack:
    """A connection whose transactions take longer to end than they do on this disk."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, latency_s: float) -> None:
        self._connection = connection
        self._latency_s = latency_s

    def commit(self) -> None:
        """Wait, then end the transaction."""
        time.sleep(self._latency_s)
        self._connection.commit()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def _write(
    connection: duckdb.DuckDBPyConnection,
    frames: Mapping[type[Table], pl.DataFrame],
    settings: WarehouseSettings,
    latency_s: float,
) -> None:
    """Write the rows as a refresh with these settings would, on a disk that takes so much longer for a transaction."""
    if latency_s:
        connection = cast("duckdb.DuckDBPyConnection", _HeldBack(connection, latency_s))
    incoming = []
    for table, frame in frames.items():
        name = f"incoming_{table.table_name()}"
        connection.register(name, frame)
        key = ", ".join(quoted(column) for column in table.key())
        incoming.append(Incoming(table, quoted(name), table.key(), f"SELECT {key} FROM {quoted(name)}"))
    connection.begin()
    insert_of(settings)(connection, incoming)
    connection.commit()
    if settings.insert == "tables":  # the other way counts its own
        record_value("load.transactions", 1)


def _try_writes(path: Path, latency_s: float) -> None:
    """Record how long a transaction with one row takes on this disk now: the mean of some episodes, one by one."""
    trial = Episodes.frame(
        {"title_id": "trial", "season_number": 1, "episode_number": number} for number in range(TRIAL_WRITE_COUNT)
    )
    settings = WarehouseSettings(insert="rows")
    with opened_for_writing(path, settings=settings, spill=path.with_suffix(".spill")) as connection:
        connection.execute(create_table(Episodes)).fetchall()
        began_ns, began = time.time_ns(), time.perf_counter()
        listener = listen(None)  # these rows are none of the work's
        try:
            _write(connection, {Episodes: trial}, settings, latency_s)
        finally:
            listen(listener)
        record_duration(TRIAL_SCOPE, (time.perf_counter() - began) / TRIAL_WRITE_COUNT, started_ns=began_ns)
