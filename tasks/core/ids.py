"""Keys of our tables: short, stable, derived from content, and ours (no provider can take them away)."""

from __future__ import annotations

import hashlib

_DIGEST_BYTES = 12


def digest(*parts: bytes | str) -> str:
    """24 hexadecimal digits (96 bits) that stand for ``parts`` in this order.

    A million items give a collision with probability 6e-18. Parts are length-prefixed, so ``("ab", "c")`` and
    ``("a", "bc")`` differ.
    """
    hasher = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for part in parts:
        raw = part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")
        hasher.update(len(raw).to_bytes(8, "little"))
        hasher.update(raw)
    return hasher.hexdigest()


def file_id(path_bytes: bytes, *, generation: int = 0) -> str:
    """Id of a file first seen at ``path_bytes``; it stays with the file when the file moves.

    ``generation`` is raised when another file already carries the id that this path would give: the older file was
    seen here first and has moved away.
    """
    return digest(b"file", path_bytes, str(generation))


def title_key(kind: str, title: str, year: int | None, ids: tuple[str, ...] = ()) -> str:
    """Id of "what the names say": all files that say the same share one match.

    Args:
        kind: ``movie`` or ``show``.
        title: the normalised title (``tasks.identify.titles.normal_title``).
        ids: ids found in the names, as ``"tmdb:603"``; where there are any they alone decide.
    """
    if ids:
        return digest("title", kind, *sorted(ids))
    return digest("title", kind, title, str(year))


def title_id(kind: str, provider: str, provider_id: str | int) -> str:
    """Id of a movie or show as a provider knows it.

    >>> title_id("movie", "tmdb", 603)
    'movie:tmdb:603'
    """
    return f"{kind}:{provider}:{provider_id}"


def artwork_id(
    owner_id: str, kind: str, rank: int, season_number: int | None = None, episode_number: int | None = None
) -> str:
    """Id of a place for a picture: the ``rank``-th ``kind`` of a title, collection, season or episode."""
    return digest("artwork", owner_id, kind, str(rank), str(season_number), str(episode_number))
