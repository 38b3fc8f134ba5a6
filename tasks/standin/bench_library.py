"""Make a large library out of two dozen tiny videos, or of empty ones: what the benchmarks refresh and walk.

Names come from the generated part of the catalogue, so a stand-in with as many titles knows every one of them. Files
are hard links: reading them costs the disk nothing after the first time, and many names share an inode. Both make a
benchmark kinder than a real library; what is measured is the work of the program.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain, cycle, islice
from pathlib import Path

from av.stream import Disposition

from tasks.core import atomic
from tasks.standin.clips import Clip, Sound, Subtitles, encode
from tasks.standin.generated import COLLECTION_EVERY, generated_film, generated_show
from tasks.standin.library import LibraryFacts

FILM_SHARE_RATIO = 0.6
CLIPS_FOLDER = ".clips"
"""Where the encoded videos lie; a walk passes over it, because its name begins with a dot."""
_FOLDERS_IN_FOLDER = 40
_SIZES_PX = ((128, 72), (160, 90), (192, 108), (96, 72))
_KINDS = (
    (".mkv", "matroska", "libx264", "aac"),
    (".mp4", "mp4", "libx264", "aac"),
    (".mkv", "matroska", "libx265", "ac3"),
    (".avi", "avi", "mpeg4", "mp3"),
    (".mkv", "matroska", "libx264", "opus"),
    (".webm", "webm", "libvpx-vp9", "opus"),
)


def make_bench_library(folder: Path, file_count: int, *, seed: int = 1) -> LibraryFacts:
    """Make ``file_count`` videos in ``folder``: 60 % films in folders of their own, the rest episodes of shows.

    A stand-in that shall know them needs ``film_count`` and ``show_count`` of the result, and the same seed. What is
    there already is left as it is.

    Raises:
        StorageFull: the disk is full.
        av.FFmpegError: this PyAV cannot encode one of the videos.
    """
    clips = cycle(_clips(folder / CLIPS_FOLDER))
    film_count = round(file_count * FILM_SHARE_RATIO)
    episode_count = file_count - film_count
    films = (_film_name(number, seed) for number in range(film_count))
    episodes = list(islice(_episode_names(seed), episode_count))
    made: set[Path] = set()
    for name in chain(films, (name for _, name in episodes)):
        clip = next(clips)
        target = folder / f"{name}{clip.suffix}"
        if target.parent not in made:
            target.parent.mkdir(parents=True, exist_ok=True)
            made.add(target.parent)
        _link(clip, target)
    whole, rest = divmod(film_count, COLLECTION_EVERY)
    return LibraryFacts(
        folder=folder,
        file_count=file_count,
        film_file_count=film_count,
        episode_file_count=episode_count,
        extra_count=0,
        unreadable_count=0,
        film_count=film_count,
        unknown_film_count=0,
        show_count=len({show for show, _ in episodes}),
        episode_count=episode_count,
        collection_count=whole + (rest > 0),
    )


def make_empty_library(folder: Path, file_count: int) -> Path:
    """Make ``file_count`` empty files named as videos in ``folder``, 50 to 100 in each folder two levels below it.

    They have a name, a size and times, which is all that a walk looks at. What is there already is left as it is.
    Returns ``folder``.

    Raises:
        StorageNotWritable: the operating system refuses to write there.
        OSError: the disk has no room for so many files.
    """
    complete = folder.with_name(f"{folder.name}.complete")  # beside it: a walk would count it
    if complete.exists():
        return folder
    made = number = 0
    while made < file_count:
        inner = folder / f"{number // _FOLDERS_IN_FOLDER:04d}" / f"{number:06d}"
        inner.mkdir(parents=True, exist_ok=True)
        within = min(50 + number % 51, file_count - made)
        for place in range(within):
            os.close(os.open(inner / f"Video {made + place:07d}.mkv", os.O_CREAT | os.O_WRONLY, 0o644))
        made += within
        number += 1
    with atomic.writing(complete) as temporary:
        temporary.touch()
    return folder


def file_name(title: str) -> str:
    """A title as people write it in file names.

    >>> file_name("Tarnova: The Pale Bell"), file_name('What? / "Why"')
    ('Tarnova - The Pale Bell', 'What Why')
    """
    return " ".join(re.sub(r'[<>"/\\|?*]', "", re.sub(r"\s*:\s*", " - ", title)).split())


def _film_name(number: int, seed: int) -> Path:
    film = generated_film(number, seed=seed)
    name = file_name(film.title) + (f" ({film.year})" if film.year else "")
    return Path("Movies", name, name)


def _episode_names(seed: int) -> Iterator[tuple[int, Path]]:
    """Number of the show, and path without extension, show by show without end."""
    number = 0
    while True:
        show = generated_show(number, seed=seed)
        title = file_name(show.title)
        for season in show.seasons:
            for episode in season.episodes:
                place = f"S{season.number:02d}E{episode.number:02d}"
                name = f"{title} - {place} - {file_name(episode.title)}"
                yield number, Path("Shows", f"{title} ({show.year})", f"Season {season.number:02d}", name)
        number += 1


def _link(clip: Path, target: Path) -> None:
    try:
        os.link(clip, target)
    except FileExistsError:
        return
    except OSError:  # a file system without hard links, or one that allows no more of them
        with atomic.writing(target) as temporary:
            shutil.copyfile(clip, temporary)


def _clips(folder: Path) -> list[Path]:
    """Two dozen distinct videos, each a second or less."""
    made = []
    for number in range(len(_KINDS) * len(_SIZES_PX)):
        suffix, container, codec, sound = _KINDS[number % len(_KINDS)]
        width, height = _SIZES_PX[number // len(_KINDS)]
        path = folder / f"{number:02d}{suffix}"
        made.append(path)
        if path.exists():
            continue
        clip = Clip(
            container=container,
            codec=codec,
            width_px=width,
            height_px=height,
            scene=path.name,
            duration_s=0.5 + number % 4 * 0.1,
            frame_rate_hz=Fraction(24) if number % 2 else Fraction(25),
            sounds=(Sound(sound, "eng"), Sound(sound, "fra"))[: 1 + number % 2 * (container == "matroska")],
            subtitles=(Subtitles("eng", flags=Disposition.default),) if container == "matroska" else (),
            chapters=("First", "Second") if container == "matroska" and number % 4 == 0 else (),
        )
        with atomic.writing(path) as temporary:
            encode(clip, temporary)
    return made
