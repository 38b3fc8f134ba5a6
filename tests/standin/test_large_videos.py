"""Films as long as real ones, made of a few seconds; here of a minute."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from tasks.standin.large_videos import make_large_videos, missing_bytes
from tests.flows.house import states

LOOPS = 6
SIZE_BYTES = LOOPS * 8 * 2_200_000 // 8
"""Eight seconds of 2.2 Mbit/s, six times: 48 s, 13.2 MB."""


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("large")
    make_large_videos(folder, SIZE_BYTES)
    return folder


def boxes(path: Path) -> list[str]:
    """Types of the boxes of an MP4 file, in order (ISO/IEC 14496-12, 4.2)."""
    found, content, at = [], path.read_bytes(), 0
    while at < len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        if length == 1:
            (length,) = struct.unpack_from(">Q", content, at + 8)
        found.append(kind.decode())
        at += length
    return found


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
@pytest.mark.parametrize("name", ["film.mkv", "index-last.mp4", "fragments.mp4"])
def test_they_are_whole_videos(videos, name):
    """
    ffprobe counts every copied packet: 24 pictures a second, and 48,000 / 1,024 packets of sound.
    """
    options = ["-count_packets", "-show_entries", "stream=codec_name,nb_read_packets:format=duration", "-of", "json"]
    said = subprocess.run(["ffprobe", "-v", "error", *options, videos / name], capture_output=True, check=True)
    answer = json.loads(said.stdout)

    assert b"" == said.stderr
    assert [("h264", "1152"), ("aac", "2250")] == [(s["codec_name"], s["nb_read_packets"]) for s in answer["streams"]]
    assert 48 == round(float(answer["format"]["duration"]), 1)


@pytest.mark.parametrize("name", ["film.mkv", "index-last.mp4", "fragments.mp4"])
def test_they_are_about_as_large_as_asked_for(videos, name):
    """
    Within a tenth: the index comes on top, and encoders only aim at a rate.
    """
    assert SIZE_BYTES == pytest.approx((videos / name).stat().st_size, rel=0.1)


def test_one_has_its_index_at_the_end(videos):
    """
    As recorders write it, so that a reader has to seek.
    """
    assert "moov" == boxes(videos / "index-last.mp4")[-1]


def test_one_is_in_fragments(videos):
    """
    A fragment for each key frame, one every two seconds.
    """
    assert 24 == boxes(videos / "fragments.mp4").count("moof")


def test_what_is_there_is_left_as_it_is(videos):
    """
    A second call makes nothing, and needs no room.
    """
    before = states(videos)

    assert 0 == missing_bytes(videos, SIZE_BYTES)
    make_large_videos(videos, SIZE_BYTES)

    assert before == states(videos)


def test_missing_room_is_told_before_anything_is_written(tmp_path):
    """
    Three files of the size of the whole disk do not fit.
    """
    disk_bytes = shutil.disk_usage(tmp_path).total

    assert missing_bytes(tmp_path, disk_bytes) > 2 * disk_bytes
