"""The libraries of the lab: hard links of two dozen made videos, named after titles that the stand-in knows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count, cycle, islice
from pathlib import Path

from flows.budgets_probe import items_below, warm
from tasks.lab.inputs import library_hash
from tasks.lab.presets import Preset
from tasks.standin.bench_library import CLIPS_FOLDER, file_name, make_bench_library
from tasks.standin.generated import generated_film, generated_show
from tasks.standin.titles import Show

SEED = 1
"""Of the generated titles; the stand-in's default, too."""
CLIP_FILES = 24
"""A library of so many files holds one of each clip."""


@dataclass(frozen=True)
class MadeLibrary:
    """A library that lies on the disk, and what a stand-in needs to know all of it."""

    folder: str
    file_count: int
    film_count: int
    """Films that the stand-in must know."""
    show_count: int
    input_hash: str


def made_library(data: Path, preset: Preset) -> MadeLibrary:
    """Make the library of ``preset`` below ``data``, unless it is there, and read it once: the page cache has it then.

    Raises:
        StorageFull: the disk is full.
    """
    if preset.file_count:
        folder = data / f"videos-{preset.file_count}"
        made = make_bench_library(folder, preset.file_count, seed=SEED)
        film_count, show_count = made.film_count, made.show_count
    else:
        folder = data / f"videos-{preset.name}"
        shows = _shows(preset)
        episodes = (name for _, show in shows for name in _episode_names(show, has_id=preset.ids_in_names))
        names = [*_film_names(preset), *episodes]
        _link_all(folder, names, _clips(data))
        film_count = preset.film_count
        show_count = max((number for number, _ in shows), default=-1) + 1
    items = items_below(os.fsencode(folder))
    warm(items)
    return MadeLibrary(str(folder), items.height, film_count, show_count, library_hash(folder))


def _film_names(preset: Preset) -> Iterator[Path]:
    for number in range(preset.film_count):
        film = generated_film(number, seed=SEED)
        name = file_name(film.title) + (f" ({film.year})" if film.year else "")
        yield Path("Movies", f"{name}{_mark(film.id) if preset.ids_in_names else ''}", name)
        if preset.twice_every and number % preset.twice_every == 0:
            release = f"{name} 2160p WEB x265-GRP"
            yield Path("Movies in 2160p", release, release)


def _mark(provider_id: int) -> str:
    return f" {{tmdb-{provider_id}}}"


def _shows(preset: Preset) -> list[tuple[int, Show]]:
    """The first shows with the wanted number of seasons, specials apart, and their numbers."""
    every = ((number, generated_show(number, seed=SEED)) for number in count())
    wanted = (
        (number, show) for number, show in every if sum(s.number > 0 for s in show.seasons) == preset.season_count
    )
    return list(islice(wanted, preset.show_count))


def _episode_names(show: Show, *, has_id: bool) -> Iterator[Path]:
    title = file_name(show.title)
    folder = f"{title} ({show.year}){_mark(show.id) if has_id else ''}"
    for season in show.seasons:
        if not season.number:
            continue
        for episode in season.episodes:
            name = f"{title} - S{season.number:02d}E{episode.number:02d} - {file_name(episode.title)}"
            yield Path("Shows", folder, f"Season {season.number:02d}", name)


def _clips(data: Path) -> list[Path]:
    small = data / f"videos-{CLIP_FILES}"
    make_bench_library(small, CLIP_FILES, seed=SEED)
    return sorted((small / CLIPS_FOLDER).iterdir())


def _link_all(folder: Path, names: list[Path], clips: list[Path]) -> None:
    for name, clip in zip(names, cycle(clips), strict=False):
        target = folder / f"{name}{clip.suffix}"
        target.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.link(clip, target)
