"""Put what a run does and has done where the Prefect UI shows it: artifacts of the run.

One artifact a key and run: a run that is retried changes those it has made before, so that none of them tells of a
state that is over. Keys begin as ``flow.artifact_keys`` says. The UI reads descriptions and, in one of its versions,
cells as Markdown: names are escaped.
"""

from __future__ import annotations

import contextvars
import logging
import math
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx
import orjson
import polars as pl
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.context import FlowRunContext
from prefect.exceptions import PrefectException
from prefect.settings import PREFECT_UI_URL

from flows.terminal import line
from tasks.core.layout import DataFolder
from tasks.core.progress import Progress, StageProgress, progress
from tasks.core.settings import Settings
from tasks.core.stopwatch import span, timed
from tasks.core.units import printable
from tasks.report.facts import Link, facts
from tasks.report.items import Item, failed_items, set_aside_items
from tasks.report.markdown import as_markdown, escaped, escaped_in_cell
from tasks.schema.table import Table
from tasks.schema.titles import Artwork, Titles
from tasks.timings.store import flush, scan_timings
from tasks.timings.summary import SLOWEST_SHOWN, durations, slowest

REPORT_KEY = "report"
"""End of the key under which the UI keeps the reports of all runs, newest first."""
FAILURES_KEY = "failures"
QUARANTINE_KEY = "quarantine"
PROGRESS_KEY = "progress-"
POSTER_KEY = "poster-"
ROWS_SHOWN = 200
"""Rows of a table artifact; the UI lays all of them out at once."""
POSTERS_SHOWN = 6
POSTER_SIZE = "w342"
"""One of the sizes in which TMDB serves posters (https://developer.themoviedb.org/docs/image-basics, November 2026)."""
TITLES_SHOWN = 20
UPDATE_EVERY_S = 2.0
FAREWELL_S = 2.0
"""The last states of the stages are waited for so long when the run ends: a server that is away must not hold it up."""

_PAGES = {"movie:tmdb:": "https://www.themoviedb.org/movie/", "show:tmdb:": "https://www.themoviedb.org/tv/"}
"""Beginning of a title id -> where the service shows the title to people."""
_API_OF_PAGES = "https://api.themoviedb.org/"
"""Titles of another address, that of a stand-in, have no pages."""
_NOT_NOW = (httpx.HTTPError, PrefectException, OSError)
_log = logging.getLogger(__name__)


class _Shelf:
    """The artifacts of one flow run, one a key; ``begin`` is that of all keys."""

    def __init__(self, client: SyncPrefectClient, flow_run_id: UUID, begin: str) -> None:
        self._client = client
        self._flow_run_id = flow_run_id
        self._begin = begin
        of_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run_id]))
        self.ids: dict[str, UUID] = {
            a.key: a.id for a in client.read_artifacts(artifact_filter=of_run) if a.key is not None
        }

    def has(self, end: str) -> bool:
        """Whether the run has made the artifact before."""
        return f"{self._begin}-{end}" in self.ids

    def put(self, end: str, kind: str, data: str | float, description: str) -> UUID:
        """Make the artifact whose key ends so, or change the one that this run has made before."""
        with span("publish.artifact", item=f"{self._begin}-{end}"):
            return self._put(f"{self._begin}-{end}", kind, data, description)

    def _put(self, key: str, kind: str, data: str | float, description: str) -> UUID:
        if key in self.ids:
            self._client.update_artifact(self.ids[key], ArtifactUpdate(data=data, description=description))
        else:
            wanted = ArtifactCreate(
                key=key, type=kind, data=data, description=description, flow_run_id=self._flow_run_id
            )
            made = self._client.create_artifact(wanted)
            self.ids[key] = made.id
        return self.ids[key]


def tags_of(settings: Settings, folders: Sequence[tuple[str, str]]) -> list[str]:
    """Tags for the flow run that is at work: the library, named by its data folder, and what kind of run it is.

    ``retry`` for one that is run again, else ``scheduled`` or ``manual``; ``partial`` besides where a folder inside a
    root was asked for.

    Args:
        folders: root and folder, as often as there are.
    """
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    kind = "manual"
    if run is not None:
        kind = "retry" if run.run_count > 1 else "scheduled" if run.auto_scheduled else "manual"
    is_partial = any(root != folder for root, folder in folders)
    return [printable(settings.data_dir.absolute().name), kind, *(["partial"] if is_partial else [])]


@timed("publish.tags")
def set_tags(settings: Settings, folders: Sequence[tuple[str, str]]) -> None:
    """Give the flow run that is at work its tags, besides those it has."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    tags = {*context.flow_run.tags, *tags_of(settings, folders)}
    with get_client(sync_client=True) as client, suppress(PrefectException, httpx.HTTPError):  # they are for people
        client.update_flow_run(context.flow_run.id, tags=sorted(tags))


@contextmanager
def publishing_progress(keys_begin: str, source: Progress = progress) -> Iterator[None]:
    """Keep a progress artifact for every stage of ``source`` until the block ends; its last state also after an error.

    One of them is changed every two seconds. A stage without work has none. A server that is away costs the run two
    seconds at its end. Outside of a flow run nothing is published.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        yield
        return
    publisher = _ProgressPublisher(source, context.flow_run.id, keys_begin)
    # The copy of the context holds Prefect's settings; a daemon, so that a server that hangs does not keep the process.
    thread = threading.Thread(
        target=contextvars.copy_context().run, args=(publisher.work,), name="progress-artifacts", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        with span("publish.farewell"):
            publisher.ending.set()
            thread.join(FAREWELL_S)


class _ProgressPublisher:
    def __init__(self, source: Progress, flow_run_id: UUID, keys_begin: str) -> None:
        self.ending = threading.Event()
        self._source = source
        self._flow_run_id = flow_run_id
        self._keys_begin = keys_begin
        self._shelf: _Shelf | None = None
        self._shown: dict[str, StageProgress] = {}
        """In the order in which they were published, the latest last."""

    def work(self) -> None:
        """Publish until the end is called for, and once more then."""
        while not self.ending.wait(UPDATE_EVERY_S):
            self._publish(is_last=False)
        self._publish(is_last=True)

    def _publish(self, *, is_last: bool) -> None:
        """Make the artifacts of stages that have begun, and change the one that has waited longest; at last all."""
        stages = {stage.stage: stage for stage in self._source.snapshot()}
        begun = [stage for name, stage in stages.items() if name not in self._shown and stage.total != 0]
        pairs = [(stages[name], shown) for name, shown in self._shown.items() if name in stages]
        changed = [stage for stage, shown in pairs if (stage != shown if is_last else _differ(stage, shown))]
        try:
            for stage in [*begun, *(changed if is_last else changed[:1])]:
                self._put(stage)
        except _NOT_NOW as exc:
            _log.debug("progress is not published now: %s", exc)

    def _put(self, stage: StageProgress) -> None:
        if self._shelf is None:  # a client of its own: that of the run waits for answers much longer
            client = get_client(sync_client=True, httpx_settings={"timeout": FAREWELL_S})
            self._shelf = _Shelf(client, self._flow_run_id, self._keys_begin)
        key = PROGRESS_KEY + re.sub("[^a-z0-9]+", "-", stage.stage.lower())
        self._shelf.put(key, "progress", _percentage(stage), escaped(line(stage, time.monotonic())))
        self._shown.pop(stage.stage, None)
        self._shown[stage.stage] = stage


def _percentage(stage: StageProgress) -> float:
    """Whole percents, 100 only when all is done; a stage that counts without a total is at 0 until its end."""
    if stage.total is None:
        return 100.0 if stage.finished else 0.0
    return float(math.floor(100 * min(stage.done, stage.total) / stage.total)) if stage.total else 100.0


def _differ(stage: StageProgress, shown: StageProgress) -> bool:
    if stage.total is None and stage.done != shown.done:
        return True
    return (_percentage(stage), stage.finished, stage.total) != (_percentage(shown), shown.finished, shown.total)


@timed("publish.report")
def publish_report(
    data: DataFolder, record: Mapping[str, Any], *, keys_begin: str, image_base_url: str | None = None
) -> None:
    """Attach to the run that is at work its report, tables of what failed and was set aside, and its first new posters.

    A server that does not take them costs a warning, not the run.

    Args:
        keys_begin: how the keys of the artifacts begin.
        image_base_url: where pictures are fetched from; ``None`` where that was not needed. The browser of whoever
            looks loads the posters from there.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    try:
        shelf = _Shelf(get_client(sync_client=True), context.flow_run.id, keys_begin)
        ui = PREFECT_UI_URL.value()
        links = [Link("This run in the Prefect UI", f"{ui}/runs/flow-run/{context.flow_run.id}")] if ui else []
        for key, title, items in (
            (FAILURES_KEY, "Items that failed", failed_items(record)),
            (QUARANTINE_KEY, "Items set aside", set_aside_items(record)),
        ):
            if items or shelf.has(key):
                page = f"{ui}/artifacts/artifact/{_put_table(shelf, key, title, items)}"
                links += [Link(f"{title}, as a table", page)] if ui else []
        collected = data.staging(record["run_id"]) / "collected"
        fetched = _titles(collected)
        _put_posters(shelf, collected, fetched, image_base_url)
        steps, slow = _timings(data, record["run_id"])
        found = facts(
            record,
            warehouse=data.warehouse,
            durations=steps,
            slowest=slow,
            scope_limit=0,
            titles=[Link(*title) for title in _with_pages(fetched, record)],
            links=links,
        )
        shelf.put(REPORT_KEY, "markdown", as_markdown(found), escaped(printable(found.name)))
    except _NOT_NOW as exc:
        _log.warning("the Prefect server did not take the report of the run: %s", exc)


def _put_table(shelf: _Shelf, key: str, title: str, items: Sequence[Item]) -> UUID:
    rows = [
        {head: escaped_in_cell(printable(cell)) for head, cell in item.cells().items()} for item in items[:ROWS_SHOWN]
    ]
    more = f", the first {ROWS_SHOWN:,} of {len(items):,}; all of them: reelhouse failures" * (len(items) > ROWS_SHOWN)
    description = f"{title}{more}" if items else f"{title}: none are left"
    return shelf.put(key, "table", orjson.dumps(rows).decode(), description)


def _timings(data: DataFolder, run_id: str) -> tuple[pl.DataFrame | None, pl.DataFrame | None]:
    """Durations of the steps so far, and the slowest items: few rows, however many there are of the run."""
    flush()
    spans = scan_timings(data.timings, run_id)
    if spans is None:
        return None, None
    try:
        steps = spans.filter(pl.col("name").str.ends_with(".step")).collect()
        return durations(steps), slowest(spans, limit=SLOWEST_SHOWN)
    except (OSError, pl.exceptions.PolarsError) as exc:  # parts are merged away while we look, or cannot be read
        _log.debug("the report does without timings: %s", exc)
        return None, None


def _titles(collected: Path) -> pl.DataFrame:
    """The titles that this run has fetched, by name."""
    columns = ["title_id", "title", "year", "collection_id"]
    return _read(Titles, collected, columns).sort("title", "title_id")


def _with_pages(titles: pl.DataFrame, record: Mapping[str, Any]) -> Iterable[tuple[str, str | None]]:
    """The first titles with their pages, where the service that was asked has pages of them."""
    has_pages = orjson.loads(record["settings"])["scrape"]["base_url"].startswith(_API_OF_PAGES)
    for title_id, title, year in titles.select("title_id", "title", "year").head(TITLES_SHOWN).iter_rows():
        begin, _, number = title_id.rpartition(":")
        page = _PAGES.get(f"{begin}:") if has_pages else None
        yield f"{title} ({year})" if year else title, f"{page}{number}" if page else None
    if titles.height > TITLES_SHOWN:
        yield f"and {titles.height - TITLES_SHOWN:,} more", None


def _put_posters(shelf: _Shelf, collected: Path, titles: pl.DataFrame, image_base_url: str | None) -> None:
    if image_base_url is None or not titles.height:
        return
    posters = (
        _read(Artwork, collected, ["owner_id", "season_number", "kind", "rank", "source_path"])
        .filter((pl.col("kind") == "poster") & (pl.col("rank") == 1) & pl.col("season_number").is_null())
        .join(titles, left_on="owner_id", right_on="title_id")
        .sort("title", "owner_id")
        .head(POSTERS_SHOWN)
    )
    for number, poster in enumerate(posters.iter_rows(named=True), start=1):
        path = quote(poster["source_path"].lstrip("/"), safe="/")
        name = f"{poster['title']} ({poster['year']})" if poster["year"] else poster["title"]
        url = f"{image_base_url.rstrip('/')}/{POSTER_SIZE}/{path}"
        shelf.put(f"{POSTER_KEY}{number}", "image", url, escaped(printable(name)))


def _read(table: type[Table], collected: Path, columns: Sequence[str]) -> pl.DataFrame:
    path = collected / f"{table.table_name()}.parquet"
    if not path.exists():
        return table.frame().select(columns)
    return pl.read_parquet(path, glob=False, columns=list(columns))
