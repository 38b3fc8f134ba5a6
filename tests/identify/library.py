"""A library as Plex, Jellyfin and Kodi ask for it, with the right answer for every path by construction of its name."""

from __future__ import annotations

import datetime
import random
from dataclasses import dataclass, field
from typing import Any

WORDS = [
    "amber", "anvil", "autumn", "badger", "beacon", "birch", "bitter", "blue", "bridge", "brother", "candle",
    "canyon", "castle", "cedar", "circle", "clock", "copper", "coral", "crimson", "crow", "dancer", "dawn",
    "desert", "dragon", "drift", "eagle", "early", "echo", "ember", "empty", "engine", "falcon", "feather",
    "fifth", "flame", "forest", "frozen", "garden", "ghost", "glass", "golden", "gravel", "harbor", "heron",
    "hidden", "hollow", "honey", "horizon", "hunter", "indigo", "iron", "island", "ivory", "jasper", "journey",
    "juniper", "keeper", "kingdom", "ladder", "lantern", "last", "lemon", "linen", "lion", "little", "lonely",
    "lost", "marble", "meadow", "midnight", "mirror", "mountain", "narrow", "needle", "north", "ocean", "olive",
    "orchard", "outer", "owl", "paper", "pearl", "pepper", "pilot", "pine", "quartz", "quiet", "raven", "red",
    "river", "road", "saffron", "salt", "scarlet", "second", "secret", "seven", "shadow", "silent", "silver",
    "sister", "sleeping", "small", "smoke", "snow", "sparrow", "spring", "star", "stone", "storm", "summer",
    "swan", "tall", "thunder", "tiger", "timber", "tower", "trailer", "twelve", "under", "valley", "velvet",
    "violet", "walker", "water", "whisper", "white", "widow", "wild", "willow", "winter", "wolf", "wonder",
    "yellow", "young",
]  # fmt: skip
ACCENTED = ["Café", "Über", "Niña", "Château", "Ångström", "Señor", "Crème", "Fjörður"]
NUMBERS = ["2", "3", "7", "40", "101", "1984", "2049"]
GROUPS = ["GRP", "NTb", "CtrlHD", "FLUX", "decibel"]


@dataclass
class Named:
    """A path and what it must be read as; only the fields that the name settles are there."""

    path: str
    expect: dict[str, Any] = field(default_factory=dict)


def library(size: int, *, seed: int = 7) -> list[Named]:
    """About ``size`` paths below ``/media``, two thirds of them episodes."""
    draw = random.Random(seed)
    found: list[Named] = []
    while len(found) < size:
        found.extend(_movie(draw) if draw.random() < 0.5 else _show(draw))
    return found[:size]


def _title(draw: random.Random, *, numbers: list[str] = NUMBERS) -> str:
    words = [w.capitalize() for w in draw.sample(WORDS, draw.randint(1, 4))]
    if draw.random() < 0.4:
        words.insert(0, draw.choice(["The", "A"]))
    if draw.random() < 0.08:
        words[-1:] = [draw.choice(ACCENTED)]
    if draw.random() < 0.1 and len(words) > 1:
        words.insert(1, draw.choice(["of the", "and the", "&"]))
    if draw.random() < 0.08:
        words.append(draw.choice(numbers))
    title = " ".join(words)
    if draw.random() < 0.06:
        title += " - " + " ".join(w.capitalize() for w in draw.sample(WORDS, 2))
    return title


def _tag(draw: random.Random, services: list[str]) -> tuple[str, dict[str, Any]]:
    if draw.random() > 0.3:
        return "", {}
    service, number = draw.choice(services), draw.randint(1000, 900_000)
    value = f"tt{number:07d}" if service == "imdb" else number
    style = draw.choice([" {%s-%s}", " [%sid-%s]", " [%sid=%s]"])
    return style % (service, value), {f"{service}_id": value}


def _movie(draw: random.Random) -> list[Named]:
    title, year = _title(draw), draw.randint(1925, 2025)
    tag, ids = _tag(draw, ["tmdb", "imdb"])
    folder = f"/media/Movies/{title} ({year}){tag}"
    expect = {"kind": "movie", "title": title, "year": year} | ids
    quality = draw.choice(["720p", "1080p", "2160p"])
    dotted = title.replace(" - ", " ").replace(" ", ".")
    name = draw.choice(
        [
            f"{title} ({year})",
            f"{title} ({year}) - {quality}",
            f"{title} ({year}) [{quality}]",
            f"{title} ({year}){tag}",
            f"{title}",
            f"{dotted}.{year}.{quality}.BluRay.x264-{draw.choice(GROUPS)}",
        ]
    )
    found = [Named(f"{folder}/{name}.mkv", expect)]
    if draw.random() < 0.15:
        edition = draw.choice(["Director's Cut", "Extended", "Theatrical", "Final Cut"])
        found.append(Named(f"{folder}/{title} ({year}) {{edition-{edition}}}.mkv", expect | {"edition": edition}))
    if draw.random() < 0.1:
        word = draw.choice(["cd", "part", "pt"])
        found = [Named(f"{folder}/{title} ({year}) - {word}{n}.avi", expect | {"part": n}) for n in (1, 2)]
    extra = {"kind": "extra", "title": title, "year": year, "title_kind": "movie"} | ids
    if draw.random() < 0.3:
        suffix, kind = draw.choice(
            [("trailer", "trailer"), ("featurette", "featurette"), ("behindthescenes", "behind_the_scenes"),
             ("scene", "scene"), ("deleted", "deleted_scene"), ("interview", "interview"), ("short", "short"),
             ("other", "other")]
        )  # fmt: skip
        found.append(Named(f"{folder}/{title} ({year})-{suffix}.mp4", extra | {"extra_kind": kind}))
    if draw.random() < 0.2:
        drawer, kind = draw.choice(
            [("Trailers", "trailer"), ("Featurettes", "featurette"), ("Behind The Scenes", "behind_the_scenes"),
             ("Deleted Scenes", "deleted_scene"), ("Extras", "other"), ("Interviews", "interview"), ("Shorts", "short")]
        )  # fmt: skip
        found.append(Named(f"{folder}/{drawer}/{_title(draw)}.mkv", extra | {"extra_kind": kind}))
    return found


def _show(draw: random.Random) -> list[Named]:
    has_year = draw.random() < 0.6
    # "Title 1984" without a year after it may be either: no name that means one thing.
    title, year = _title(draw, numbers=NUMBERS if has_year else ["2", "7"]), draw.randint(1960, 2024)
    tag, ids = _tag(draw, ["tvdb", "tmdb", "imdb"])
    folder = f"/media/TV Shows/{title} ({year}){tag}" if has_year else f"/media/TV Shows/{title}{tag}"
    base = {"kind": "episode", "title": title, "year": year if has_year else None, "title_kind": "show"} | ids
    if draw.random() < 0.08:
        return list(_dated(draw, folder, title, base))
    found = []
    style = draw.choice(["plex", "plain", "x", "dots", "bare"])
    dotted = title.replace(" - ", " ").replace(" ", ".")
    for season in range(1, draw.randint(2, 5)):
        drawer = draw.choice([f"Season {season}", f"Season {season:02d}", f"S{season:02d}", f"Staffel {season}"])
        episode = 1
        while episode < draw.randint(4, 10):
            several = draw.choice([2, 3]) if draw.random() < 0.06 else 1
            numbers = list(range(episode, episode + several))
            last = numbers[-1]
            code = f"S{season:02d}E{episode:02d}"
            if several > 1:
                code += draw.choice([f"-E{last:02d}", f"-{last:02d}", "".join(f"E{n:02d}" for n in numbers[1:])])
            crossed = f"{season}x{episode:02d}" + (f"-{season}x{last:02d}" if several > 1 else "")
            chapter = f" - {_title(draw)}" if draw.random() < 0.8 else ""
            name = {
                "plex": f"{title}{f' ({year})' if has_year else ''} - {code.lower()}{chapter}",
                "plain": f"{title} {code}{chapter}",
                "x": f"{title} - {crossed}{chapter}",
                "dots": f"{dotted}.{code}.1080p.WEB-DL.H264-{draw.choice(GROUPS)}",
                "bare": f"{code}{chapter}",
            }[style]
            found.append(Named(f"{folder}/{drawer}/{name}.mkv", base | {"season": season, "episodes": numbers}))
            episode += several
    if draw.random() < 0.4:
        drawer = draw.choice(["Specials", "Season 00", "Season 0"])
        number = draw.randint(1, 12)
        found.append(
            Named(
                f"{folder}/{drawer}/{title} - S00E{number:02d} - {_title(draw)}.mkv",
                base | {"season": 0, "episodes": [number]},
            )
        )
    if draw.random() < 0.3:
        drawer, kind = draw.choice([("Extras", "other"), ("Trailers", "trailer"), ("Featurettes", "featurette")])
        found.append(
            Named(f"{folder}/Season 1/{drawer}/{_title(draw)}.mkv", base | {"kind": "extra", "extra_kind": kind})
        )
    return found


def _dated(draw: random.Random, folder: str, title: str, base: dict[str, Any]) -> list[Named]:
    found = []
    for _ in range(draw.randint(3, 12)):
        day = datetime.date(draw.randint(1990, 2024), 1, 1) + datetime.timedelta(days=draw.randint(0, 364))
        style = draw.choice(["%Y-%m-%d", "%Y.%m.%d"])
        name = f"{title} - {day.strftime(style)} - {_title(draw)}"
        found.append(Named(f"{folder}/Season {day.year}/{name}.mkv", base | {"date": day}))
    return found
