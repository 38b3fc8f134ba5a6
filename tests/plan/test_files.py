"""What is new, changed, moved away or unchanged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from tasks.core.settings import RemovalSettings
from tasks.plan import files
from tasks.plan.files import (
    decide_files,
    files_to_hash,
    files_to_identify,
    files_to_probe,
    present_files,
    with_roots,
)
from tasks.plan.guard import Scope
from tasks.plan.survey import Disk, Known, surveyed
from tasks.schema.files import Files, Fingerprints, Identities, ListingErrors, Listings, RootListings, Roots
from tasks.schema.probes import ContentHashes, Probes

THEN = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 2, 1, tzinfo=UTC)
DISK = {"root": "/v", "extension": ".mkv", "size_bytes": 10, "mtime_ns": 1, "ctime_ns": 2, "inode": 3, "device": 4}
ROOT = {"file_system": "ext4", "top_folders": [], "device": 4}


def number_of(path: str) -> int:
    """An inode of its own for every path."""
    return int.from_bytes(path.encode()[-7:], "big")


def listing(path: str = "/v/a.mkv", **facts):
    return {**DISK, "inode": number_of(path), "path": path, "path_bytes": path.encode(), **facts}


def known(path: str = "/v/a.mkv", **facts):
    row = {"file_id": f"id of {path}", "path": path, "path_bytes": path.encode(), "first_seen_at": THEN}
    return {**DISK, "inode": number_of(path)} | row | facts


def root_listing(root: str = "/v", **facts):
    fixed = {"root": root, "path_bytes": root.encode(), "profile": "local", "profile_reason": "a local disk"}
    return {**ROOT, **fixed, **facts}


def known_root(root: str = "/v", **facts):
    fixed = {"root": root, "path_bytes": root.encode(), "file_count": 1, "first_seen_at": THEN, "changed_at": THEN}
    return {**ROOT, **fixed, **facts}


def decide(
    listings,
    known_files,
    *,
    errors=(),
    scopes=(("/v", "/v"),),
    roots=(),
    now_roots=None,
    fingerprints=(),
    prints=(),
    confirmed=(),
    confirmed_count=1_000,
    removal=None,
    absent=(),
):
    seen_roots = [root_listing(root) for root, _ in scopes] if now_roots is None else now_roots
    folders = [{"path": f, "path_bytes": f.encode(), "root": "/v", "reason": "Input/output error"} for f in errors]
    shown = {root.encode(): confirmed_count for root in confirmed}
    before = Known(
        files=Files.frame(known_files),
        roots=Roots.frame(roots),
        prints=pl.LazyFrame(prints, schema={"file_id": pl.String, "fingerprint": pl.String, "content_hash": pl.String}),
    )
    disk = Disk(
        scopes=[Scope(root.encode(), folder.encode()) for root, folder in scopes],
        listings=Listings.frame(listings),
        listing_errors=ListingErrors.frame(folders),
        root_listings=RootListings.frame(seen_roots),
    )
    return decide_files(
        surveyed(disk, before, shown).with_absent(absent),
        before,
        prints=Fingerprints.frame(fingerprints),
        run_id="run",
        removal=removal or RemovalSettings(),
        confirmed=shown,
        now=NOW,
    )


def vanished(decisions):
    return decisions.rows.filter(pl.col("missing_since_at") == NOW)["path"].to_list()


def events(decisions):
    return list(decisions.events.select("event", "path", "earlier_path", "proof").iter_rows())


def a_probe(file_id="id of /v/a.mkv", **facts):
    row = {"status": "ok", "playable": True, "engine": "pyav", "engine_version": "1", "probed_at": THEN}
    counts = {f"{k}_count": 1 for k in ("video_stream", "audio_stream", "subtitle_stream", "chapter", "attachment")}
    disk = {k: DISK[k] for k in ("size_bytes", "mtime_ns", "ctime_ns")} | {"inode": number_of("/v/a.mkv")}
    return row | counts | disk | {"file_id": file_id} | facts


class TestDecideFiles:
    def test_an_unchanged_library_writes_nothing(self):
        """
        Every listed file is as it was known: no row of files is written.
        """
        decisions = decide([listing("/v/a.mkv"), listing("/v/b.mkv")], [known("/v/a.mkv"), known("/v/b.mkv")])

        assert 0 == decisions.rows.height
        assert ["id of /v/a.mkv", "id of /v/b.mkv"] == decisions.listed["file_id"].to_list()

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
        first_id = decide([listing("/v/a.mkv")], []).listed["file_id"][0]
        moved = known("/v/moved.mkv", file_id=first_id)

        decisions = decide([listing("/v/a.mkv"), listing("/v/moved.mkv")], [moved])

        assert 2 == decisions.listed["file_id"].n_unique()
        assert first_id == decisions.listed.filter(path="/v/moved.mkv")["file_id"][0]

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

    def test_other_roots_are_left_alone(self):
        """
        A refresh of one folder says nothing about the files of another, also where its name begins alike.
        """
        decisions = decide([listing("/v/a.mkv")], [known("/v/a.mkv"), known("/v2/b.mkv"), known("/w/c.mkv")])

        assert [] == vanished(decisions)

    @pytest.mark.parametrize("rows_at_once", [1, 2, 3, 100])
    def test_a_file_is_judged_the_same_in_whatever_share_it_is(self, monkeypatch, rows_at_once):
        """
        A large library is compared a share at a time: one file each that stayed, was moved, changed, came back or is
        new, whichever of them are looked at together.
        """
        monkeypatch.setattr(files, "_ROWS_AT_ONCE", rows_at_once)
        listings = [
            listing("/v/a same.mkv"),
            listing("/v/b moved.mkv", inode=50),
            listing("/v/c changed.mkv", size_bytes=11),
            listing("/v/d back.mkv"),
            listing("/v/e new.mkv"),
        ]
        before = [known("/v/d back.mkv", missing_since_at=THEN), known("/v/old place.mkv", inode=50)]
        before += [known("/v/c changed.mkv"), known("/v/a same.mkv")]

        decisions = decide(listings, before)

        kept = ["id of /v/a same.mkv", "id of /v/old place.mkv", "id of /v/c changed.mkv", "id of /v/d back.mkv"]
        assert kept == decisions.listed["file_id"].to_list()[:4]
        assert [THEN, THEN, THEN, THEN, NOW] == decisions.listed["first_seen_at"].to_list()
        assert [path["path"] for path in listings[1:]] == decisions.rows["path"].to_list()
        assert [
            ("returned", "/v/d back.mkv", None, "path"),
            ("moved", "/v/b moved.mkv", "/v/old place.mkv", "inode"),
            ("replaced", "/v/c changed.mkv", None, "path"),
        ] == events(decisions)
        assert (1, 1) == (decisions.new_count, decisions.changed_count)


class TestVanished:
    def test_a_vanished_file_is_marked_not_removed(self):
        """
        A file that a complete listing no longer has gets the time since when it is missing, and keeps its row.
        """
        decisions = decide([listing("/v/a.mkv")], [known("/v/a.mkv"), known("/v/gone.mkv")])

        assert [("/v/gone.mkv", NOW)] == list(decisions.rows.select("path", "missing_since_at").iter_rows())
        assert [("vanished", "/v/gone.mkv", None, None)] == events(decisions)

    def test_a_file_that_is_missing_already_is_left_alone(self):
        """
        The time since when a file is missing does not move with every run.
        """
        gone = known("/v/gone.mkv", missing_since_at=NOW - timedelta(days=1))

        assert 0 == decide([listing("/v/a.mkv")], [known("/v/a.mkv"), gone]).rows.height

    def test_a_file_that_came_back_is_no_longer_missing(self):
        """
        The mark goes when the file is listed again, with the same id.
        """
        decisions = decide([listing()], [known(missing_since_at=THEN)])

        assert [("id of /v/a.mkv", None)] == list(decisions.rows.select("file_id", "missing_since_at").iter_rows())
        assert [("returned", "/v/a.mkv", None, "path")] == events(decisions)

    def test_below_a_folder_that_could_not_be_listed_nothing_is_gone(self):
        """
        An error is "unknown", never "gone": also for a folder beside it the run does not claim a good look.
        """
        library = [known("/v/a.mkv"), known("/v/sick/b.mkv"), known("/v/gone.mkv")]

        decisions = decide([listing("/v/a.mkv")], library, errors=["/v/sick"])

        assert ["/v/gone.mkv"] == vanished(decisions)
        assert ("partly unknown", 1) == (decisions.run_roots[0]["state"], decisions.run_roots[0]["held_back_count"])

    @pytest.mark.parametrize(
        ("listed", "roots", "now_roots", "errors"),
        [
            pytest.param([], [], [], ["/v"], id="missing or not answering"),
            pytest.param([], [], None, [], id="empty mount point"),
            pytest.param(["/v/note.mkv"], [{}], [{"device": 5}], [], id="another device"),
            pytest.param(
                ["/v/x/new.mkv"],
                [{"top_folders": ["Films", "Shows"]}],
                [{"top_folders": ["x"]}],
                [],
                id="another disk of the same number",
            ),
            pytest.param(["/v/a.mkv"], [{}], [{"has_marker": False}], [], id="no marker"),
        ],
    )
    def test_a_root_in_doubt_says_nothing_about_its_files(self, listed, roots, now_roots, errors):
        """
        Missing, empty, another device, none of its folders, no marker: nothing is marked, whatever the numbers.
        """
        decisions = decide(
            [listing(path) for path in listed],
            [known("/v/a.mkv"), known("/v/b.mkv")],
            roots=[known_root(**facts) for facts in roots],
            now_roots=None if now_roots is None else [root_listing(**facts) for facts in now_roots],
            errors=errors,
        )

        assert [] == vanished(decisions)
        assert "unknown" == decisions.run_roots[0]["state"]
        assert decisions.run_roots[0]["reason"]

    @pytest.mark.parametrize(
        ("known_count", "missing_count", "marked"),
        [(11, 10, True), (12, 11, False), (200, 20, True), (200, 21, False), (5, 4, True)],
    )
    def test_too_much_at_once_is_not_believed(self, known_count, missing_count, marked):
        """
        More than ten files and more than a tenth of the root: a person is asked first.
        """
        library = [known(f"/v/{n}.mkv") for n in range(known_count)]

        decisions = decide([listing(f"/v/{n}.mkv") for n in range(missing_count, known_count)], library)

        assert (missing_count if marked else 0) == len(vanished(decisions))
        assert ("good" if marked else "held back") == decisions.run_roots[0]["state"]
        assert (0 if marked else missing_count) == decisions.run_roots[0]["held_back_count"]

    def test_a_confirmed_root_is_believed_also_when_it_is_missing(self):
        """
        A person who says that the disk is gone for good is believed; a folder in it that fails is still unknown.
        """
        library = [known(f"/v/{n}.mkv") for n in range(50)]

        assert 50 == len(vanished(decide([], library, confirmed=["/v"], now_roots=[], errors=["/v"])))
        sick = decide([listing("/v/0.mkv")], [*library, known("/v/sick/b.mkv")], confirmed=["/v"], errors=["/v/sick"])
        assert "/v/sick/b.mkv" not in vanished(sick)
        assert 49 == len(vanished(sick))

    @pytest.mark.parametrize(("missing_count", "marked_count"), [(12, 12), (13, 0)])
    def test_what_was_confirmed_is_what_was_shown(self, missing_count, marked_count):
        """
        Twelve were shown. When more are missing by the time they are marked, the disk may have gone meanwhile.
        """
        library = [known(f"/v/{n}.mkv") for n in range(30)]
        listed = [listing(f"/v/{n}.mkv") for n in range(missing_count, 30)]

        decisions = decide(listed, library, confirmed=["/v"], confirmed_count=12)

        assert marked_count == len(vanished(decisions))

    def test_nothing_that_was_known_is_there(self):
        """
        Another disk with folders of the same names: not one of the known files is on it.
        """
        decisions = decide([listing("/v/other.mkv")], [known("/v/a.mkv"), known("/v/b.mkv")], roots=[known_root()])

        assert [] == vanished(decisions)
        assert "unknown" == decisions.run_roots[0]["state"]

    @pytest.mark.parametrize(
        ("listed", "device"), [([], 4), ([listing("/v/pool/note.mkv", device=5)], 9)], ids=["empty", "another device"]
    )
    def test_a_known_root_inside_a_walked_folder_is_judged_by_itself(self, listed, device):
        """
        /v/pool was refreshed by itself before. Its disk is away when /v is refreshed: its files are kept, also where
        they are few beside all others.
        """
        pool = [known(f"/v/pool/{n}.mkv", device=device) for n in range(3)]
        others = [listing(f"/v/{n}.mkv") for n in range(200)]

        decisions = decide([*others, *listed], pool, roots=[known_root("/v/pool", device=device)])

        assert [] == vanished(decisions)
        states = {row["folder"]: (row["state"], row["held_back_count"]) for row in decisions.run_roots}
        assert {"/v": ("good", 0), "/v/pool": ("unknown", 3)} == states

    def test_a_known_root_inside_a_walked_folder_gets_its_new_device(self):
        """
        A boot numbers its disk anew: at least half of its files are there, so the next run believes it.
        """
        pool = [known(f"/v/pool/{n}.mkv", device=9) for n in range(3)]
        there = [listing(f"/v/pool/{n}.mkv", device=12) for n in range(2)]

        decisions = decide(there, pool, roots=[known_root("/v/pool", device=9)])

        assert [] == vanished(decisions)
        assert [12] == decisions.roots.filter(root="/v/pool")["device"].to_list()

    def test_files_of_a_disk_that_is_away_are_not_taken_for_those_of_a_backup(self):
        """
        The mount point is empty, a copy with the same inodes lies on another disk: the copy is new.
        """
        library = [known(f"/v/{n}.mkv", inode=n + 1) for n in range(3)]
        copies = [listing(f"/w/{n}.mkv", inode=n + 1, device=8, root="/w") for n in range(3)]

        decisions = decide(copies, library, scopes=(("/v", "/v"), ("/w", "/w")), roots=[known_root()])

        assert (3, []) == (decisions.new_count, vanished(decisions))

    def test_a_root_that_gets_the_number_of_the_disk_below_it(self):
        """
        Root 4, disk 9 below it; after a boot the root is 9 and the disk is away: its files stay files of another disk.
        """
        library = [*(known(f"/v/{n}.mkv") for n in range(4)), known("/v/pool/b.mkv", device=9)]
        there = [listing(f"/v/{n}.mkv", device=9) for n in range(4)]
        now_roots = [root_listing(device=9)]

        first = decide(there, library, roots=[known_root()], now_roots=now_roots)
        second = decide(there, first.rows.to_dicts(), roots=first.roots.to_dicts(), now_roots=now_roots)

        assert ([], []) == (vanished(first), vanished(second))
        assert 1 == second.run_roots[0]["held_back_count"]

    def test_a_disk_mounted_below_the_root_may_be_away(self):
        """
        All files of one device are missing, the root lies on another: that disk is not mounted.
        """
        library = [known("/v/a.mkv"), known("/v/pool/b.mkv", device=9), known("/v/c.mkv")]

        decisions = decide([listing("/v/a.mkv")], library, roots=[known_root()])

        assert ["/v/c.mkv"] == vanished(decisions)
        assert 1 == decisions.run_roots[0]["held_back_count"]

    def test_a_new_device_number_is_accepted_for_the_next_run(self):
        """
        A boot numbers devices anew: this run marks nothing, the next one looks at the root as it is now.
        """
        library = [known("/v/a.mkv"), known("/v/b.mkv"), known("/v/gone.mkv")]
        listed = [listing("/v/a.mkv", device=7), listing("/v/b.mkv", device=7)]

        first = decide(listed, library, roots=[known_root()], now_roots=[root_listing(device=7)])
        second = decide(listed, first.rows.to_dicts(), roots=first.roots.to_dicts(), now_roots=[root_listing(device=7)])

        assert [] == vanished(first)
        assert [7] == first.roots["device"].to_list()
        assert ["/v/gone.mkv"] == vanished(second)

    def test_a_part_of_a_root_speaks_for_that_part(self):
        """
        ``refresh /v/shows`` marks what is gone below it, and nothing elsewhere; the root's own row is left alone.
        """
        library = [known("/v/shows/a.mkv"), known("/v/shows/gone.mkv"), known("/v/film.mkv")]

        decisions = decide([listing("/v/shows/a.mkv")], library, scopes=[("/v", "/v/shows")])

        assert ["/v/shows/gone.mkv"] == vanished(decisions)
        assert 0 == decisions.roots.height


class TestPurges:
    @pytest.mark.parametrize(
        ("missing_days", "errors", "listed", "purged"),
        [
            (7, [], ["/v/a.mkv"], True),
            (6.9, [], ["/v/a.mkv"], False),
            (30, ["/v/sick"], ["/v/a.mkv"], False),
            (30, [], [], False),
            (30, [], ["/v/a.mkv", "/v/gone.mkv"], False),
        ],
    )
    def test_rows_go_after_two_good_looks_and_seven_days(self, missing_days, errors, listed, purged):
        """
        The look that marked the file was the first; an error anywhere, an empty root or the file itself stop it.
        """
        gone = known("/v/gone.mkv", missing_since_at=NOW - timedelta(days=missing_days))

        decisions = decide([listing(path) for path in listed], [known("/v/a.mkv"), gone], errors=errors)

        assert (["id of /v/gone.mkv"] if purged else []) == decisions.purges["file_id"].to_list()

    def test_an_empty_folder_purges_nothing(self):
        """
        All files of the root are marked; an empty mount point is no good look at it.
        """
        gone = known("/v/gone.mkv", missing_since_at=THEN)

        assert 0 == decide([], [gone]).purges.height


class TestMoved:
    def test_a_renamed_file_is_the_same_file(self):
        """
        Same inode, size and mtime, and its old place is empty: it keeps its id, and it has not vanished.
        """
        decisions = decide([listing("/v/new.mkv", inode=3)], [known("/v/old.mkv", inode=3)])

        assert ["id of /v/old.mkv"] == decisions.listed["file_id"].to_list()
        assert [("moved", "/v/new.mkv", "/v/old.mkv", "inode")] == events(decisions)
        assert 0 == decisions.new_count

    def test_files_that_change_places_keep_their_ids(self):
        """
        a becomes b and b becomes a: paths say nothing then, inodes all.
        """
        library = [known("/v/a.mkv", inode=1), known("/v/b.mkv", inode=2)]

        decisions = decide([listing("/v/a.mkv", inode=2), listing("/v/b.mkv", inode=1)], library)

        assert ["id of /v/b.mkv", "id of /v/a.mkv"] == decisions.listed["file_id"].to_list()

    def test_a_hard_link_is_another_file(self):
        """
        The old path is still there: a second name of one content, not a move.
        """
        decisions = decide([listing("/v/a.mkv", inode=3), listing("/v/z.mkv", inode=3)], [known("/v/a.mkv", inode=3)])

        assert 1 == decisions.new_count
        assert "id of /v/a.mkv" == decisions.listed.filter(path="/v/a.mkv")["file_id"][0]

    def test_hard_links_that_move_together_keep_their_own_ids(self):
        """
        A renamed folder with several names of one inode: each name keeps its id, by its name.
        """
        library = [known(f"/v/old/{name}.mkv", inode=3) for name in "abc"]

        decisions = decide([listing(f"/v/new/{name}.mkv", inode=3) for name in "bca"], library)

        assert [f"id of /v/old/{name}.mkv" for name in "abc"] == decisions.listed["file_id"].to_list()

    def test_another_file_put_in_the_place_of_one_that_moved_away_is_new(self):
        """
        The old version went to another folder, a better one lies in its place.
        """
        better = listing("/v/film.mkv", inode=8, size_bytes=99)

        decisions = decide([better, listing("/v/old/film.mkv", inode=3)], [known("/v/film.mkv", inode=3)])

        assert "id of /v/film.mkv" == decisions.listed.filter(path="/v/old/film.mkv")["file_id"][0]
        assert 1 == decisions.new_count

    def test_a_replaced_file_keeps_its_id_and_is_told(self):
        """
        Other content under the same path: the same id, so the same match, and an event with both sizes.
        """
        decisions = decide([listing(inode=8, size_bytes=99)], [known(inode=3)])

        assert [("replaced", "/v/a.mkv", None, "path")] == events(decisions)
        assert (10, 99) == decisions.events.select("earlier_size_bytes", "size_bytes").row(0)

    def test_an_inode_in_a_folder_that_was_not_looked_at_proves_nothing(self):
        """
        The old place could not be listed: the file may still be there.
        """
        decisions = decide([listing("/v/new.mkv", inode=3)], [known("/v/sick/old.mkv", inode=3)], errors=["/v/sick"])

        assert 1 == decisions.new_count

    def test_a_file_that_moved_out_of_a_root_that_was_not_walked_is_recognised(self):
        """
        A look at the old place has shown that it is not there.
        """
        library = [known("/w/old.mkv", inode=3)]

        assert 1 == decide([listing("/v/new.mkv", inode=3)], library).new_count
        assert 0 == decide([listing("/v/new.mkv", inode=3)], library, absent=["id of /w/old.mkv"]).new_count

    @pytest.mark.parametrize(
        ("fingerprint", "content_hash", "proof"),
        [("f1", None, "fingerprint"), ("f2", None, None), ("f1", "same", "content hash"), ("f1", "other", None)],
    )
    def test_a_file_on_another_disk_is_recognised_by_its_content(self, fingerprint, content_hash, proof):
        """
        Size and fingerprint, and the hash of the whole where the old one had one.
        """
        known_hash = "same" if content_hash else None
        read = {"path_bytes": b"/v/new.mkv", "size_bytes": 10, "mtime_ns": 1, "inode": 8}

        decisions = decide(
            [listing("/v/new.mkv", inode=8, device=5)],
            [known("/v/old.mkv", inode=3, missing_since_at=NOW - timedelta(days=1))],
            prints=[{"file_id": "id of /v/old.mkv", "fingerprint": "f1", "content_hash": known_hash}],
            fingerprints=[{**read, "fingerprint": fingerprint, "content_hash": content_hash}],
        )

        assert ([("returned", "/v/new.mkv", "/v/old.mkv", proof)] if proof else []) == events(decisions)

    def test_ten_thousand_files_that_move_are_no_loss_and_no_work(self):
        """
        Moves are found before anything is counted as missing; 0 of them are measured.
        """
        library = [known(f"/v/old/{n}.mkv", inode=n + 1) for n in range(10_000)]

        decisions = decide([listing(f"/v/new/{n}.mkv", inode=n + 1) for n in range(10_000)], library)

        measured = Probes.frame(a_probe(row["file_id"], inode=row["inode"]) for row in library)
        assert 0 == files_to_probe(decisions.listed, measured.lazy()).height
        assert ("good", 10_000, 0) == tuple(
            decisions.run_roots[0][k] for k in ("state", "moved_count", "held_back_count")
        )
        assert 0 == decisions.new_count


class TestFilesToProbe:
    present = decide([listing()], [known()]).listed

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
            ({"mtime_ns": 9, "fingerprint": "f1"}, True),
        ],
    )
    def test_a_file_is_measured_again_when_it_changed(self, measured, again):
        """
        Size, mtime and inode decide; one that could not be read is tried again also after a chmod, which moves ctime.
        """
        assert again == bool(files_to_probe(self.present, Probes.frame([a_probe(**measured)]).lazy()).height)

    def test_one_new_file_in_a_hundred_thousand_is_one_measurement(self):
        """
        And one row of files to write.
        """
        library = [known(f"/v/{n}.mkv", inode=n + 1) for n in range(100_000)]
        measured = Probes.frame(a_probe(row["file_id"], inode=row["inode"]) for row in library)
        there = [{name: row[name] for name in Listings.dtypes()} for row in library]

        decisions = decide([*there, listing("/v/new.mkv", inode=100_001)], library)

        assert ["/v/new.mkv"] == files_to_probe(decisions.listed, measured.lazy())["path"].to_list()
        assert 1 == decisions.rows.height

    def test_a_file_that_was_recognised_by_its_fingerprint_is_not_measured_again(self):
        """
        Another disk, another inode and mtime: the content is what was measured.
        """
        seen = self.present.with_columns(seen_fingerprint=pl.lit("f1"), inode=pl.lit(77, dtype=pl.UInt64))

        assert 0 == files_to_probe(seen, Probes.frame([a_probe(fingerprint="f1")]).lazy()).height
        assert 1 == files_to_probe(seen, Probes.frame([a_probe(fingerprint="f2")]).lazy()).height

    @pytest.mark.parametrize(("versions", "again"), [(None, False), (["1"], False), (["2"], True)])
    def test_the_policy_may_ask_for_the_version_of_the_engine(self, versions, again):
        """
        A measurement by another version is made anew only where the settings say so.
        """
        assert again == bool(
            files_to_probe(self.present, Probes.frame([a_probe()]).lazy(), engine_versions=versions).height
        )

    @pytest.mark.parametrize(("status", "again"), [("ok", False), ("unreadable", True)])
    def test_what_could_not_be_read_is_tried_again_when_asked(self, status, again):
        """
        Though nothing about the file has changed.
        """
        measured = Probes.frame([a_probe(status=status)])

        assert again == bool(files_to_probe(self.present, measured.lazy(), unreadable_too=True).height)

    def test_a_file_without_a_measurement_is_measured(self):
        """
        What was never measured is work.
        """
        assert 1 == files_to_probe(self.present, Probes.frame().lazy()).height


def test_whole_files_are_hashed_disk_by_disk():
    """
    What has no hash of its present content is work, in the order of disks.
    """
    listed = decide([listing("/v/a.mkv", device=9), listing("/v/b.mkv"), listing("/v/c.mkv")], []).listed
    hashed = {"file_id": listed.filter(path="/v/c.mkv")["file_id"][0], "content_hash": "h", "hashed_at": THEN}
    facts = {"size_bytes": 10, "mtime_ns": 1, "inode": number_of("/v/c.mkv")}

    wanted = files_to_hash(listed, ContentHashes.frame([hashed | facts]).lazy())

    assert ["/v/b.mkv", "/v/a.mkv"] == wanted["path"].to_list()


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
        present = decide([listing()], [known()]).listed

        found = files_to_identify(present, Identities.frame([an_identity(**facts)]).lazy(), parser_version="2")

        assert again == bool(found.height)


def test_each_file_knows_its_root():
    """
    The root a path lies under names no title, so it travels with the file.
    """
    present = decide([listing("/v/a.mkv"), listing("/w/b.mkv")], [], scopes=(("/v", "/v"), ("/w", "/w"))).listed

    assert [b"/v", b"/w"] == with_roots(present, [b"/v", b"/w"])["root_bytes"].to_list()


def test_present_files_are_those_not_missing_after_this_run():
    """
    Rows written in this run replace what was known; missing files are left out.
    """
    before = Files.frame([known("/v/a.mkv"), known("/v/gone.mkv"), known("/v/back.mkv", missing_since_at=THEN)])
    written = Files.frame([known("/v/gone.mkv", missing_since_at=NOW), known("/v/back.mkv")])

    assert ["/v/a.mkv", "/v/back.mkv"] == sorted(present_files(before, written)["path"])
