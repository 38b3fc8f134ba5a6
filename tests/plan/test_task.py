"""The steps that plan, executed twice as a retry does."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tasks.core.settings import FlowSettings, ProbeSettings, RemovalSettings, ScrapeSettings
from tasks.plan.task import plan_collections, plan_files, plan_matches, plan_recognition, plan_scrape
from tasks.schema.files import Files, Fingerprints, Identities, Listings, PresentFiles, RootListings, Roots
from tasks.schema.probes import ContentHashes, Probes
from tasks.schema.titles import Collections, Matches, Titles
from tasks.staging import known_path, present_identities, read_staged, write_staged
from tests.plan.test_files import a_probe, known, listing, number_of, root_listing
from tests.plan.test_titles import a_match, an_identity

NOW = datetime(2026, 2, 1, tzinfo=UTC)
FOLDERS = (("/v", "/v"),)
NEEDED = {
    Probes: ["file_id", "status", "fingerprint", "engine_version", "size_bytes", "mtime_ns", "ctime_ns", "inode"],
    ContentHashes: ["file_id", "content_hash", "size_bytes", "mtime_ns", "inode"],
    Identities: ["file_id", "path", "parser_version", "title_kind", "title_key"],
    Titles: ["title_id", "collection_id", "scraped_at"],
}
"""Columns of the snapshot by which it is decided what needs work."""


def snapshot(staging, columns=None, **rows):
    """Write what was known, all of it or only these ``columns`` of a table."""
    tables = {table.table_name(): table for table in (Files, Roots, Probes, ContentHashes, Identities)}
    tables |= {table.table_name(): table for table in (Matches, Titles, Collections)}
    for name, table in tables.items():
        path = known_path(table, staging=staging)
        path.parent.mkdir(exist_ok=True, parents=True)
        frame = table.frame(rows.get(name, ()))
        frame.select((columns or {}).get(table, frame.columns)).write_parquet(path)


def files_planned(staging):
    return plan_files.fn(
        str(staging), (), (), "run", FOLDERS, (), "1", ("1",), RemovalSettings(), ProbeSettings(), FlowSettings(), NOW
    )


def discovered(staging, *listings):
    frames = {Listings: Listings.frame(listings), RootListings: RootListings.frame([root_listing()])}
    write_staged(frames, staging=staging, stage="discover")


@pytest.mark.parametrize("columns", [None, NEEDED])
def test_of_an_unchanged_library_only_what_is_needed_is_read(tmp_path, columns):
    """
    The steps that find nothing to do find the same where the snapshot lacks every column that they have no use for: of
    a million files, tags and plots and the like are not read.
    """
    names = ["/v/a.mkv", "/v/b.mkv"]
    ids = [f"id of {name}" for name in names]
    snapshot(
        tmp_path,
        columns,
        files=[known(name) for name in names],
        probes=[a_probe(f"id of {name}", inode=number_of(name)) for name in names],
        identities=[an_identity(file_id, path=name) for file_id, name in zip(ids, names, strict=True)],
        matches=[a_match()],
        titles=[{"title_id": "movie:tmdb:7", "kind": "movie", "title": "Glass Harbour", "scraped_at": NOW}],
    )
    discovered(tmp_path, *(listing(name) for name in names))

    recognition = plan_recognition.fn(str(tmp_path), (), FOLDERS, (), ProbeSettings(), FlowSettings())
    found = files_planned(tmp_path)
    stages = [
        step.fn(str(tmp_path), (), ScrapeSettings(), FlowSettings(), NOW) for step in (plan_scrape, plan_collections)
    ]

    assert (2, (), ()) == (found.file_count, found.probe_batches, found.identify_batches)
    assert [0, 1, 0] == [plan.total_count for plan in (recognition, *stages)]
    assert [(), (), ()] == [plan.batches for plan in (recognition, *stages)]


def test_a_fingerprint_that_was_read_twice_is_one(tmp_path):
    """
    A batch may be executed twice, by two workers: a file that both have read is one file.
    """
    here = {name: listing("/v/new.mkv", inode=77)[name] for name in ("path_bytes", "size_bytes", "mtime_ns", "inode")}
    snapshot(tmp_path)
    discovered(tmp_path, listing("/v/new.mkv", inode=77))
    for worker in ("0001", "0002"):
        part = tmp_path / "fingerprint" / "0000" / f"001-{worker}"
        part.mkdir(parents=True)
        Fingerprints.frame([here | {"fingerprint": "f"}]).write_parquet(part / "fingerprints.parquet")

    found = files_planned(tmp_path)

    assert 1 == found.file_count
    assert ["f"] == read_staged(Files, staging=tmp_path)["seen_fingerprint"].to_list()


def test_paths_that_are_no_utf8_are_kept_as_they_were_written(tmp_path):
    """
    A path of bytes that are no text stands beside its text for people, also where the one was taken for the other.
    """
    odd, plain = listing("/v/caf\\xe9.mkv", path_bytes=b"/v/caf\xe9.mkv"), listing("/v/Am\u00e9lie.mkv")
    snapshot(tmp_path)
    discovered(tmp_path, odd, plain)

    files_planned(tmp_path)

    paths = read_staged(Files, staging=tmp_path).select("path", "path_bytes").sort("path").rows()
    assert sorted((row["path"], row["path_bytes"]) for row in (odd, plain)) == paths


def test_matches_planned_again_are_the_same(tmp_path):
    """
    A renamed file keeps its reading and an extra goes to its show, also when the step is executed a second time and
    finds what the first one has left.
    """
    before = an_identity("film", "Glass Harbour")
    renamed = an_identity("film", "whatever", path="/v/whatever", title_key="k9", year=None)
    episode = an_identity("s1", "Low Water", kind="episode", title_kind="show", title_key="show", year=2017)
    extra = an_identity("x1", "Low Water", kind="extra", title_key="film-key", year=2017)
    for table, rows in ((Identities, [before]), (Matches, [a_match("k1")])):
        path = known_path(table, staging=tmp_path)
        path.parent.mkdir(exist_ok=True)
        table.frame(rows).write_parquet(path)
    present = PresentFiles.frame({"file_id": name} for name in ("film", "s1", "x1"))
    write_staged({PresentFiles: present}, staging=tmp_path, stage="plan")
    write_staged({Identities: Identities.frame([renamed, episode, extra])}, staging=tmp_path, stage="identify")

    plans = []
    for _ in range(2):
        plan = plan_matches.fn(str(tmp_path), (), ScrapeSettings(), FlowSettings(), NOW)
        keys = present_identities(tmp_path).select("file_id", "title_key").sort("file_id").rows()
        plans.append((plan, keys))

    assert [("film", "k1"), ("s1", "show"), ("x1", "show")] == plans[0][1]
    assert plans[0] == plans[1]
