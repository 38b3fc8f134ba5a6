"""Files that mean harm, files that are none, and names that are: each has its row, whichever engine looks at it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import shutil
import socket
import sys
import tarfile
import threading
import zipfile
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tasks.probe import ffprobe_engine, pyav_engine
from tasks.probe.facts import Facts
from tasks.probe.normalise import Rows, rows
from tasks.probe.pool import Pool

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
FFPROBE = shutil.which("ffprobe") or ""
SIGNATURES = {
    "png": b"\x89PNG\r\n\x1a\n" + bytes(1_000),
    "srt": b"1\n00:00:01,000 --> 00:00:02,000\nHello\n",
    "m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nvictim.mkv\n#EXT-X-ENDLIST\n",
    "dash": b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>victim.mkv</BaseURL></MPD>',
    "ffconcat": b"ffconcat version 1.0\nfile victim.mkv\n",
    "sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    "imf": b"<AssetMap><Id>x</Id></AssetMap>",
    "zeros": bytes(100_000),
    "text": b"Not a film.\n" * 100,
    "empty": b"",
}

Measure = Callable[[bytes], Facts]


@pytest.fixture(params=["pyav", "ffprobe"])
def measure(request) -> Measure:
    """One engine after the other."""
    if request.param == "pyav":
        return lambda path: pyav_engine.measure(path, read_first_frame=True)
    if not FFPROBE:
        pytest.skip("ffprobe is not installed")
    return lambda path: ffprobe_engine.measure(path, read_first_frame=True, ffprobe=FFPROBE)


def normal(facts: Facts) -> Rows:
    return rows(json.loads(json.dumps(facts)), file_id="f", probed_at=NOON)


def mutated(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """``data`` with a few of the things that disks, programs and people do to files."""
    found = bytearray(data)
    for _ in range(chance.randint(1, 12)):
        # Half of the damage hits the beginning, where the headers are.
        at = chance.randrange(min(len(found), 4_000) if chance.random() < 0.5 else len(found))
        match chance.randrange(5):
            case 0:
                found[at] = chance.randrange(256)
            case 1:
                found[at : at + 512] = bytes(len(found[at : at + 512]))
            case 2:
                found[at:at] = chance.randbytes(8)
            case 3:
                found[at : at + 4] = b"\xff\xff\xff\xff"
            case 4:
                start = chance.randrange(len(other))
                found[at : at + 2_000] = other[start : start + 2_000]
    if chance.random() < 0.3:
        del found[chance.randrange(1, len(found)) :]
    return bytes(found)


def mutants(clips: dict[str, Path], folder: Path, count: int, seed: int) -> list[bytes]:
    chance = random.Random(seed)
    names = sorted(clips)
    paths = []
    for number in range(count):
        name, other = chance.choice(names), chance.choice(names)
        path = folder / f"{number}-{name}"
        path.write_bytes(mutated(clips[name].read_bytes(), clips[other].read_bytes(), chance))
        paths.append(os.fsencode(path))
    return paths


@pytest.mark.parametrize(
    ("engine", "count", "options"),
    [
        ("tasks.probe.pyav_engine", 500, {"ffprobe": None}),
        pytest.param(
            "tasks.probe.ffprobe_engine",
            40,
            {"ffprobe": FFPROBE},
            marks=pytest.mark.skipif(not FFPROBE, reason="ffprobe is not installed"),
        ),
    ],
    ids=["pyav", "ffprobe"],
)
def test_damaged_files_never_stop_a_run(clips, tmp_path, engine, count, options):
    """
    Bytes flipped, zeroed, inserted, taken from other films and missing: every file has its row, and no worker dies.
    """
    paths = mutants(clips, tmp_path, count, seed=20240501)
    pool = Pool(2, engine)

    answers = dict(pool.measure(paths, deadline_s=30, chunk_size=16, read_first_frame=True, **options))

    pool.close()
    causes = Counter(facts["failure"]["cause"] for facts in answers.values() if facts["failure"])
    assert set(range(count)) == set(answers)
    assert causes.keys() <= {"unreadable"}
    found = [normal(facts).probe for facts in answers.values()]
    assert {"ok", "partial", "unreadable"} == {probe["status"] for probe in found}
    assert [] == [probe["error"] for probe in found if probe["error"] and "Error:" in probe["error"]]


class TestWhatIsNoFile:
    def test_nothing_but_files_is_opened(self, tmp_path, measure):
        """
        A pipe would wait for ever, a device may act, a socket cannot be read: they are named and left alone.
        """
        os.mkfifo(tmp_path / "pipe.mkv")
        (tmp_path / "folder.mkv").mkdir()
        (tmp_path / "link.mkv").symlink_to("/dev/zero")
        (tmp_path / "loop.mkv").symlink_to("loop.mkv")
        with contextlib.chdir(tmp_path), socket.socket(socket.AF_UNIX) as listener:  # its path must be short
            listener.bind("socket.mkv")

            found = [
                normal_or_failure(measure(os.fsencode(tmp_path / f"{name}.mkv")))
                for name in ("pipe", "folder", "link", "socket", "loop")
            ]

        assert ["a pipe", "a folder", "a device", "a socket"] == [f.removeprefix("not a file but ") for f in found[:4]]
        assert "Too many levels of symbolic links" == found[4]

    @pytest.mark.parametrize("name", SIGNATURES)
    def test_what_is_no_video_is_unreadable(self, tmp_path, clips, measure, name):
        """
        Pictures, subtitles, playlists and text are no films whatever they are called, and open no other file.
        """
        shutil.copyfile(clips["rich.mkv"], tmp_path / "victim.mkv")
        path = tmp_path / "pretender.mkv"
        path.write_bytes(SIGNATURES[name])

        probe = normal(measure(os.fsencode(path))).probe

        assert ("unreadable", False, 0) == tuple(probe[c] for c in ("status", "playable", "video_stream_count"))
        assert probe["error"]

    @pytest.mark.parametrize("kind", ["stored", "packed", "tar"])
    def test_a_film_in_an_archive_is_not_found(self, tmp_path, clips, measure, kind):
        """
        An archive that is called a film is none, also if a film lies in it as it is.
        """
        path = tmp_path / "archive.mkv"
        if kind == "tar":
            with tarfile.open(path, "w") as tar:
                tar.add(clips["rich.mkv"], "rich.mkv")
        else:
            with zipfile.ZipFile(
                path, "w", zipfile.ZIP_STORED if kind == "stored" else zipfile.ZIP_DEFLATED
            ) as archive:
                archive.write(clips["rich.mkv"], "rich.mkv")

        assert "unreadable" == normal(measure(os.fsencode(path))).probe["status"]

    @pytest.mark.parametrize("size_bytes", [4_096, 50_000_000_000])
    def test_a_sparse_file_costs_no_time(self, tmp_path, measure, size_bytes):
        """
        Fifty gigabytes of nothing: what an interrupted download leaves behind.
        """
        path = tmp_path / "sparse.mkv"
        with path.open("wb") as file:
            file.truncate(size_bytes)

        facts = measure(os.fsencode(path))

        assert ("unreadable", size_bytes) == (normal(facts).probe["status"], facts["size_bytes"])
        assert len(facts["fingerprint"] or "") == 33

    @pytest.mark.parametrize("name", ["plain.ts", "rich.mkv", "fast.mp4"])
    def test_a_film_before_a_hole(self, tmp_path, clips, measure, name):
        """
        The beginning of a film in a file that has room for all of it: what is there is told.
        """
        path = tmp_path / name
        data = clips[name].read_bytes()
        path.write_bytes(data[: len(data) // 2])
        os.truncate(path, 50_000_000)

        assert 1 == normal(measure(os.fsencode(path))).probe["video_stream_count"]


def normal_or_failure(facts: Facts) -> Any:
    assert facts["failure"] is not None
    return facts["failure"]["reason"]


class TestFilesInUse:
    def test_a_file_that_grows(self, tmp_path, clips, measure):
        """
        A recording that is being written: each look at it gives a row.
        """
        path = tmp_path / "growing.ts"
        data = clips["plain.ts"].read_bytes()
        path.write_bytes(data)
        stop = threading.Event()

        def grow() -> None:
            with path.open("ab") as file:
                while not stop.is_set():
                    file.write(data[:18_800])
                    file.flush()

        writer = threading.Thread(target=grow)
        writer.start()
        try:
            found = [normal(measure(os.fsencode(path))).probe["status"] for _ in range(5)]
        finally:
            stop.set()
            writer.join()

        assert ["ok"] * 5 == found

    def test_a_file_that_shrinks(self, tmp_path, clips, measure):
        """
        Cut down to nothing, again and again, while it is read: a row or a reason, no crash.
        """
        path = tmp_path / "shrinking.mp4"
        data = clips["fast.mp4"].read_bytes()
        path.write_bytes(data)
        stop = threading.Event()

        def shrink() -> None:
            while not stop.is_set():
                os.truncate(path, 100)
                path.write_bytes(data)

        writer = threading.Thread(target=shrink)
        writer.start()
        try:
            found = [normal(measure(os.fsencode(path))).probe["status"] for _ in range(5)]
        finally:
            stop.set()
            writer.join()

        assert {"ok", "partial", "unreadable"} >= set(found)

    def test_a_locked_file(self, tmp_path, clips, measure):
        """
        Another program's lock does not keep anyone from reading, and we do not wait for it.
        """
        path = tmp_path / "locked.mkv"
        shutil.copyfile(clips["rich.mkv"], path)
        with path.open("rb+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            fcntl.lockf(file, fcntl.LOCK_EX)

            assert "ok" == normal(measure(os.fsencode(path))).probe["status"]

    @pytest.mark.usefixtures("without_privileges")
    def test_a_file_without_permission(self, tmp_path, measure):
        """
        Nothing is said about its content, and it is tried again another time.
        """
        path = tmp_path / "a.mkv"
        path.write_bytes(b"x")
        path.chmod(0)

        failure = measure(os.fsencode(path))["failure"]

        assert failure is not None
        assert "not_permitted" == failure["cause"]


@pytest.mark.parametrize(
    "name",
    [
        b"http:colon.mkv", b"-dash.mkv", "🎬.mkv".encode(), b"two\nlines.mkv", b"%d.mkv", b"%03d.mkv", b"caf\xe9.mkv",
        b"x" * 240 + b".mkv", b"[red]bold.mkv", b"a'b\"c`$(x).mkv", b"concat:a|b.mkv", b"file:x.mkv", b"pipe:0",
        b"*.mkv", b" .mkv", b"\x01\x1b[31m.mkv", "\u202evkm.exe".encode(), b"subfile,,start,0,end,9,,:x.mkv",
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.skipif(sys.platform == "darwin", reason="file names are UTF-8 there")
def test_every_name_can_be_measured(clips, tmp_path, measure, name):
    """
    No name is an option, an address, a pattern, a protocol or a wrong encoding.
    """
    path = os.fsencode(tmp_path) + b"/" + name
    shutil.copyfile(clips["rich.mkv"], path)

    facts = measure(path)

    assert ("ok", 3) == (normal(facts).probe["status"], normal(facts).probe["audio_stream_count"])


def test_a_reason_never_holds_the_bytes_of_a_name(tmp_path, measure):
    """
    A refused file with a wild name gives a reason that is text, without the name in it.
    """
    path = os.fsencode(tmp_path) + b"/caf\xe9: \n[red].mkv"
    with open(path, "wb") as file:  # noqa: PTH123 - bytes
        file.write(b"\x1aE\xdf\xa3" + bytes(500))

    error = normal(measure(path)).probe["error"]

    assert "caf" not in error


def test_hostile_tags(tmp_path, measure, clips):
    """
    A title of a million letters is cut; markup and control characters are text like any other.
    """
    data = clips["rich.mkv"].read_bytes()
    path = tmp_path / "a.mkv"
    path.write_bytes(data.replace(b"A Film", b"[b]\x1b\x07 "[:6]))

    assert "[b]\x1b\x07" == normal(measure(os.fsencode(path))).probe["title"]
