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

import shutil
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.blocks.system import Secret
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.task_runners import TaskRunner
from pydantic import SecretStr

from flows.adapting import choose
from flows.endings import (
    SKIPPED,
    note_cancelled,
    note_crashed,
    note_dead_runs,
    recorded,
    skipped,
    tell,
)
from flows.lanes import for_runner
from flows.publish import publish_report, publishing_progress, set_tags
from flows.record import log_timings, record_of_run, so_far
from flows.running import Door, Run, calling
from tasks.artwork.task import fetch_artwork, plan_artwork
from tasks.collect.account import account
from tasks.collect.task import collect
from tasks.core import secrets
from tasks.core.clock import utc_now
from tasks.core.errors import Refused, WarehouseBusy
from tasks.core.layout import DataFolder
from tasks.core.paths import Confirmed, as_text, from_parameter
from tasks.core.progress import progress
from tasks.core.settings import Settings
from tasks.core.stopwatch import span, timed
from tasks.discovery.task import DiscoveryPlan, discover, plan_discovery
from tasks.http import loop as network
from tasks.identify.identifier import PARSER_VERSION
from tasks.identify.task import identify
from tasks.match.task import match
from tasks.plan.task import (
    FilePlan,
    plan_collections,
    plan_events,
    plan_files,
    plan_matches,
    plan_recognition,
    plan_scrape,
)
from tasks.probe.pool import close_pool, worker_pids
from tasks.probe.task import engine_versions, hash_content, probe, recognise
from tasks.scrape.task import image_base_url, scrape_collections, scrape_titles
from tasks.staging import Results, StagePlan
from tasks.timings.resources import sampling
from tasks.timings.store import recording
from tasks.warehouse.lock import holding
from tasks.warehouse.runs import read_run_record, why_not_again, write_run_record
from tasks.warehouse.task import load, snapshot

LISTINGS_AT_ONCE = 2
"""Batches of folders that are listed at once: while one is being saved, the other keeps the disk busy."""
TOKEN_BLOCKS = {"tmdb": "tmdb-token"}
"""Provider -> name of the Prefect Secret block that may hold its token."""
STAGING_KEPT_DAYS = 14.0
"""What failed runs left in staging is kept so long, so that they can be retried."""


def _run_name() -> str:
    if flow_run.run_count:  # executions before this one: a retry is still the same run
        return str(flow_run.name)
    roots = flow_run.parameters.get("roots") or ["library"]
    names = " ".join(Path(as_text(from_parameter(root))).name or root for root in roots[:3])
    return f"refresh {names} {utc_now():%Y-%m-%d %H:%M}"


@flow(name="refresh", flow_run_name=_run_name, on_cancellation=[note_cancelled], on_crashed=[note_crashed])
def refresh(
    roots: list[str], settings: Settings | None = None, confirm_removal: dict[str, int] | None = None
) -> State[Any]:
    """Refresh the libraries under some folders: find, measure, identify, match, scrape, fetch artwork, load.

    A retry of a run redoes what is not done of it, and nothing else.

    Args:
        roots: folders to walk, absolute; one whose name is no UTF-8 is given as a file: URI. A folder inside a root
            of an earlier run stands for this part of it.
        settings: what a person may set; the defaults do the job.
        confirm_removal: those of the roots of which a person says that what is not there is gone, with the number of
            files that the person knows to be gone; when more are missing, nothing is taken as confirmed.

    Returns:
        Failed if items failed that may succeed when retried, else Completed; Completed with the name ``Skipped`` where
        another refresh holds the warehouse, or there is nothing to redo.

    Raises:
        Refused: a root cannot be read, or a setting cannot be used.
    """
    settings = for_runner(settings or Settings())
    data = DataFolder(settings.data_dir.absolute())
    progress.reset()
    try:
        with holding(data.warehouse):
            state = _refresh(roots, settings, tuple((confirm_removal or {}).items()), data)
    except WarehouseBusy as busy:
        return skipped(str(busy))
    except Exception:
        tell(data, settings, str(flow_run.id), get_run_logger())
        raise
    if state.name != SKIPPED:
        tell(data, settings, str(flow_run.id), get_run_logger())
    return state


def _refresh(roots: list[str], settings: Settings, confirmed: Confirmed, data: DataFolder) -> State[Any]:
    run_id = str(flow_run.id)
    staging = data.staging(run_id)
    earlier = read_run_record(data.path, run_id)
    if earlier is not None and (reason := why_not_again(data.path, earlier)):
        return skipped(reason)
    began_s = time.monotonic()
    with ExitStack() as stack:
        stack.callback(log_timings, data.timings, run_id, get_run_logger())  # last, when all timings are written
        stack.enter_context(recording(data.timings, run_id, settings.timings.flush_every_s))
        stack.enter_context(sampling(worker_pids))
        stack.enter_context(span("refresh.run"))
        stack.callback(network.close)
        stack.callback(close_pool)
        with span("prefect.dead_runs"):
            note_dead_runs(data, besides=run_id)
        try:
            with calling(snapshot):
                started_at = snapshot(str(data.warehouse), str(staging))
            with calling(plan_discovery):
                discovery = plan_discovery(str(staging), roots, confirmed, settings.discovery)
        except Refused:
            if earlier is None:
                shutil.rmtree(staging, ignore_errors=True)
            raise
        run = Run(
            run_id=run_id,
            name=str(flow_run.name),
            started_at=started_at,
            data=data,
            settings=settings,
            folders=discovery.folders,
            confirmed=discovery.confirmed,
            notes=list(discovery.notes),
            task_run_count=2,
            began_s=began_s,
            earlier_s=float((earlier or {}).get("wall_s") or 0.0),
        )
        with ExitStack() as ending:
            with span("record.begin"):
                ending.enter_context(recorded(run, earlier))
            set_tags(settings, run.folders)
            with publishing_progress(settings.flow.artifact_keys):
                record = carry_out(run, discovery)
            publish_report(data, record, keys_begin=settings.flow.artifact_keys, image_base_url=run.image_base_url)
        _tidy_staging(run)
    return run.final_state()


@timed("staging.tidy")
def _tidy_staging(run: Run) -> None:
    """Remove what this run left in staging, unless it may be retried, and what no retry will ask for any more."""
    if run.is_completed:
        shutil.rmtree(run.staging, ignore_errors=True)
    oldest_s = run.started_at.timestamp() - STAGING_KEPT_DAYS * 24 * 3600
    for folder in run.data.staging(run.run_id).parent.glob("*"):
        with suppress(FileNotFoundError):  # that of a plan, which has just been shown
            if folder.stat().st_mtime < oldest_s:
                shutil.rmtree(folder, ignore_errors=True)


def carry_out(run: Run, discovery: DiscoveryPlan) -> dict[str, Any]:
    """Do everything that comes after the plan of discovery, in its order; returns the record of the run.

    It asks Prefect for nothing but through ``run`` and for the run's log.

    Raises:
        Refused: the engine is not there, or a limit cannot be kept.
        StorageFull: a disk is full.
    """
    with span("probe.versions"):
        versions = engine_versions(run.settings.probe)  # an engine that is not there is told before anything is done,
    with run.lane(1):  # and so is a cluster
        pass
    discovered = _discover(run, discovery)
    run.settings = choose(run, {}, when="listed")
    recognised = _recognise(run, discovered)
    settings = run.settings
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
    hash_batches = [batch for of_device in plan.hash_batches for batch in of_device]
    work = {"probe": plan.probe_batches, "identify": plan.identify_batches, "hash": hash_batches}
    counts = {stage: sum(batch.item_count for batch in batches) for stage, batches in work.items()}
    run.settings = settings = choose(run, {"discover": plan.file_count, **counts}, when="planned")
    run.begin("probe", plan.file_count, plan.probe_batches)
    run.begin("identify", plan.file_count, plan.identify_batches)
    with (
        run.lane(settings.flow.disk_threads) as disk,
        run.lane(settings.flow.network_threads) as net,
    ):
        probing = run.map(disk, probe, plan.probe_batches, settings=settings.probe)
        identifying = run.map(net, identify, plan.identify_batches, settings=settings.identify)
        identified = run.wait(identifying, plan.identify_batches, id_column="file_id")
        asked = _ask_the_world(run, net, identified)
        probed = run.wait(probing, plan.probe_batches, id_column="file_id")
    hashed = _hash(run, plan)
    if plan.counters["new_files"] or plan.counters["changed_files"]:
        run.once(plan_events, run.staging, (*probed, *identified), run.run_id)
    results = (*discovered, *recognised, *probed, *identified, *hashed, *asked)
    collected = run.once(collect, run.staging, run.run_id, results)
    with span("collect.account"):
        accounted = account(Path(run.staging), collected, run.stages)
    if accounted.costs.get("key_refused"):
        run.notes.append(
            "TMDB refused the token in TMDB_TOKEN (HTTP 401), so titles were left for later; check it at "
            "https://www.themoviedb.org/settings/api and run again"
        )
    record = record_of_run(run, plan, accounted)
    with span("record.write"):
        write_run_record(run.data.path, record)
    run.once(load, collected, str(run.data.warehouse), str(run.data.path), settings.warehouse)
    record |= so_far(run) | {"is_loaded": True}
    with span("record.write"):
        write_run_record(run.data.path, record)
    return record


def _discover(run: Run, plan: DiscoveryPlan) -> Results:
    # Its progress counts files, and how many there are is what it finds out.
    run.begin("discover", plan.entry_count, plan.batches, shows_items=False)
    # Here, as device numbers of a share differ from machine to machine.
    with run.lane(LISTINGS_AT_ONCE, is_here=True) as disk:
        listing = run.map(disk, discover, plan.batches, settings=run.settings.discovery)
        results = run.wait(listing, plan.batches, id_column="entry_id")
    progress.finish("discover")
    return results


def _recognise(run: Run, discovered: Results) -> Results:
    """Read the fingerprints of files that may be known ones in another place."""
    options = run.settings
    plan = run.once(plan_recognition, run.staging, discovered, run.folders, run.confirmed, options.probe, options.flow)
    if not plan.batches:
        return ()
    run.begin("fingerprint", plan.total_count, plan.batches)
    with run.lane(options.flow.disk_threads) as disk:
        reading = run.map(disk, recognise, plan.batches, settings=options.probe)
        return run.wait(reading, plan.batches, id_column="path_id")


def _tell_of_roots(plan: FilePlan) -> None:
    """Write to the run's log how each folder was walked and why, and what its listing was worth."""
    log = get_run_logger()
    for root in plan.run_roots:
        found = f"{root['folder']}: {root['file_count']:,} files, {root['profile'] or 'not walked'}"
        log.info("%s (%s)", found, root["profile_reason"] or root["reason"])
        if root["state"] != "good":
            log.warning("%s: %s; files kept as they were: %s", root["folder"], root["reason"], root["held_back_count"])


def _hash(run: Run, plan: FilePlan) -> Results:
    """Hash whole files, every disk by itself: a disk with two readers is slower than with one."""
    if not plan.hash_batches:
        return ()
    batches = [batch for of_device in plan.hash_batches for batch in of_device]
    run.begin("hash", plan.file_count, batches)
    with ExitStack() as stack:
        futures = []
        for of_device in plan.hash_batches:
            one_reader = stack.enter_context(run.lane(1, in_all=True))
            futures += run.map(one_reader, hash_content, of_device, settings=run.settings.probe)
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
    state = run.attempt(image_base_url, run.settings.scrape, str(run.data.path), run.staging)
    if state.is_completed():
        run.image_base_url = state.result()
        return run.image_base_url
    run.states.append(state)
    run.notes.append(f"pictures were left for later: {state.result(raise_on_failure=False)}")
    return None


def _provide_token(provider: str) -> SecretStr | None:
    """The token from the environment, or from the Prefect block that may hold it, unless none is to be asked."""
    token = secrets.token_of(provider)
    if token is None and not secrets.is_declined(provider):
        try:
            with span("prefect.secret"):
                block = Secret.load(TOKEN_BLOCKS[provider])
        except ValueError:  # there is no such block
            return None
        assert isinstance(block, Secret)
        secrets.provide(provider, SecretStr(block.get()))
        token = secrets.token_of(provider)
    return token
