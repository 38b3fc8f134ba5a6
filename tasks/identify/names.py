"""From a path to clean name parts: folders without their root, the stem and the extension."""

from __future__ import annotations

import re

from tasks.core.settings import VIDEO_EXTENSIONS

_SIDE_FILES = (
    ".srt",
    ".ass",
    ".ssa",
    ".sub",
    ".idx",
    ".vtt",
    ".nfo",
    ".txt",
    ".jpg",
    ".png",
    ".7z",
    ".zip",
    ".rar",
    ".iso",
)
_EXTENSIONS = frozenset((*VIDEO_EXTENSIONS, *_SIDE_FILES))
# Some names come with their extension's dot lost: "Title 2010 1080p mkv".
_DOTLESS = re.compile(r"[ _](?:mkv|mp4|avi|m4v|mov|wmv)$", re.IGNORECASE)
_UNPRINTABLE = re.compile("[\ud800-\udfff\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_SLASH = re.compile(r"(?<! )/|/(?! )")
_WINDOWS = re.compile(r"^(?:[A-Za-z]:\\|\\\\)")


def readable(path: str | bytes) -> str:
    """``path`` as text to read from: undecodable bytes and control characters become blanks or U+FFFD."""
    text = path.decode("utf-8", "replace") if isinstance(path, bytes) else path
    if text.isascii() and text.isprintable():
        return text
    return _UNPRINTABLE.sub(lambda m: "\ufffd" if "\ud800" <= m[0] <= "\udfff" else " ", text)


def components(path: str) -> list[str]:
    """The names in ``path``; ``\\`` parts them only where the path begins like one of Windows.

    >>> components("/tv/Show/a.mkv"), components("C:\\\\tv\\\\a.mkv"), components("AC\\\\DC.mkv")
    (['tv', 'Show', 'a.mkv'], ['tv', 'a.mkv'], ['AC\\\\DC.mkv'])
    """
    if _WINDOWS.match(path):
        path = path.replace("\\", "/")
        path = path[2:]
    # " / " parts the titles of one work in several languages; no folder ends and no file begins with a blank.
    return [part for part in _SLASH.split(path) if part.strip() not in ("", ".", "..")]


def below(path: list[str], root: list[str]) -> list[str] | None:
    """The part of ``path`` below ``root``; ``None`` where it does not lie there."""
    return path[len(root) :] if path[: len(root)] == root and len(path) > len(root) else None


def stem(name: str) -> str:
    """``name`` without a known extension; anything else after a dot belongs to the name.

    >>> stem("A.Title.2010.mkv"), stem("Mr. Nobody"), stem("Title 2010 mkv")
    ('A.Title.2010', 'Mr. Nobody', 'Title 2010')
    """
    head, dot, tail = name.rpartition(".")
    if dot and f".{tail.lower()}" in _EXTENSIONS:
        return head
    return _DOTLESS.sub("", name)
