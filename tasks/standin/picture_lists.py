"""Which pictures a title has, and what their paths mean. Pure.

A path names its picture (``/film101-poster2-en.jpg``), so the server keeps no list: the same path is always the same
picture, as it is at TMDB, where paths are 27 letters and digits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tasks.core.ids import digest
from tasks.standin import words
from tasks.standin.catalogue import Catalogue
from tasks.standin.generated import FIRST_PERSON_ID, PERSON_COUNT, person
from tasks.standin.titles import Collection, Film, Show
from tasks.standin.tmdb_lists import LANGUAGES

Owner = Film | Show | Collection

PICTURE_LANGUAGES: dict[str, tuple[str | None, ...]] = {
    "poster": (None, "en", "de", "en", "fr", None),
    "backdrop": (None, "en", None, None, "de"),
    "logo": ("en", "de"),
}
"""Best voted first: the poster without words leads, so whoever takes the first one forgets the language."""
SIZES_PX = {
    "poster": (1000, 1500),
    "backdrop": (1280, 720),
    "logo": (800, 310),
    "still": (800, 450),
    "profile": (300, 450),
}
SMALL_POSTER_PX = (500, 750)
_OWNER = r"(?P<owner>film|show|collection|company|person)(?P<id>[0-9]{1,12})"
_PATH = re.compile(
    rf"/{_OWNER}(?:-s(?P<season>[0-9]{{2,4}})(?:e(?P<episode>[0-9]{{2,4}}))?)?"
    r"-(?P<kind>poster|backdrop|logo|still|profile)(?P<rank>[0-9]{1,2})(?:-(?P<language>[a-z]{2}))?\.(?P<format>jpg|png|svg)"
)


@dataclass(frozen=True)
class Picture:
    """One picture, before it is drawn."""

    path: str
    kind: str
    rank: int
    language: str | None
    width_px: int
    height_px: int
    caption: str
    """Words on it; empty for pictures without language."""
    drawn: bool
    """Drawn for itself; otherwise one of a few shared scenes."""
    vote_average: float = 0.0
    vote_count: int = 0

    @property
    def format(self) -> str:
        """jpg, png or svg."""
        return self.path.rpartition(".")[2]


def owner_name(owner: Owner) -> str:
    """How a path names the title."""
    return f"{type(owner).__name__.lower()}{owner.id}"


def pictures(owner: Owner, kind: str) -> list[Picture]:
    """The posters, backdrops or logos of a title, best voted first."""
    counts = {"poster": owner.pictures.posters, "backdrop": owner.pictures.backdrops, "logo": owner.pictures.logos}
    languages = PICTURE_LANGUAGES[kind]
    return [_picture(owner, kind, rank, languages[(rank - 1) % len(languages)]) for rank in range(1, counts[kind] + 1)]


def best_path(owner: Owner, kind: str, language: str) -> str | None:
    """The path that details show for a language: its best picture, else the best of all; null where there is none."""
    candidates = pictures(owner, kind)
    wanted = [p for p in candidates if p.language == language] if kind == "poster" else []
    return next((p.path for p in (*wanted, *candidates)), None)


def season_poster_path(show: Show, season_number: int) -> str | None:
    """The path of a season's poster."""
    season = show.season(season_number)
    return f"/{owner_name(show)}-s{season_number:02d}-poster1.jpg" if season and season.has_poster else None


def still_path(show: Show, season_number: int, episode_number: int) -> str:
    """The path of an episode's still."""
    return f"/{owner_name(show)}-s{season_number:02d}e{episode_number:02d}-still1.jpg"


def profile_path(person_id: int) -> str | None:
    """The path of a person's portrait; null for the three in ten who have none."""
    return f"/person{person_id}-profile1.jpg" if person(person_id).has_profile else None


def company_logo_path(company_id: int) -> str | None:
    """The path of a company's logo; null for every third."""
    return None if company_id % 3 == 0 else f"/company{company_id}-logo1.png"


def picture_at(path: str, catalogue: Catalogue) -> Picture | None:
    """The picture that a path (``/film101-poster2-en.jpg``) names, or ``None`` where there is none."""
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    owner, owner_id, kind, rank = found["owner"], int(found["id"]), found["kind"], int(found["rank"])
    if owner == "person":
        known = FIRST_PERSON_ID <= owner_id < FIRST_PERSON_ID + PERSON_COUNT
        return _plain(path, "profile", person(owner_id).name) if known and profile_path(owner_id) == path else None
    if owner == "company":
        known = 0 < owner_id <= len(words.COMPANIES) and company_logo_path(owner_id) == path
        return _plain(path, "logo", words.COMPANIES[owner_id - 1]) if known else None
    if found["season"] is not None:
        show = catalogue.show(owner_id) if owner == "show" else None
        return _of_season(path, show, int(found["season"]), found["episode"]) if show else None
    lookup = {"film": catalogue.film, "show": catalogue.show, "collection": catalogue.collection}[owner]
    title = lookup(owner_id)
    if title is None or kind in ("still", "profile"):
        return None
    offered = pictures(title, kind)
    if not 1 <= rank <= len(offered):
        return None
    picture = offered[rank - 1]
    # An SVG logo is also served as PNG, which is how TMDB gives its smaller sizes.
    return picture if path in (picture.path, picture.path.replace(".svg", ".png")) else None


def _of_season(path: str, show: Show, number: int, episode: str | None) -> Picture | None:
    season = show.season(number)
    if season is None:
        return None
    if episode is None:
        if season_poster_path(show, number) != path:
            return None
        return _plain(path, "poster", f"{show.title}\n{season.name}", drawn=show.drawn)
    known = next((e for e in season.episodes if e.number == int(episode) and e.has_still), None)
    if known is None or still_path(show, number, known.number) != path:
        return None
    return _plain(path, "still", "", drawn=show.drawn)


def _picture(owner: Owner, kind: str, rank: int, language: str | None) -> Picture:
    size = SMALL_POSTER_PX if kind == "poster" and rank >= 4 else SIZES_PX[kind]
    extension = "jpg"
    if kind == "logo":
        extension = "svg" if owner.pictures.svg_logo and rank == 1 else "png"
    title = owner.name if isinstance(owner, Collection) else owner.title
    if language and language in owner.translations:
        title = owner.translations[language].title or title
    marker = f"-{language}" if language else ""
    return Picture(
        path=f"/{owner_name(owner)}-{kind}{rank}{marker}.{extension}",
        kind=kind,
        rank=rank,
        language=language,
        width_px=size[0],
        height_px=size[1],
        caption=title if language else "",
        drawn=owner.drawn,
        vote_average=round(6 / (1 + rank / 20), 3),
        vote_count=max(0, 40 - 7 * rank),
    )


def _plain(path: str, kind: str, caption: str, *, drawn: bool = False) -> Picture:
    width, height = SIZES_PX[kind]
    return Picture(path, kind, 1, None, width, height, caption, drawn)


def image_object(picture: Picture) -> dict[str, object]:
    """One entry of an ``images`` block.

    ``iso_3166_1`` is missing in the official document and present in the recorded answers.
    """
    return {
        "aspect_ratio": round(picture.width_px / picture.height_px, 3),
        "height": picture.height_px,
        "iso_3166_1": LANGUAGES[picture.language][0] if picture.language else None,
        "iso_639_1": picture.language,
        "file_path": picture.path,
        "vote_average": picture.vote_average,
        "vote_count": picture.vote_count,
        "width": picture.width_px,
    }


def object_id(*parts: object) -> str:
    """24 hexadecimal digits, as TMDB's ids of credits, videos and seasons (``_id``) are."""
    return digest(*(str(part) for part in parts))
