"""Trailers, featurettes, samples and the like, told apart before anything else reads the name.

Suffixes and folders: those of Plex and Jellyfin (support.plex.tv "Local Files for Trailers and Extras", jellyfin.org
"Movies", "Shows"). A word inside a title is never enough: *Trailer Park Boys* is a show.
"""

from __future__ import annotations

import re

from tasks.core.titles import normal_title
from tasks.identify.release import tech_start

EXTRA_FOLDERS = {
    "behind the scenes": "behind_the_scenes", "behindthescenes": "behind_the_scenes", "making of": "behind_the_scenes",
    "deleted scenes": "deleted_scene", "deleted": "deleted_scene", "deletedscenes": "deleted_scene",
    "featurettes": "featurette", "featurette": "featurette", "interviews": "interview", "interview": "interview",
    "scenes": "scene", "shorts": "short", "trailers": "trailer", "trailer": "trailer", "teasers": "trailer",
    "clips": "clip", "samples": "sample", "sample": "sample", "extras": "other", "extra": "other", "other": "other",
    "others": "other", "bonus": "other", "bonus features": "other", "bonus material": "other",
    "special features": "other", "backdrops": "theme", "theme videos": "theme",
}  # fmt: skip
_KINDS = {
    "behindthescenes": "behind_the_scenes", "deleted": "deleted_scene", "deletedscene": "deleted_scene",
    "deletedscenes": "deleted_scene", "featurette": "featurette", "interview": "interview", "scene": "scene",
    "short": "short", "trailer": "trailer", "teaser": "trailer", "sample": "sample", "clip": "clip",
    "extra": "other", "extras": "other", "other": "other", "bonus": "other",
}  # fmt: skip
# Words that end a name after a dash in no other sense; "-short" or "-other" may be a release group.
_UNMISTAKABLE = frozenset(("behind_the_scenes", "deleted_scene", "featurette", "interview", "trailer", "sample"))
_SUFFIX = re.compile(
    r"^(?P<stem>.*?)(?P<sep>[ ]-[ ]|-|[._]|[ ])(?P<word>behind-?the-?scenes|deleted(?:-?scenes?)?|featurette"
    r"|interview|scene|short"
    r"|trailer|teaser|sample|clip|extras?|other|bonus)[ ]?\d{0,2}$",
    re.IGNORECASE,
)
_ALONE = re.compile(r"(?:movie[ ._-])?(?P<word>trailer|teaser|sample)[ ._-]?\d{0,2}", re.IGNORECASE)
_SAMPLE_FIRST = re.compile(r"^sample[._-](?=\S+-\w+$)", re.IGNORECASE)
_YEAR_END = re.compile(r"(?:^|[^\d])(?:18[789]|19\d|20\d)\d[)\]]?$")
_EPISODE = re.compile(
    r"(?<![^\W_])(?:s\d{1,4}[ ._-]?e\d{1,4}|\d{1,2}x\d{2,3}|(?:19|20)\d\d[ ._-]\d\d[ ._-]\d\d)(?![^\W_])", re.IGNORECASE
)
# What a disc has beside its film: menus of a DVD; openings and endings without credits, as fansub groups write them.
_DISC_MENU = re.compile(r"video_ts|vts_\d\d_0", re.IGNORECASE)
_CREDITLESS = re.compile(r"(?<![^\W_])NC(?:OP|ED)[ _-]?\d{0,2}[a-d]?(?:v\d)?(?![^\W_])")
_LAST_LETTERS = "desrtpnwx0123456789"  # of the suffixes, so that most names need no search


def extra_kind(stem: str, *, folder_title: str | None, folder_kind: str | None) -> tuple[str, str] | None:
    """Kind of extra and what stands before its suffix; ``None`` for what is no extra.

    Args:
        folder_title: title of the movie or show whose folder the file is in.
        folder_kind: kind of the extras folder that the file is in, below a title.

    >>> extra_kind("Title (2010)-trailer", folder_title="Title", folder_kind=None)
    ('trailer', 'Title (2010)')
    >>> extra_kind("The Short", folder_title=None, folder_kind=None) is None
    True
    """
    if folder_kind is not None:
        match = _SUFFIX.match(stem)
        return folder_kind, match["stem"] if match and match["sep"] == "-" else stem
    if folder_title and _DISC_MENU.fullmatch(stem):
        return "other", ""
    if match := _CREDITLESS.search(stem):
        return "other", stem[: match.start()]
    if stem[-1:].lower() not in _LAST_LETTERS and stem[:6].lower() != "sample":
        return None
    if match := _ALONE.fullmatch(stem):
        # A lone trailer may be a film of that name; nobody keeps a film called "sample".
        return (_kind(match["word"]), "") if folder_title or match["word"].lower() == "sample" else None
    match = _SUFFIX.match(stem)
    if match is None:
        return ("sample", _SAMPLE_FIRST.sub("", stem)) if _SAMPLE_FIRST.match(stem) else None
    kind, head = _kind(match["word"]), match["stem"]
    return (kind, head) if _is_suffix(kind, match["sep"], stem, head, folder_title) else None


def _is_suffix(kind: str, separator: str, stem: str, head: str, folder_title: str | None) -> bool:
    """Whether the last word of ``stem`` names a kind of extra rather than ending a title or naming a group."""
    folder, own = normal_title(folder_title or ""), normal_title(head)
    if folder and normal_title(stem).startswith(folder) and not own.startswith(folder):
        return False  # the word belongs to the folder's title: "The-Interview"
    is_of_folder = bool(folder) and own.startswith(folder)
    ends_in_year = _YEAR_END.search(head) is not None
    is_release = tech_start(head) is not None
    has_numbers = _EPISODE.search(head) is not None
    if separator == "-":
        if kind not in _UNMISTAKABLE:
            return not is_release and (is_of_folder or ends_in_year)
        return bool(folder) or ends_in_year or is_release or has_numbers or kind in ("trailer", "sample")
    if separator == " - ":
        is_title = bool(folder) and own.rstrip("0123456789") == folder.rstrip("0123456789")
        return kind in _UNMISTAKABLE and not has_numbers and (ends_in_year or is_title)
    if kind not in ("trailer", "sample"):
        return False
    return is_release or (not has_numbers and (ends_in_year or (bool(folder) and own == folder)))


def _kind(word: str) -> str:
    return _KINDS[word.lower().replace("-", "")]
