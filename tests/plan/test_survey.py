"""What a run saw of each folder that is judged by itself."""

from __future__ import annotations

import pytest

from tasks.core.paths import as_text
from tasks.plan.guard import Scope, below, told_by_files
from tasks.plan.survey import Disk, Known, surveyed
from tasks.schema.files import Files, ListingErrors, Listings, RootListings, Roots
from tests.plan.test_files import known, known_root, listing, root_listing


def survey(listings, known_files, *, roots=(), scopes=(b"/v",), errors=(), confirmed=()):
    folders = [{"path": f, "path_bytes": f.encode(), "root": "/v", "reason": "Input/output error"} for f in errors]
    disk = Disk(
        scopes=[Scope(scope, scope) for scope in scopes],
        listings=Listings.frame(listings),
        listing_errors=ListingErrors.frame(folders),
        root_listings=RootListings.frame([root_listing(scope.decode()) for scope in scopes]),
    )
    files = Files.frame(known_files)
    prints = files.lazy().select("file_id", fingerprint="seen_fingerprint", content_hash="seen_fingerprint")
    return surveyed(disk, Known(files, Roots.frame(roots), prints), confirmed)


class TestSurveyed:
    def test_each_file_counts_in_the_innermost_unit_alone(self):
        """
        /v/pool was refreshed by itself before; its files count there, in the walked folder the others. Of a whole root
        all of its own files count; a path that is listed twice counts once.
        """
        found = survey(
            [listing("/v/a.mkv"), listing("/v/a.mkv"), listing("/v/pool/b.mkv", device=9)],
            [known("/v/a.mkv"), known("/v/c.mkv"), known("/v/pool/d.mkv", device=8), known("/w/e.mkv")],
            roots=[known_root("/v/pool")],
        )

        counts = {seen.unit.folder: (seen.listed_count, seen.expected_count) for seen in found.looks}
        devices = {seen.unit.folder: (seen.listed_devices, seen.expected_devices) for seen in found.looks}
        assert {b"/v": (1, 2), b"/v/pool": (1, 1)} == counts
        assert {b"/v": ({4}, {4}), b"/v/pool": ({9}, {8})} == devices
        assert [2, 1] == [seen.root_expected_count for seen in found.looks]
        assert ["/v/a.mkv", "/v/pool/b.mkv"] == found.listed["path"].to_list()

    def test_only_what_was_looked_at_may_have_moved(self):
        """
        Not what lies below a folder that failed, nor outside of the walk, unless a look there has found it absent; what
        was missing before may be anywhere.
        """
        library = [
            known("/v/a.mkv"),
            known("/v/sick/b.mkv"),
            known("/w/c.mkv"),
            known("/w/d.mkv", missing_since_at=known()["first_seen_at"]),
        ]

        found = survey([listing("/v/a.mkv")], library, errors=["/v/sick"])

        assert [True, False, False, True] == found.candidates["may_have_moved"].to_list()
        marked = found.with_absent(["id of /w/c.mkv"])
        assert [True, False, True, True] == marked.candidates["may_have_moved"].to_list()

    def test_of_a_disk_that_is_away_nothing_has_moved(self):
        """
        The files of device 9 below the root are all gone, unless a person has confirmed it.
        """
        library = [known("/v/a.mkv"), known("/v/disk/b.mkv", device=9)]

        assert [True, False] == survey([listing("/v/a.mkv")], library).candidates["may_have_moved"].to_list()
        confirmed = survey([listing("/v/a.mkv")], library, confirmed=[b"/v"])
        assert [True, True] == confirmed.candidates["may_have_moved"].to_list()


class TestToldByFiles:
    @pytest.mark.parametrize("root", [b"/v/pool", b"/v/caf\xe9", b"/v/Am\xc3\xa9lie", b"/"])
    def test_the_folders_in_it_are_those_its_files_lie_in(self, root):
        """
        Also where a name is no UTF-8, or the file system itself is the root; a file in the root itself names none.
        """
        prefix = root.rstrip(b"/") + b"/"
        paths = [prefix + rest for rest in (b"x.mkv", b"B/1/y.mkv", b"B/z.mkv", b"\xff/z.mkv", b"a\nb/z.mkv")]
        there = Listings.frame([listing() | {"path": as_text(p), "path_bytes": p} for p in paths])

        told = told_by_files(known_root("/v"), root, there.filter(below(root)))

        assert ["B", "\\xff", "a\nb"] == told["top_folders"]

    @pytest.mark.parametrize(("devices", "told"), [([], 4), ([5, 5, 4], 4), ([5, 6, 6], 6), ([7, 5, 5, 7], 5)])
    def test_the_device_is_the_one_it_was_or_that_of_most_files(self, devices, told):
        """
        As long as one file lies on the device that the root had, it has it; of equally many the lower number.
        """
        there = Listings.frame([listing(f"/v/{n}.mkv", device=device) for n, device in enumerate(devices)])

        assert told == told_by_files(known_root("/v"), b"/v", there)["device"]
