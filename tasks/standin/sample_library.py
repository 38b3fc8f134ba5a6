"""Make a library that grows night by night: what the notebooks show where there is no library yet.

Every file is a real video of half a second with a name of the generated catalogue: films, some of them twice, and shows
with episodes left out. A few files are damaged. A number of nights says how many of the files are there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av.stream import Disposition

from tasks.core import atomic
from tasks.standin.bench_library import file_name
from tasks.standin.clips import Clip, Sound, Subtitles, encode
from tasks.standin.generated import generated_film, generated_show

SEED = 1
FILM_COUNT = 150
SHOW_COUNT = 6
NIGHTS = (30, 30, 45, 60, 140, 140, 155, 155, 170, 230, 230, 245)
"""Files that are there in each night."""
SECOND_COPY_EVERY = 8
"""Of the films, one in so many is there in a second version."""
EPISODES_MISSED_EVERY = 6
DAMAGED_EVERY = 37


@dataclass(frozen=True)
class SampleFile:
    """One file of the library, before it is made."""

    name: Path
    """Path in the library."""
    clip: Clip
    is_damaged: bool


def sample_files() -> list[SampleFile]:
    """All files of the last night, in the order in which they arrive: two films, then an episode. Pure."""
    films, episodes = _films(), _episodes()
    names: list[tuple[Path, bool]] = []
    while len(names) < NIGHTS[-1]:
        names += [next(films), next(films), next(episodes)]
    clips = _clips()
    found = []
    for number, (stem, is_second) in enumerate(names[: NIGHTS[-1]]):
        suffix, clip = clips[number * 7 % len(clips)]
        name = f"{stem.name} - {clip.height_px}p" if is_second else stem.name
        found.append(SampleFile(stem.with_name(f"{name}{suffix}"), clip, number % DAMAGED_EVERY == DAMAGED_EVERY - 1))
    return found


def make_sample_library(folder: Path, night: int, *, kept: Path) -> list[Path]:
    """Make in ``folder`` what is there in ``night`` (from 0) and return all of it; what is there already stays.

    Args:
        kept: folder outside the library for the videos, encoded once.

    Raises:
        StorageFull: the disk is full.
        av.FFmpegError: this PyAV cannot encode one of the videos.
    """
    made = []
    for number, file in enumerate(sample_files()[: NIGHTS[night]]):
        path = folder / file.name
        made.append(path)
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        content = _encoded(file.clip, kept / file.clip.scene)
        if file.is_damaged:
            content = content[: len(content) // 50]
        atomic.write_bytes(path, content + _filling(file.clip.container, number))
    return made


def _encoded(clip: Clip, path: Path) -> bytes:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic.writing(path) as temporary:
            encode(clip, temporary)
    return path.read_bytes()


def _filling(container: str, number: int) -> bytes:
    """Bytes that players pass over and that make every file another one: no two are copies of each other."""
    text = f"{number:04d}".encode() * 47
    if container in ("matroska", "webm"):
        return b"\xec\x40" + len(text).to_bytes(1, "big") + text  # EBML Void, its length in two bytes
    if container in ("mp4", "mov"):
        return (len(text) + 8).to_bytes(4, "big") + b"free" + text
    if container == "avi":
        return b"JUNK" + len(text).to_bytes(4, "little") + text
    return b"\x47\x1f\xff\x10" + text[:184]  # an empty packet of a transport stream


def _films() -> Iterator[tuple[Path, bool]]:
    """Paths without extension, and whether it is the second version of the film before."""
    for number in range(FILM_COUNT):
        film = generated_film(number, seed=SEED)
        name = file_name(film.title) + (f" ({film.year})" if film.year else "")
        yield Path("Films", name, name), False
        if number % SECOND_COPY_EVERY == SECOND_COPY_EVERY - 1:
            yield Path("Films", name, name), True
    raise AssertionError("the nights ask for more films than there are")


def _episodes() -> Iterator[tuple[Path, bool]]:
    place = 0
    for number in range(SHOW_COUNT):
        show = generated_show(number, seed=SEED)
        title = file_name(show.title)
        for season in show.seasons:
            for episode in season.episodes:
                place += 1
                if place % EPISODES_MISSED_EVERY:
                    name = f"{title} - S{season.number:02d}E{episode.number:02d} - {file_name(episode.title)}"
                    yield Path("Shows", f"{title} ({show.year})", f"Season {season.number:02d}", name), False
    raise AssertionError("the nights ask for more episodes than there are")


def _clips() -> list[tuple[str, Clip]]:
    """The videos with their suffixes; common kinds stand more often."""
    english, french, german = Sound("aac", "eng"), Sound("ac3", "fra", layout="5.1"), Sound("aac", "deu")
    japanese, surround = Sound("flac", "jpn"), Sound("eac3", "eng", layout="5.1", flags=Disposition.default)
    uhd, full, half, small, wide_pal = (3840, 2160), (1920, 1080), (1280, 720), (854, 480), (720, 576)
    kinds: list[tuple[str, str, str, tuple[int, int], tuple[Sound, ...], tuple[str, ...], bool]] = [
        (".mkv", "matroska", "libx264", full, (english,), ("eng",), False),
        (".mkv", "matroska", "libx265", uhd, (surround, french), ("eng", "fra"), True),
        (".mp4", "mp4", "libx264", half, (english,), (), False),
        (".mkv", "matroska", "libx264", full, (surround, german), ("eng", "deu"), False),
        (".avi", "avi", "mpeg4", small, (Sound("mp3"),), (), False),
        (".mkv", "matroska", "libx265", full, (english, japanese), ("eng", "jpn"), False),
        (".webm", "webm", "libvpx-vp9", half, (Sound("opus", "fra"),), (), False),
        (".ts", "mpegts", "mpeg2video", wide_pal, (Sound("mp2", "deu"),), (), False),
        (".mkv", "matroska", "libx265", half, (english, french), ("fra",), True),
        (".mp4", "mp4", "libx264", full, (english, Sound("ac3", "spa")), (), False),
        (".webm", "webm", "libsvtav1", full, (Sound("opus", "eng"),), (), False),
        (".mkv", "matroska", "libx264", small, (english,), ("eng", "spa"), False),
    ]
    return [
        (
            suffix,
            Clip(
                container=container,
                codec=codec,
                width_px=width,
                height_px=height,
                scene=f"{number:02d}{suffix}",
                duration_s=0.5,
                frame_rate_hz=Fraction(24),
                is_hdr10=is_hdr10,
                sounds=sounds,
                subtitles=tuple(Subtitles(language) for language in texts),
            ),
        )
        for number, (suffix, container, codec, (width, height), sounds, texts, is_hdr10) in enumerate(kinds)
    ]
