"""Ask a service, or the store where it has the answer; equal questions at the same moment are asked once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from tasks.core.clock import utc_now
from tasks.core.errors import AnswerInvalid, AnswerNotFound
from tasks.http import client, loop
from tasks.http.client import Policy, Usage
from tasks.http.store import Answer, Store, pack


class Source(Protocol):
    """Where answers come from, and what is done with them afterwards."""

    async def fetch(
        self,
        url: str,
        *,
        policy: Policy,
        headers: Mapping[str, str],
        max_age: timedelta,
        usage: Usage,
        media_type: str = "application/json",
    ) -> Answer:
        """The answer to a GET of ``url``.

        Args:
            url: without secrets; ``headers`` hold those.
            max_age: an answer that is kept and younger serves as well.
            media_type: what the service's documents promise; a page of a captive portal must not be kept for weeks.

        Raises:
            AnswerNotFound: the service has nothing there (HTTP 404).
            AnswerInvalid: the answer is of another media type.
            StorageFull: it cannot be kept.
            RefreshError: see :func:`tasks.http.client.get`.
        """
        ...

    def keep_also(self, answer: Answer, url: str) -> None:
        """Keep ``answer`` also as the answer to ``url``, which the service would answer the same."""
        ...

    def forget(self, answer: Answer) -> None:
        """Do not give ``answer`` again: it turned out not to be one."""
        ...

    def flush(self) -> None:
        """Commit the answers that are not yet on disk."""
        ...


class Answers:
    """What is known of services in one data folder, and the way to learn more."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._asked: dict[str, asyncio.Task[Answer]] = {}

    async def fetch(
        self,
        url: str,
        *,
        policy: Policy,
        headers: Mapping[str, str],
        max_age: timedelta,
        usage: Usage,
        media_type: str = "application/json",
    ) -> Answer:
        """See :class:`Source`: the answer that is kept, if it is younger than ``max_age``, else asked for and kept.

        An older one is revalidated by its ETag. An answer 404 is kept like any other.
        """
        task = self._asked.get(url)
        if task is None:
            task = asyncio.create_task(self._fetch(url, policy, headers, max_age, usage, media_type))
            self._asked[url] = task
            task.add_done_callback(lambda done: self._settled(url, done))
        else:
            usage.cache_hits += 1
        answer = await asyncio.shield(task)  # one asker that is interrupted must not cost the others their answer
        return _found(answer)

    def keep_also(self, answer: Answer, url: str) -> None:
        """See :class:`Source`."""
        self.store.alias(answer, url)

    def forget(self, answer: Answer) -> None:
        """See :class:`Source`."""
        self.store.forget(answer.url)

    def flush(self) -> None:
        """See :class:`Source`."""
        self.store.flush()

    def _settled(self, url: str, task: asyncio.Task[Answer]) -> None:
        del self._asked[url]
        if not task.cancelled():
            task.exception()  # where nobody is left to see it, asyncio need not complain

    async def _fetch(
        self,
        url: str,
        policy: Policy,
        headers: Mapping[str, str],
        max_age: timedelta,
        usage: Usage,
        media_type: str,
    ) -> Answer:
        kept = await asyncio.to_thread(self.store.get, client.safe_url(url))
        if kept is not None and utc_now() - kept.fetched_at < max_age:
            usage.cache_hits += 1
            return kept
        answer = await _asked(url, policy, headers, usage, media_type, kept=kept)
        if self.store.put(answer):
            await asyncio.to_thread(self.store.flush)
        return answer


class UnkeptAnswers:
    """Every question is asked, and no answer is kept: for comparisons with programs that have no cache."""

    async def fetch(
        self,
        url: str,
        *,
        policy: Policy,
        headers: Mapping[str, str],
        max_age: timedelta,  # noqa: ARG002
        usage: Usage,
        media_type: str = "application/json",
    ) -> Answer:
        """See :class:`Source`: asked for anew each time, also while the same question is under way."""
        return _found(await _asked(url, policy, headers, usage, media_type))

    def keep_also(self, answer: Answer, url: str) -> None:
        """Nothing is kept."""

    def forget(self, answer: Answer) -> None:
        """Nothing was kept."""

    def flush(self) -> None:
        """Nothing is to be committed."""


async def _asked(
    url: str,
    policy: Policy,
    headers: Mapping[str, str],
    usage: Usage,
    media_type: str,
    *,
    kept: Answer | None = None,
) -> Answer:
    """What the service answers to a GET of ``url``; ``kept`` made young again where it says that it still holds."""
    public_url = client.safe_url(url)
    conditions = {"If-None-Match": kept.etag} if kept is not None and kept.etag and kept.status == 200 else {}
    reply = await client.get(url, policy=policy, headers={**headers, **conditions}, usage=usage)
    if reply.status == 304:
        if kept is None or not conditions:
            raise AnswerInvalid(item=public_url, reason="HTTP 304 to a question that set no condition")
        usage.revalidated += 1
        return replace(kept, fetched_at=utc_now())
    found = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if found != media_type:
        said = f"answered HTTP {reply.status} with {found or 'no media type'}, not {media_type}"
        raise AnswerInvalid(item=public_url, reason=said)
    packed = reply.body if reply.is_gzipped else pack(reply.body)
    return Answer(policy.provider, public_url, reply.status, reply.headers.get("etag"), utc_now(), packed)


def _found(answer: Answer) -> Answer:
    if answer.status == 404:
        raise AnswerNotFound(item=answer.url, reason=f"{answer.provider.upper()} has nothing there (HTTP 404)")
    return answer


_lock = threading.Lock()
_open: dict[Path, Answers] = {}


def answers_in(data_dir: str | Path, *, is_shared: bool = False) -> Answers:
    """The answers kept in ``data_dir``: one object for all steps of the process, opened when first asked for.

    Args:
        is_shared: see :class:`tasks.http.store.Store`.
    """
    folder = Path(data_dir).resolve()
    with _lock:
        if folder not in _open:
            _open[folder] = Answers(Store(folder, is_shared=is_shared))
        return _open[folder]


async def _close_stores() -> None:
    with _lock:
        opened = list(_open.values())
        _open.clear()
    for answers in opened:
        answers.store.close()


loop.on_close(_close_stores)
