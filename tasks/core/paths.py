"""Paths in their three forms: bytes (as the operating system has them), text for people, text for parameters."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

_URI = "file://"

Folders = tuple[tuple[str, str], ...]
"""Root and folder of every scope of a run, as parameters: the folder is the root, or a part of it."""
Confirmed = tuple[tuple[str, int], ...]
"""Folders of which a person has said that what is not there is gone, and how many files the person was shown."""


def as_text(path_bytes: bytes) -> str:
    r"""The path for people: UTF-8, with every byte that is none written as ``\xNN``.

    >>> as_text("Amélie.mkv".encode()), as_text(b"caf\xe9.mkv")
    ('Amélie.mkv', 'caf\\xe9.mkv')
    """
    return path_bytes.decode("utf-8", "backslashreplace")


def as_parameter(path: str | bytes | Path) -> str:
    r"""An absolute path as a flow parameter: itself, or a ``file:`` URI where it is no UTF-8 (parameters are JSON).

    >>> as_parameter("/videos/Amélie"), as_parameter("/videos/caf\udce9")
    ('/videos/Amélie', 'file:///videos/caf%E9')
    """
    path_bytes = os.fsencode(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links that a person named
    try:
        return path_bytes.decode("utf-8")
    except UnicodeDecodeError:
        return _URI + quote_from_bytes(path_bytes)


def from_parameter(text: str) -> bytes:
    """The bytes of a path that :func:`as_parameter` made, or that a person typed as a path or ``file:`` URI.

    >>> from_parameter("file:///videos/caf%E9"), from_parameter("/videos/100%")
    (b'/videos/caf\\xe9', b'/videos/100%')
    """
    if text.startswith(_URI):
        return unquote_to_bytes(text.removeprefix(_URI))
    return os.fsencode(text)


def is_below(path: bytes, folder: bytes) -> bool:
    """Whether ``path`` is ``folder`` or lies below it, by their text.

    >>> is_below(b"/films/new", b"/films"), is_below(b"/films2", b"/films"), is_below(b"/films", b"/")
    (True, False, True)
    """
    return path == folder or path.startswith(folder.rstrip(b"/") + b"/")


def is_below_any(path: bytes, folders: Iterable[bytes]) -> bool:
    """Whether ``path`` is one of ``folders`` or lies below one of them, by their text."""
    return any(is_below(path, folder) for folder in folders)
