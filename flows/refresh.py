"""The library-wide run: what comes after what.

::

    roots -> discover.map -> fingerprint.map -> plan files
        -+-> probe.map -> hash.map                                             (disk lane)
         +-> identify.map -> match.map -> scrape.map
                 -> collections.map -> artwork.map                             (network lane)
    plan events -> collect -> load

The two lanes work at the same time. Only files that may have moved are read for their fingerprint, and only where a
person asks for it is their whole content read for a hash. A batch with failures that may pass is run again; what still
fails makes the run Failed, but only after everything that could run has run, so that Retry in the Prefect UI redoes
exactly that.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.blocks.system import Secret
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.task_runners import TaskRunner
from pydantic import SecretStr

from flows.publish import publish_report
from flows.record import record_of_run, times
from flows.running import Door, Run, lane
from tasks.artwork.task import fetch_artwork, plan_artwork
from tasks.collect.account import account
from tasks.collect.task import collect
from tasks.core import secrets
from tasks.core.clock import utc_now
from tasks.core.layout import DataFolder
from tasks.core.paths import as_parameter, as_text, from_parameter
from tasks.core.progress import progress
from tasks.core.settings import ProbeSettings, Settings
from tasks.core.stopwatch import span
from tasks.discovery.listing import MOST_BATCHES, entries_of
from tasks.discovery.roots import Scope, check_roots
from tasks.discovery.task import discover
from tasks.http import loop as network
from tasks.identify.identifier import PARSER_VERSION
from tasks.identify.task import identify
from tasks.match.task import match
from tasks.plan.task import (
    Confirmed,
    FilePlan,
    plan_collections,
    plan_events,
    plan_files,
    plan_matches,
    plan_recognition,
    plan_scrape,
)
from tasks.probe.pool import close_pool
from tasks.probe.task import engine_versions, hash_content, probe, recognise
from tasks.scrape.task import image_base_url, scrape_collections, scrape_titles
from tasks.staging import Results, StagePlan, cut
from tasks.timings.store import recording
from tasks.warehouse.lock import holding
from tasks.warehouse.roots import known_roots
from tasks.warehouse.runs import write_run_record
from tasks.warehouse.task import load, snapshot

DISK_BATCHES_AT_ONCE = 2
"""Batches that read the disk at once: while one is being saved, the other keeps the workers busy."""
TOKEN_BLOCKS = {"tmdb": "tmdb-token"}
"""Provider -> name of the Prefect Secret block that may hold its token."""
STAGING_KEPT_DAYS = 14.0
"""What failed runs left in staging is kept so long, so that they can be retried."""


def _run_name() -> str:
    roots = flow_run.parameters.get("roots") or ["library"]
    names = " ".join(Path(as_text(from_parameter(root))).name or root for root in roots[:3])
    return f"refresh {names} {utc_now():%Y-%m-%d %H:%M}"


@flow(name="refresh", flow_run_name=_run_name)
def refresh(
    roots: list[str], settings: Settings | None = None, confirm_removal: dict[str, int] | None = None
) -> list[State[Any]]:
    """Refresh the libraries under ``roots``: find, measure, identify, match, scrape, fetch artwork, load.

    Args:
        roots: folders to walk, absolute; one whose name is no UTF-8 is given as a ``file:`` URI. A folder inside a root
            of an earlier run stands for this part of it.
        settings: what a person may set; the defaults do the job.
        confirm_removal: those of ``roots`` of which a person says that what is not there is gone, with the number of
            files that the person knows to be gone; when more are missing, nothing is taken as confirmed.

    Returns:
        The states of all batches: the run is Failed if one of them is.

    Raises:
        Refused: a root cannot be read, another refresh holds the warehouse, or a setting cannot be used.
    """
    settings = settings or Settings()
    progress.reset()
    data = DataFolder(settings.data_dir.absolute())
    known = known_roots(data.warehouse)
    meant = {from_parameter(root): count for root, count in (confirm_removal or {}).items()}
    given = [os.fsdecode(from_parameter(root)) for root in roots]
    found = check_roots(given, settings.discovery, known_roots=known, confirmed=meant)
    run_id = str(flow_run.id)
    with ExitStack() as stack:
        stack.enter_context(holding(data.warehouse))
        stack.enter_context(recording(data.timings, run_id, settings.timings.flush_every_s))
        stack.callback(network.close)
        stack.callback(close_pool)
        run = Run(
            run_id=run_id,
            name=str(flow_run.name),
            started_at=snapshot(str(data.warehouse), str(data.staging(run_id))),
            data=data,
            settings=settings,
            folders=tuple((_parameter(scope.root), _parameter(scope.folder)) for scope in found.scopes),
            confirmed=_confirmed_folders(meant, settings, known),
            notes=[*found.merged, *(f"{as_text(root)} is empty: is its disk mounted?" for root in found.empty)],
            task_run_count=1,
        )
        with span("refresh.run"):
            _work(run, found.scopes)
        _tidy_staging(run)
    return run.states


def _confirmed_folders(meant: Mapping[bytes, int], settings: Settings, known: Sequence[bytes]) -> Confirmed:
    """The folders that a person has confirmed as the walk knows them, whichever way they were spelt."""
    return tuple(
        (_parameter(scope.folder), count)
        for path, count in meant.items()
        for scope in check_roots([os.fsdecode(path)], settings.discovery, known_roots=known, confirmed=[path]).scopes
    )


def _parameter(path_bytes: bytes) -> str:
    return as_parameter(os.fsdecode(path_bytes))


def _tidy_staging(run: Run) -> None:
    """Remove what this run left in staging, unless it may be retried, and what no retry will ask for any more."""
    if run.is_completed:
        shutil.rmtree(run.staging, ignore_errors=True)
    oldest_s = run.started_at.timestamp() - STAGING_KEPT_DAYS * 24 * 3600
    for folder in run.data.staging(run.run_id).parent.glob("*"):
        with suppress(FileNotFoundError):  # that of a plan, which has just been shown
            if folder.stat().st_mtime < oldest_s:
                shutil.rmtree(folder, ignore_errors=True)


def _work(run: Run, scopes: Sequence[Scope]) -> None:
    settings = run.settings
    versions = engine_versions(settings.probe)  # an engine that is not there is told before anything is done
    with lane(DISK_BATCHES_AT_ONCE) as disk, lane(settings.flow.network_threads) as net:
        discovered = _discover(run, disk, scopes)
        recognised = _recognise(run, disk, discovered)
        plan: FilePlan = run.once(
            plan_files,
            run.staging,
            discovered,
            recognised,
            run.run_id,
            run.folders,
            run.confirmed,
            PARSER_VERSION,
            versions,
            settings.removal,
            settings.probe,
            settings.flow,
            run.started_at,
        )
        _tell_of_roots(plan)
        run.notes += plan.notes
        run.begin("probe", plan.file_count, plan.probe_batches)
        run.begin("identify", plan.file_count, plan.identify_batches)
        probing = run.map(disk, probe, plan.probe_batches, settings=_for_disks(settings.probe, plan))
        identifying = run.map(net, identify, plan.identify_batches, settings=settings.identify)
        identified = run.wait(identifying, plan.identify_batches, id_column="file_id")
        asked = _ask_the_world(run, net, identified)
        probed = run.wait(probing, plan.probe_batches, id_column="file_id")
    hashed = _hash(run, plan)
    if plan.counters["new_files"] or plan.counters["changed_files"]:
        run.once(plan_events, run.staging, (*probed, *identified), run.run_id)
    results = (*discovered, *recognised, *probed, *identified, *hashed, *asked)
    collected = run.once(collect, run.staging, run.run_id, results)
    accounted = account(Path(run.staging), collected, run.stages)
    if accounted.costs.get("key_refused"):
        run.notes.append(
            "TMDB refused the token in TMDB_TOKEN (HTTP 401), so titles were left for later; check it at "
            "https://www.themoviedb.org/settings/api and run again"
        )
    record = record_of_run(run, plan, accounted)
    write_run_record(run.data.path, record)
    run.once(load, collected, str(run.data.warehouse), str(run.data.path), settings.warehouse)
    record |= times(run) | {"is_loaded": True}
    write_run_record(run.data.path, record)
    publish_report(run.data, record)


def _discover(run: Run, disk: TaskRunner[Any], scopes: Sequence[Scope]) -> Results:
    entries = entries_of(scopes, run.settings.discovery)
    is_remote = (entries["profile"] == "remote").any()
    batches = cut(
        entries,
        stage="discover",
        staging=Path(run.staging),
        id_column="entry_id",
        batch_size=1,
        max_batches=MOST_BATCHES["remote" if is_remote else "local"],
    )
    run.begin("discover", entries.height, batches)
    progress.begin("discover")  # it counts files, and how many there are is what it finds out
    results = run.wait(run.map(disk, discover, batches, settings=run.settings.discovery), batches, id_column="entry_id")
    progress.finish("discover")
    return results


def _recognise(run: Run, disk: TaskRunner[Any], discovered: Results) -> Results:
    """Read the fingerprints of files that may be known ones in another place."""
    options = run.settings
    plan = run.once(plan_recognition, run.staging, discovered, run.folders, run.confirmed, options.probe, options.flow)
    if not plan.batches:
        return ()
    run.begin("fingerprint", plan.total_count, plan.batches)
    return run.wait(run.map(disk, recognise, plan.batches, settings=options.probe), plan.batches, id_column="path_id")


def _tell_of_roots(plan: FilePlan) -> None:
    """Write to the run's log how each folder was walked and why, and what its listing was worth."""
    log = get_run_logger()
    for root in plan.run_roots:
        found = f"{root['folder']}: {root['file_count']:,} files, {root['profile'] or 'not walked'}"
        log.info("%s (%s)", found, root["profile_reason"] or root["reason"])
        if root["state"] != "good":
            log.warning("%s: %s; files kept as they were: %s", root["folder"], root["reason"], root["held_back_count"])


def _for_disks(settings: ProbeSettings, plan: FilePlan) -> ProbeSettings:
    """The settings with more workers where files lie on a network share: there a worker mostly waits."""
    if all(root["profile"] != "remote" for root in plan.run_roots):
        return settings
    return settings.model_copy(update={"workers": max(settings.workers, settings.remote_workers)})


def _hash(run: Run, plan: FilePlan) -> Results:
    """Hash whole files, every disk by itself: a disk with two readers is slower than with one."""
    if not plan.hash_batches:
        return ()
    batches = [batch for of_device in plan.hash_batches for batch in of_device]
    run.begin("hash", plan.file_count, batches)
    with ExitStack() as stack:
        futures = [
            future
            for of_device in plan.hash_batches
            for future in run.map(stack.enter_context(lane(1)), hash_content, of_device, settings=run.settings.probe)
        ]
        return run.wait(futures, batches, id_column="file_id")


def _ask_the_world(run: Run, net: TaskRunner[Any], identified: Results) -> Results:
    """Match, scrape and fetch artwork, each stage for what the one before it found."""
    settings, options, data_dir = run.settings, run.settings.flow, str(run.data.path)
    is_deferred = _provide_token("tmdb") is None
    if is_deferred:
        run.notes.append(
            "No TMDB_TOKEN: titles were not looked up, so there are no texts, credits, ratings or artwork; get a free "
            "token at https://www.themoviedb.org/settings/api, export TMDB_TOKEN=... and run again"
        )

    def stage(name: str, plan: StagePlan, door: Door, id_column: str, **fixed: Any) -> Results:
        run.begin(name, plan.total_count, plan.batches, is_deferred=is_deferred)
        if is_deferred:
            return ()
        return run.wait(run.map(net, door, plan.batches, **fixed), plan.batches, id_column=id_column)

    scraping = {"settings": settings.scrape, "data_dir": data_dir}
    plan = run.once(plan_matches, run.staging, identified, settings.scrape, options, run.started_at)
    matched = stage("match", plan, match, "title_key", **scraping)
    plan = run.once(plan_scrape, run.staging, matched, settings.scrape, options, run.started_at)
    scraped = stage("scrape", plan, scrape_titles, "title_id", **scraping)
    plan = run.once(plan_collections, run.staging, scraped, settings.scrape, options, run.started_at)
    grouped = stage("collections", plan, scrape_collections, "collection_id", **scraping)
    fetched: Results = ()
    if settings.artwork.enabled:
        known = (*scraped, *grouped)
        plan = run.once(plan_artwork, run.staging, known, settings.artwork, settings.scrape.language, options, data_dir)
        address = _image_address(run, is_needed=bool(plan.batches) and not is_deferred)
        is_deferred = is_deferred or (address is None and bool(plan.batches))
        fetched = stage(
            "artwork",
            plan,
            fetch_artwork,
            "artwork_id",
            settings=settings.artwork,
            image_base_url=address,
            data_dir=data_dir,
        )
    return (*matched, *scraped, *grouped, *fetched)


def _image_address(run: Run, *, is_needed: bool) -> str | None:
    """Where pictures are fetched from; ``None`` where that is not needed, or the service does not say now."""
    if not is_needed:
        return None
    run.task_run_count += 1
    state = image_base_url(run.settings.scrape, str(run.data.path), run.staging, return_state=True)
    if state.is_completed():
        address: str = state.result()
        return address
    run.states.append(state)
    run.notes.append(f"pictures were left for later: {state.result(raise_on_failure=False)}")
    return None


def _provide_token(provider: str) -> SecretStr | None:
    """The token from the environment, or from the Prefect block that may hold it."""
    token = secrets.token_of(provider)
    if token is None:
        try:
            block = Secret.load(TOKEN_BLOCKS[provider])
        except ValueError:  # there is no such block
            return None
        assert isinstance(block, Secret)
        secrets.provide(provider, SecretStr(block.get()))
        token = secrets.token_of(provider)
    return token
