"""What is new, changed, moved away or unchanged."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tasks.plan.files import decide_files, files_to_identify, files_to_probe, present_files, with_roots
from tasks.schema.files import Files, Identities, Listings
from tasks.schema.probes import Probes

THEN = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 2, 1, tzinfo=UTC)
DISK = {"root": "/v", "extension": ".mkv", "size_bytes": 10, "mtime_ns": 1, "ctime_ns": 2, "inode": 3, "device": 4}


def listing(path: str = "/v/a.mkv", **facts):
    return {**DISK, "path": path, "path_bytes": path.encode(), **facts}


def known(path: str = "/v/a.mkv", **facts):
    row = {**DISK, "file_id": f"id of {path}", "path": path, "path_bytes": path.encode(), "first_seen_at": THEN}
    return row | facts


def decide(listings, known_files, *, unknown_folders=(), roots=(b"/v",)):
    return decide_files(
        Listings.frame(listings),
        Files.frame(known_files),
        scanned_roots=roots,
        unknown_folders=unknown_folders,
        now=NOW,
    )


def a_probe(file_id="id of /v/a.mkv", **facts):
    row = {"status": "ok", "playable": True, "engine": "pyav", "engine_version": "1", "probed_at": THEN}
    counts = {f"{k}_count": 1 for k in ("video_stream", "audio_stream", "subtitle_stream", "chapter", "attachment")}
    disk = {k: DISK[k] for k in ("size_bytes", "mtime_ns", "ctime_ns", "inode")}
    return row | counts | disk | {"file_id": file_id} | facts


class TestDecideFiles:
    def test_an_unchanged_library_writes_nothing(self):
        """
        Every listed file is as it was known: no row of files is written.
        """
        decisions = decide([listing("/v/a.mkv"), listing("/v/b.mkv")], [known("/v/a.mkv"), known("/v/b.mkv")])

        assert 0 == decisions.rows.height
        assert ["id of /v/a.mkv", "id of /v/b.mkv"] == decisions.present["file_id"].to_list()

    def test_a_new_file_gets_an_id_and_the_time_it_was_seen(self):
        """
        A path that nobody knew is a new row, first seen now.
        """
        decisions = decide([listing("/v/a.mkv"), listing("/v/new.mkv")], [known("/v/a.mkv")])

        assert 1 == decisions.new_count
        assert [("/v/new.mkv", NOW)] == list(decisions.rows.select("path", "first_seen_at").iter_rows())

    def test_an_id_that_moved_away_is_not_given_twice(self):
        """
        A file keeps its id when it moves; another file that appears at the old path gets another id.
        """
        first_id = decide([listing("/v/a.mkv")], []).present["file_id"][0]
        moved = known("/v/moved.mkv", file_id=first_id)

        decisions = decide([listing("/v/a.mkv"), listing("/v/moved.mkv")], [moved])

        assert 2 == decisions.present["file_id"].n_unique()
        assert first_id == decisions.present.filter(path="/v/moved.mkv")["file_id"][0]

    @pytest.mark.parametrize(
        ("fact", "changed_count"), [("size_bytes", 1), ("mtime_ns", 1), ("ctime_ns", 0), ("inode", 0), ("device", 0)]
    )
    def test_a_changed_file_is_written_and_keeps_its_id(self, fact, changed_count):
        """
        Any fact of the disk that differs is stored; only size and mtime speak of changed content.
        """
        decisions = decide([listing(**{fact: 99})], [known()])

        assert ["id of /v/a.mkv"] == decisions.rows["file_id"].to_list()
        assert changed_count == decisions.changed_count

    def test_a_vanished_file_is_marked_not_removed(self):
        """
        A file that a complete listing no longer has gets the time since when it is missing, and keeps its row.
        """
        decisions = decide([listing("/v/a.mkv")], [known("/v/a.mkv"), known("/v/gone.mkv")])

        assert 1 == decisions.vanished_count
        assert [("/v/gone.mkv", NOW)] == list(decisions.rows.select("path", "missing_since_at").iter_rows())

    def test_a_file_that_is_missing_already_is_left_alone(self):
        """
        The time since when a file is missing does not move with every run.
        """
        gone = known("/v/gone.mkv", missing_since_at=THEN)

        assert 0 == decide([listing("/v/a.mkv")], [known("/v/a.mkv"), gone]).rows.height

    def test_a_file_that_came_back_is_no_longer_missing(self):
        """
        The mark goes when the file is listed again, with the same id.
        """
        decisions = decide([listing()], [known(missing_since_at=THEN)])

        assert 1 == decisions.returned_count
        assert [("id of /v/a.mkv", None)] == list(decisions.rows.select("file_id", "missing_since_at").iter_rows())

    def test_an_empty_root_says_nothing_about_its_files(self):
        """
        An unmounted disk looks like an empty folder: nothing is marked.
        """
        assert 0 == decide([], [known("/v/a.mkv"), known("/v/b.mkv")]).rows.height

    def test_below_a_folder_that_could_not_be_listed_nothing_is_gone(self):
        """
        An error is "unknown", never "gone".
        """
        decisions = decide(
            [listing("/v/a.mkv")], [known("/v/a.mkv"), known("/v/sick/b.mkv")], unknown_folders=[b"/v/sick"]
        )

        assert 0 == decisions.vanished_count

    def test_other_roots_are_left_alone(self):
        """
        A refresh of one folder says nothing about the files of another, also where its name begins alike.
        """
        decisions = decide([listing("/v/a.mkv")], [known("/v/a.mkv"), known("/v2/b.mkv"), known("/w/c.mkv")])

        assert 0 == decisions.vanished_count


class TestFilesToProbe:
    present = decide([listing()], [known()]).present

    @pytest.mark.parametrize(
        ("measured", "again"),
        [
            ({}, False),
            ({"size_bytes": 9}, True),
            ({"mtime_ns": 9}, True),
            ({"inode": 9}, True),
            ({"ctime_ns": 9}, False),
            ({"status": "unreadable"}, False),
            ({"status": "unreadable", "ctime_ns": 9}, True),
        ],
    )
    def test_a_file_is_measured_again_when_it_changed(self, measured, again):
        """
        Size, mtime and inode decide; one that could not be read is tried again also after a chmod, which moves ctime.
        """
        assert again == bool(files_to_probe(self.present, Probes.frame([a_probe(**measured)])).height)

    def test_a_file_without_a_measurement_is_measured(self):
        """
        What was never measured is work.
        """
        assert 1 == files_to_probe(self.present, Probes.frame()).height


def an_identity(**facts):
    row = {"file_id": "id of /v/a.mkv", "path": "/v/a.mkv", "kind": "movie", "episodes": [], "absolute": []}
    return row | {"confidence_ratio": 1.0, "rule": "r", "parser_version": "2"} | facts


class TestFilesToIdentify:
    @pytest.mark.parametrize(
        ("facts", "again"), [({}, False), ({"parser_version": "1"}, True), ({"path": "/v/other.mkv"}, True)]
    )
    def test_a_name_is_read_once_per_version(self, facts, again):
        """
        A name is read again when the file has another name, or the parser another version.
        """
        present = decide([listing()], [known()]).present

        found = files_to_identify(present, Identities.frame([an_identity(**facts)]), parser_version="2")

        assert again == bool(found.height)


def test_each_file_knows_its_root():
    """
    The root a path lies under names no title, so it travels with the file.
    """
    present = decide([listing("/v/a.mkv"), listing("/w/b.mkv")], [], roots=(b"/v", b"/w")).present

    assert [b"/v", b"/w"] == with_roots(present, [b"/v", b"/w"])["root_bytes"].to_list()


def test_present_files_are_those_not_missing_after_this_run():
    """
    Rows written in this run replace what was known; missing files are left out.
    """
    before = Files.frame([known("/v/a.mkv"), known("/v/gone.mkv"), known("/v/back.mkv", missing_since_at=THEN)])
    written = Files.frame([known("/v/gone.mkv", missing_since_at=NOW), known("/v/back.mkv")])

    assert ["/v/a.mkv", "/v/back.mkv"] == sorted(present_files(before, written)["path"])
