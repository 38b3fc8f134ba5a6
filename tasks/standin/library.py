"""Make a small library of really encoded videos: what the demo and many tests refresh.

Its titles are those of ``tasks.standin.demo_titles``, save one film that the catalogue does not know. There are two
copies of one film in different sizes, an extra, a file that holds two episodes, a sample that a walk passes over, a
video that was cut off while it was copied, and a text that somebody named .mkv.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path, PurePosixPath

from av.stream import Disposition

from tasks.core import atomic
from tasks.standin.clips import Clip, Sound, Subtitles, encode
from tasks.standin.pictures import landscape

FILMS = PurePosixPath("Movies")
SHOW = PurePosixPath("Shows/Kestrel Lane Observatory (2017)")
PAL_HZ = Fraction(25)


@dataclass(frozen=True)
class LibraryFacts:
    """What is in a made library, for tests and benchmarks to hold results against."""

    folder: Path
    file_count: int
    """Files that a walk finds: without the sample."""
    film_file_count: int
    episode_file_count: int
    extra_count: int
    unreadable_count: int
    """Files that no engine can read; they count among the episodes."""
    film_count: int
    """Distinct films, known or not."""
    unknown_film_count: int
    """Films the catalogue does not know."""
    show_count: int
    episode_count: int
    """Distinct episodes; a file may hold two."""
    collection_count: int


def toy_facts(folder: Path) -> LibraryFacts:
    """What :func:`make_toy_library` makes in ``folder``."""
    return LibraryFacts(
        folder=folder,
        file_count=15,
        film_file_count=5,
        episode_file_count=8,
        extra_count=2,
        unreadable_count=2,
        film_count=4,
        unknown_film_count=1,
        show_count=1,
        episode_count=9,
        collection_count=1,
    )


def make_toy_library(folder: Path) -> list[Path]:
    """Write the toy library to ``folder`` and return its files in a fixed order, the sample among them.

    A file that is there already is left as it is, so a second call changes nothing.

    Raises:
        StorageFull: the disk is full; what was written is whole.
        av.FFmpegError: this PyAV cannot encode one of the videos.
    """
    made = []
    for name, write in _files():
        path = folder / name
        if not path.exists():
            with atomic.writing(path) as temporary:
                write(temporary)
        made.append(path)
    return made


def _files() -> list[tuple[PurePosixPath, Callable[[Path], None]]]:
    ferry = FILMS / "The Salt Ferry (2011)"
    low_water = FILMS / "The Salt Ferry - Low Water (2014)"
    clockmakers = FILMS / "The Clockmakers' Summer (2019)"
    moles = FILMS / "Umbrella Weather for Moles (2016)"
    one, two, special = SHOW / "Season 01", SHOW / "Season 02", SHOW / "Specials"
    name = "Kestrel Lane Observatory"
    return [
        (ferry / "The Salt Ferry (2011) - 1080p.mkv", _encoder(_salt_ferry())),
        (ferry / "The Salt Ferry (2011) - 480p.mp4", _encoder(_plain("mp4", "libx264", 854, 480, "salt ferry"))),
        (ferry / "The Salt Ferry (2011)-trailer.mp4", _encoder(_plain("mp4", "libx264", 640, 360, "trailer", 1))),
        (ferry / "Sample" / "the.salt.ferry.2011.sample.mkv", _encoder(_plain("matroska", "mpeg4", 320, 180, "s", 1))),
        (low_water / "The.Salt.Ferry.Low.Water.2014.720p.WEB-DL.HDR.HEVC.mkv", _encoder(_low_water())),
        (clockmakers / "The Clockmakers' Summer (2019).webm", _encoder(_clockmakers())),
        (moles / "Umbrella Weather for Moles (2016).avi", _encoder(_moles())),
        (one / f"{name} - S01E01 - First Light.mkv", _encoder(_first_light())),
        (one / f"{name} - S01E02 - Seeing Conditions.mp4", _encoder(_seeing_conditions())),
        (one / f"{name} - S01E03-E04 - Dark Window.mkv", _encoder(_plain("matroska", "mpeg4", 720, 576, "dark", 3))),
        (two / f"{name} - S02E01 - Parallax.ts", _encoder(_parallax())),
        (two / f"{name} - S02E02 - Redshift.mov", _encoder(_plain("mov", "libx264", 960, 540, "redshift"))),
        (two / f"{name} - S02E03 - Occultation.mp4", _cut_off(_plain("mp4", "libx264", 640, 360, "occultation"))),
        (two / f"{name} - S02E04 - Last Quarter.mkv", _text),
        (special / f"{name} - S00E01 - A Very Long Exposure.webm", _encoder(_long_exposure())),
        (SHOW / "Featurettes" / "Building the Dome.mp4", _encoder(_plain("mp4", "libx264", 480, 270, "dome", 1))),
    ]  # fmt: skip


def _encoder(clip: Clip) -> Callable[[Path], None]:
    return lambda path: encode(clip, path)


def _cut_off(clip: Clip) -> Callable[[Path], None]:
    """An MP4 whose end is missing, and with it the index, which stands there."""

    def write(path: Path) -> None:
        encode(clip, path)
        os.truncate(path, path.stat().st_size * 6 // 10)

    return write


def _text(path: Path) -> None:
    path.write_text("The download did not finish.\nPlease try again.\n" * 40, encoding="utf-8")


def _plain(container: str, codec: str, width: int, height: int, scene: str, duration_s: float = 2.0) -> Clip:
    return Clip(
        container=container,
        codec=codec,
        width_px=width,
        height_px=height,
        scene=scene,
        duration_s=duration_s,
        frame_rate_hz=PAL_HZ,
        sounds=(Sound("aac", "eng"),),
    )


def _salt_ferry() -> Clip:
    cover = io.BytesIO()
    landscape(300, 450, palette_key="salt ferry", scene_key="cover").save(cover, "JPEG")
    return Clip(
        container="matroska",
        codec="libx264",
        width_px=1920,
        height_px=1080,
        scene="salt ferry",
        duration_s=3.0,
        sounds=(
            Sound("ac3", "eng", "Surround", "5.1", Disposition.default),
            Sound("aac", "deu", "Deutsch"),
            Sound("opus", "eng", "Commentary by nobody", flags=Disposition.comment),
        ),
        subtitles=(
            Subtitles("eng", title="Full"),
            Subtitles("eng", "ass", "SDH", Disposition.hearing_impaired),
            Subtitles("deu", title="Nur Schilder", flags=Disposition.forced),
        ),
        chapters=("The Jetty", "The Crossing", "The Other Side"),
        attachments=(
            ("cover.jpg", "image/jpeg", cover.getvalue()),
            # A header is enough for an attachment: nobody draws with it.
            ("Invented Sans.ttf", "font/ttf", b"\x00\x01\x00\x00" + bytes(60)),
        ),
        tags={"title": "The Salt Ferry"},
    )


def _low_water() -> Clip:
    return Clip(
        container="matroska",
        codec="libx265",
        width_px=1280,
        height_px=720,
        scene="low water",
        is_hdr10=True,
        sounds=(Sound("eac3", "eng", layout="5.1", flags=Disposition.default), Sound("flac", "fra")),
        subtitles=(Subtitles("fra"),),
        chapters=("Ebb", "Flood"),
    )


def _clockmakers() -> Clip:
    return Clip(
        container="webm",
        codec="libvpx-vp9",
        width_px=1280,
        height_px=720,
        scene="clockmakers",
        sounds=(Sound("opus", "fra", "Version originale"),),
    )


def _moles() -> Clip:
    return Clip(
        container="avi",
        codec="mpeg4",
        width_px=640,
        height_px=480,
        scene="moles",
        frame_rate_hz=PAL_HZ,
        sounds=(Sound("mp3"),),
    )


def _first_light() -> Clip:
    return Clip(
        container="matroska",
        codec="libx264",
        width_px=1280,
        height_px=720,
        scene="first light",
        sounds=(Sound("aac", "eng", flags=Disposition.default), Sound("flac", "jpn", "日本語")),
        subtitles=(Subtitles("eng"), Subtitles("jpn")),
        tags={"title": "First Light"},
    )


def _seeing_conditions() -> Clip:
    return Clip(
        container="mp4",
        codec="libx264",
        width_px=1280,
        height_px=720,
        scene="seeing",
        frame_rate_hz=Fraction(30000, 1001),
        sounds=(Sound("aac", "eng"), Sound("ac3", "fra", layout="5.1")),
        chapters=("Cold Open", "Fog"),
    )


def _parallax() -> Clip:
    return Clip(
        container="mpegts",
        codec="mpeg2video",
        width_px=720,
        height_px=576,
        scene="parallax",
        frame_rate_hz=PAL_HZ,
        sounds=(Sound("mp2", "eng"), Sound("ac3", "deu")),
    )


def _long_exposure() -> Clip:
    return Clip(
        container="webm",
        codec="libsvtav1",
        width_px=640,
        height_px=360,
        scene="long exposure",
        sounds=(Sound("opus", "eng"),),
    )
