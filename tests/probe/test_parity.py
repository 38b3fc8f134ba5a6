"""Both engines give equal rows for the same files, field by field, but for known differences of FFmpeg's versions.

``KNOWN`` is the whole list of such differences. Everything that is not on it is a defect of ours.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from av.stream import Disposition

from tasks.probe import ffprobe_engine, pyav_engine
from tasks.probe.facts import Facts
from tasks.probe.normalise import Rows, rows
from tests.probe.clips import ENCRYPTION, PAL, Audio, Text, add_hdr10_plus, turn_picture, write_clip
from tests.probe.conftest import HDR10, an_hdr_clip

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
FFPROBE = shutil.which("ffprobe") or ""
TABLES = ("video_streams", "audio_streams", "subtitle_streams", "chapters", "attachments")

pytestmark = pytest.mark.skipif(not FFPROBE, reason="ffprobe is not installed")


@dataclass(frozen=True)
class Pair:
    """One field of one file, as both engines have it."""

    name: str
    """Of the file."""
    field: str
    pyav: Any
    ffprobe: Any

    @property
    def is_near(self) -> bool:
        """Two numbers that differ by a tenth or by one in a hundred at most."""
        one, other = self.pyav, self.ffprobe
        return None not in (one, other) and abs(one - other) <= max(0.1, 0.01 * abs(other))


@dataclass(frozen=True)
class Difference:
    """What versions of FFmpeg say otherwise, and of what."""

    fields: tuple[str, ...]
    applies: Callable[[Pair], bool]
    reason: str


MPEG = (".ts", ".m2ts", ".mpg", ".vob")
KNOWN = (
    Difference(
        ("probe.engine", "probe.engine_version"),
        lambda pair: pair.pyav != pair.ffprobe,
        "They say which engine measured.",
    ),
    Difference(
        ("probe.duration_s", "probe.bitrate_bps"),
        lambda pair: pair.name.endswith((".mp4", ".mov", ".m4v", ".3gp")) and pair.is_near,
        "The length of an MP4 is that of its clock, in milliseconds, or of its longest track; the mean rate follows.",
    ),
    Difference(
        ("probe.duration_s", "probe.bitrate_bps", "video_streams.duration_s"),
        lambda pair: pair.name.endswith(MPEG) and pair.is_near,
        "Older versions count one picture more of MPEG streams; the mean rate follows the length.",
    ),
    Difference(
        ("video_streams.field_order",),
        lambda pair: (pair.pyav, pair.ffprobe) == ("progressive", None),
        "Older versions do not say that MPEG-1 and ProRes are progressive.",
    ),
    Difference(
        ("video_streams.sample_aspect_ratio",),
        lambda pair: "av1" in pair.name and (pair.pyav, pair.ffprobe) == ("1:1", None),
        "Older versions do not read the shape of pixels from AV1.",
    ),
    Difference(
        ("video_streams.bitrate_bps",),
        lambda pair: "dvvideo" in pair.name,
        "The rate of DV is that of its blocks or of what they hold; older versions say it in few containers.",
    ),
    Difference(
        ("video_streams.color_space",),
        lambda pair: (pair.pyav, pair.ffprobe) == ("gbr", None),
        "Older versions do not say that pictures in PNG are red, green and blue.",
    ),
    Difference(
        ("video_streams.color_primaries", "video_streams.color_transfer", "video_streams.color_space"),
        lambda pair: "prores" in pair.name and pair.ffprobe is None,
        "Older versions do not read all colours from ProRes.",
    ),
    Difference(
        ("audio_streams.profile", "audio_streams.object_audio"),
        lambda pair: any(kind in (pair.pyav or "") for kind in ("Dolby Atmos", "DTS:X")),
        "Before 6.1 the profiles Dolby Atmos and DTS:X have no name.",
    ),
    Difference(
        ("audio_streams.channel_count", "audio_streams.channel_layout"),
        lambda pair: pair.name.startswith("encrypted"),
        "Of encrypted sound versions make out different things.",
    ),
)


def measured(path: Path) -> tuple[Rows, Rows]:
    """The rows of PyAV alone and of ffprobe."""
    raw = os.fsencode(path)
    return normal(pyav_engine.measure(raw, read_first_frame=True)), normal(
        ffprobe_engine.measure(raw, read_first_frame=True, ffprobe=FFPROBE)
    )


def normal(facts: Facts) -> Rows:
    return rows(json.loads(json.dumps(facts)), file_id="f", probed_at=NOON)


def differences(path: Path) -> list[tuple[str, Any, Any]]:
    """Fields that differ and are not on the list: name, value of PyAV, value of ffprobe."""
    ours, theirs = measured(path)
    found = [(f"probe.{column}", ours.probe[column], theirs.probe[column]) for column in ours.probe]
    for table in TABLES:
        left, right = getattr(ours, table), getattr(theirs, table)
        found.append((f"{table} in all", len(left), len(right)))
        for one, other in zip(left, right, strict=False):
            found += [(f"{table}.{column}", one[column], other[column]) for column in one]
    pairs = [Pair(path.name, *field) for field in found]
    return [
        (pair.field, pair.pyav, pair.ffprobe)
        for pair in pairs
        if pair.pyav != pair.ffprobe and not any(pair.field in known.fields and known.applies(pair) for known in KNOWN)
    ]


FAST = {"preset": "ultrafast"}
LIVE = {"deadline": "realtime", "cpu-used": "8"}
VIDEO = {
    # Name: encoder, what it is given, containers.
    "h264": ("libx264", {"options": FAST}, ("mkv", "mp4", "m4v", "mov", "avi", "ts", "m2ts", "flv", "h264")),
    "hevc": ("libx265", {"options": FAST}, ("mkv", "mp4", "mov", "ts", "hevc")),
    "av1": ("libsvtav1", {"options": {"preset": "12", "svtav1-params": "lp=1"}}, ("mkv", "mp4", "webm", "ivf", "obu")),
    "vp8": ("libvpx", {"options": LIVE}, ("webm", "mkv", "ivf")),
    "vp9": ("libvpx-vp9", {"options": LIVE}, ("webm", "mkv", "mp4", "ivf")),
    "mpeg1": ("mpeg1video", {"rate": PAL, "frames": 100}, ("mpg", "ts", "avi")),
    "mpeg2": ("mpeg2video", {"rate": PAL, "size": (720, 576)}, ("mpg", "vob", "ts", "m2ts", "mkv", "mov", "mxf")),
    "mpeg4": ("mpeg4", {}, ("avi", "mp4", "mkv", "3gp")),
    "prores": ("prores_ks", {"pixel_format": "yuv422p10le"}, ("mov", "mkv", "mxf")),
    "prores-colors": (
        "prores_ks",
        {
            "pixel_format": "yuv422p10le",
            "options": {"color_primaries": "bt470bg", "color_trc": "bt709", "colorspace": "bt2020nc"},
        },
        ("mov", "mkv"),
    ),
    "wmv1": ("wmv1", {"rate": PAL}, ("wmv", "asf", "avi")),
    "wmv2": ("wmv2", {"rate": PAL}, ("wmv",)),
    "flv1": ("flv", {}, ("flv",)),
    "mjpeg": ("mjpeg", {"pixel_format": "yuvj420p"}, ("avi", "mov", "mkv")),
    "ffv1": ("ffv1", {"pixel_format": "yuv422p10le"}, ("mkv", "avi")),
    "dvvideo": ("dvvideo", {"rate": PAL, "size": (720, 576)}, ("dv", "avi", "mov")),
    "h263": ("h263", {"size": (176, 144)}, ("3gp", "mov")),
    "msmpeg4": ("msmpeg4", {}, ("avi",)),
    "interlaced": ("mpeg2video", {"rate": PAL, "size": (720, 576), "options": {"flags": "+ildct+ilme"}}, ("ts", "mpg")),
    "fields": ("libx264", {"options": {**FAST, "x264opts": "tff=1"}}, ("mkv", "mp4", "ts")),
    "anamorphic": ("libx264", {"options": FAST, "pixel_shape": Fraction(64, 45)}, ("mkv", "mp4", "avi", "ts")),
    "full-range": (
        "libx264",
        {"options": {**FAST, "x264opts": "fullrange=on:colorprim=bt470bg:transfer=bt470bg:colormatrix=bt470bg"}},
        ("mkv", "mp4"),
    ),
}  # fmt: skip
SOUND = {
    "aac": ("mkv", "mp4", "mov", "ts", "flv"), "ac3": ("mkv", "mp4", "ts", "avi"), "eac3": ("mkv", "mp4", "ts"),
    "mp2": ("ts", "mkv", "avi"), "libmp3lame": ("avi", "mp4", "mkv"), "flac": ("mkv", "mp4"), "alac": ("mov", "mkv"),
    "libopus": ("mkv", "mp4", "webm"), "pcm_s16le": ("mov", "avi", "mkv"),
    "pcm_s24le": ("mov", "mkv"), "wmav2": ("wmv",),
}  # fmt: skip
LAYOUTS = {"eac3": "5.1(side)"}


@pytest.mark.parametrize(
    ("name", "ending"), [(name, ending) for name, (_, _, endings) in VIDEO.items() for ending in endings]
)
def test_videos(tmp_path, name, ending):
    """
    Every codec in the containers it comes in.
    """
    codec, stated, _ = VIDEO[name]
    clip = {"frames": 12, "size": (192, 108), **stated}

    path = write_clip(tmp_path / f"{name}.{ending}", codec=codec, **clip)

    assert [] == differences(path)


@pytest.mark.parametrize(
    ("codec", "ending"), [(codec, ending) for codec, endings in SOUND.items() for ending in endings]
)
def test_sounds(tmp_path, codec, ending):
    """
    Every kind of sound in the containers it comes in, with a language, a title and a disposition.
    """
    video = {"webm": "libvpx", "wmv": "wmv2", "flv": "flv", "ts": "mpeg2video"}.get(ending, "mpeg4")
    audio = Audio(codec, LAYOUTS.get(codec, "stereo"), tags={"language": "deu", "title": "Kommentar"})

    path = write_clip(tmp_path / f"{codec}.{ending}", codec=video, rate=PAL, frames=12, size=(96, 64), audio=[audio])

    assert [] == differences(path)


@pytest.mark.parametrize(
    "name",
    [
        "rich.mkv", "wide.mp4", "fast.mp4", "pieces.mp4", "plain.mov", "plain.avi", "plain.ts", "plain.webm",
        "plain.wmv", "hdr10.mkv", "hlg.mkv", "pq.mkv", "dolby.mp4",
    ],
)  # fmt: skip
@pytest.mark.parametrize("share", [1, 0.6])
def test_rich_files_whole_and_cut(clips, tmp_path, name, share):
    """
    Chapters, attachments, many tracks, HDR, Dolby Vision; and each without its end, so that a picture is decoded.
    """
    data = clips[name].read_bytes()
    path = tmp_path / name
    path.write_bytes(data[: int(len(data) * share)])

    assert [] == differences(path)


def test_every_disposition(tmp_path):
    """
    Flags and titles of tracks, as Matroska keeps them.
    """
    flags = ["default", "dub", "original", "comment", "forced", "hearing_impaired", "visual_impaired", "captions"]
    path = write_clip(
        tmp_path / "a.mkv",
        frames=6,
        audio=[Audio(tags={"title": flag}, disposition=Disposition[flag]) for flag in flags],
        subtitles=[Text({"title": "SDH", "language": "eng"}, Disposition[flag]) for flag in flags],
    )

    assert [] == differences(path)
    assert len(flags) == len(measured(path)[1].subtitle_streams)


def test_attached_fonts(tmp_path):
    """
    The kind of a font is read from its type, as ffprobe reads it.
    """
    attached = [("a.ttf", "application/x-truetype-font"), ("b.otf", "application/vnd.ms-opentype"), ("c.bin", "x/y")]
    path = write_clip(tmp_path / "a.mkv", frames=6, attachments=[(name, kind, bytes(20)) for name, kind in attached])

    assert [] == differences(path)
    assert ["ttf", "otf", None] == [a["codec"] for a in measured(path)[1].attachments]


def test_hdr10_plus(tmp_path):
    """
    Seen in the first frame by both, in a raw stream too.
    """
    path = an_hdr_clip(tmp_path / "plus.hevc", HDR10)
    add_hdr10_plus(path)

    assert [] == differences(path)
    assert "HDR10+" == measured(path)[1].probe["hdr_format"]


@pytest.mark.parametrize("degrees", [90, -90, 180])
def test_turned_pictures(tmp_path, degrees):
    """
    The same angle from a matrix in memory and from one that is printed.
    """
    path = write_clip(tmp_path / "phone.mp4", frames=3)
    turn_picture(path, degrees)

    assert [] == differences(path)
    assert degrees == measured(path)[1].video_streams[0]["rotation_deg"]


def test_encrypted(tmp_path):
    """
    Encryption is read from the container, not asked of an engine.
    """
    path = write_clip(tmp_path / "encrypted.mp4", frames=12, audio=[Audio()], muxer=ENCRYPTION)

    assert [] == differences(path)
    assert (True, False) == (measured(path)[1].probe["is_encrypted"], measured(path)[1].probe["playable"])


@pytest.mark.parametrize(
    "content", [b"", b"ffconcat version 1.0\nfile x.mp4\n", bytes(50_000), b"\x1aE\xdf\xa3" + bytes(1_000), b"text"]
)
def test_what_is_no_video(tmp_path, content):
    """
    Refused by both, for the same reason.
    """
    path = tmp_path / "a.mkv"
    path.write_bytes(content)

    assert [] == differences(path)


def test_every_known_difference_has_a_reason():
    """
    The list is shown to users: it has to say why.
    """
    assert all(known.reason.endswith(".") and known.fields for known in KNOWN)
