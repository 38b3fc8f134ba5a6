"""Download pictures, each path once however many places want it, and keep what can be decoded."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tasks.artwork.verify import Picture, verified
from tasks.core import atomic
from tasks.core.clock import utc_now
from tasks.core.errors import AnswerNotFound, ImageTruncated, ItemError, Transient
from tasks.core.layout import DataFolder
from tasks.core.settings import ArtworkSettings
from tasks.core.stopwatch import span
from tasks.http import client
from tasks.http.client import Policy, Usage
from tasks.http.loop import stream, window_of
from tasks.schema.table import Table
from tasks.schema.titles import Artwork, ArtworkWanted
from tasks.staging import Outcome

Item = Mapping[str, Any]
PLACE_COLUMNS = tuple(ArtworkWanted.dtypes())
"""What a row of ``artwork`` says about the place; the other columns are about the file."""
SMALL_SIZES = {"poster": "w92", "backdrop": "w300", "logo": "w92", "still": "w92"}
"""Kind -> a small size that TMDB has of it (https://developer.themoviedb.org/docs/image-basics, November 2026)."""
_HASH_BYTES = 32


@dataclass(frozen=True)
class Settled:
    """What all places that want one picture came to."""

    outcomes: list[Outcome]
    rows: dict[type[Table], list[dict[str, Any]]]


@dataclass(frozen=True)
class Wanted:
    """One picture and the places that want it."""

    base_url: str
    path: str
    size: str
    places: tuple[Item, ...]

    @property
    def url(self) -> str:
        """Its address in the size that is wanted."""
        return self.address(self.size)

    def address(self, size: str) -> str:
        """Its address in any size."""
        return f"{self.base_url.rstrip('/')}/{size}/{quote(self.path.lstrip('/'), safe='/')}"


def wanted_pictures(items: Sequence[Item], *, image_base_url: str, size: str) -> list[Wanted]:
    """One picture for every distinct path in ``items`` (columns of ``artwork_wanted``)."""
    by_path = itemgetter("provider", "source_path")
    return [
        Wanted(image_base_url, source_path, size, tuple(places))
        for (_, source_path), places in groupby(sorted(items, key=by_path), key=by_path)
    ]


def policy_of(settings: ArtworkSettings) -> Policy:
    """How pictures are downloaded: no key travels along, so redirects of the CDN may be followed."""
    return Policy(
        provider="image",
        connections=settings.connections,
        timeout_s=settings.timeout_s,
        attempts=settings.attempts,
        backoff_s=settings.backoff_s,
        max_size_bytes=settings.max_size_bytes,
        follow_redirects=True,
        accept_encoding="identity",  # so that Content-Length is the length of the picture
        clients=settings.clients,
    )


def fetch(pictures: Sequence[Wanted], settings: ArtworkSettings, *, data_dir: Path, usage: Usage) -> Iterator[Settled]:
    """Settle every picture, in the order in which downloads end; what ends early is downloaded again.

    Raises:
        StorageFull: there is no room for a picture.
    """
    policy = policy_of(settings)

    async def in_size(picture: Wanted, size: str) -> bytes:
        url = picture.address(size)
        with span("artwork.download", item=url, size=size, attempt=attempt) as timing:
            reply = await client.get(url, policy=policy, usage=usage)
            timing.note(bytes=len(reply.body), status=reply.status)
        if reply.status == 404:
            raise AnswerNotFound(item=url, reason="there is no picture at this address (HTTP 404)")
        promised = reply.headers.get("content-length")
        if promised is not None and promised != str(len(reply.body)):
            raise ImageTruncated(item=url, reason=f"{len(reply.body)} of {promised} bytes came")
        return reply.body

    async def as_wanted(picture: Wanted) -> bytes:
        return await in_size(picture, picture.size)

    async def small_first(picture: Wanted) -> bytes:
        with suppress(ItemError):  # nothing depends on the small one
            await in_size(picture, SMALL_SIZES[picture.places[0]["kind"]])
        return await as_wanted(picture)

    download = small_first if settings.thumbnails_first else as_wanted
    left: Sequence[Wanted] = pictures
    for attempt in range(1, settings.attempts + 1):
        again: list[Wanted] = []
        for picture, content in stream(left, download, window=window_of(settings.connections)):
            try:
                if isinstance(content, ItemError):
                    raise content
                kept = keep(content, data_dir=data_dir, item=picture.url)
            except ImageTruncated as error:
                if attempt < settings.attempts:
                    again.append(picture)
                else:
                    yield _failed(picture, error)
            except ItemError as error:
                yield _failed(picture, error)
            else:
                yield _done(picture, kept)
        if again:
            time.sleep(settings.backoff_s * 2 ** (attempt - 1))
        left = again


def keep(content: bytes, *, data_dir: Path, item: str) -> dict[str, Any]:
    """Check a picture and write it under the name of its content; gives the columns of ``artwork`` about the file.

    Raises:
        ImageTruncated, ImageInvalid: see :func:`tasks.artwork.verify.verified`; nothing is written.
        StorageFull: there is no room for it.
    """
    with span("artwork.verify", item=item, bytes=len(content)):
        picture: Picture = verified(content, item=item)
    with span("artwork.write", item=item, bytes=len(content)) as timing:
        content_hash = hashlib.blake2b(content, digest_size=_HASH_BYTES).hexdigest()
        target = DataFolder(data_dir).artwork / content_hash[:2] / f"{content_hash}.{picture.extension}"
        is_there = target.exists() and target.stat().st_size == len(content)
        timing.note(written=not is_there)
        if not is_there:
            atomic.write_bytes(target, content)
    return {
        "file": target.relative_to(data_dir).as_posix(),
        "content_hash": content_hash,
        "format": picture.format,
        "width_px": picture.width_px,
        "height_px": picture.height_px,
        "size_bytes": len(content),
        "fetched_at": utc_now(),
    }


def label(place: Item) -> str:
    """A place for people: owner, season, episode, kind and rank, as far as it has them."""
    season, episode = place["season_number"], place["episode_number"]
    parts = [
        place["owner_id"],
        f"season {season}" if season is not None else "",
        f"episode {episode}" if episode is not None else "",
        f"{place['kind']} {place['rank']}",
    ]
    return " ".join(part for part in parts if part)


def _done(picture: Wanted, kept: Mapping[str, Any]) -> Settled:
    return Settled(
        [Outcome(place["artwork_id"], label(place), "done") for place in picture.places],
        {Artwork: [{**{name: place[name] for name in PLACE_COLUMNS}, **kept} for place in picture.places]},
    )


def _failed(picture: Wanted, error: ItemError) -> Settled:
    outcome = "failed" if isinstance(error, Transient) else "quarantined"
    return Settled([Outcome(place["artwork_id"], label(place), outcome, error=error) for place in picture.places], {})
