"""Send one GET politely: paced, retried where that may help, and every fault told in our own words.

What requests to one host share (client, slots, pauses, faults) is one object a host and policy in the process. All of
it lives in the network thread (:mod:`tasks.http.loop`).
"""

from __future__ import annotations

import asyncio
import email.utils
import gzip
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn
from urllib.parse import urlsplit, urlunsplit

import httpx
import orjson
import tenacity

from tasks.core.clock import utc_now
from tasks.core.errors import AnswerInvalid, AnswerRefused, KeyRefused, ProviderUnavailable, SettingsRefused
from tasks.core.secrets import VARIABLES
from tasks.core.stopwatch import span
from tasks.core.units import printable
from tasks.http import loop
from tasks.http.clients import clients_for
from tasks.http.pacer import Pacer

if TYPE_CHECKING:
    from tasks.http.shared_pacer import SharedPacer

LONGEST_RETRY_S = 30.0
LONGEST_RETRY_AFTER_S = 120.0
"""A host that asks for a longer pause than this is taken as down."""
REFUSALS_ALLOWED = 20
"""Times one request may be told to slow down (HTTP 429) before it is given up."""
GIVEN_UP_IN_A_ROW = 5
DOWN_FOR_S = 30.0
"""After the failed tries of so many requests, and no good one between, the next requests fail at once for this long:
10,000 titles must not each wait."""
REFUSED_KEY_FOR_S = 60.0
"""A key that was refused is not sent again for so long: services ban those who keep trying."""

logging.getLogger("httpx").setLevel(logging.WARNING)  # one line a request is what our spans are for


@dataclass(frozen=True)
class Policy:
    """How requests to one host are made."""

    provider: str
    """Name for people and for the key's variable: ``tmdb``."""
    connections: int
    """Requests in flight at most."""
    timeout_s: float
    """Seconds without data after which a try is given up; ten times that bounds a whole try."""
    attempts: int
    backoff_s: float
    """Seconds before the second try, doubled for each further one, plus as much again by chance."""
    rate_hz: float | None = None
    pace_folder: Path | None = None
    """Where processes that ask this host agree on its rate; ``None`` where this one is alone."""
    max_size_bytes: int = 64 * 1024**2
    """Largest body as it travels, so before it is unpacked."""
    follow_redirects: bool = False
    """Not where a token travels along."""
    accept_encoding: str = "gzip"
    busy_code: int | None = None
    """``status_code`` in the JSON body of a refusal that means the same as HTTP 429."""
    clients: Literal["shared", "per_request"] = "shared"
    """See :mod:`tasks.http.clients`."""


@dataclass
class Usage:
    """What requests have cost whoever asked; written in the network thread, read when that is done."""

    calls: int = 0
    """Requests sent, tries counted one by one."""
    cache_hits: int = 0
    """Answers taken from the store, or shared with an equal request under way."""
    revalidated: int = 0
    """Answers the host confirmed as unchanged (HTTP 304); each is a call too."""
    pauses: int = 0
    """Times the host said that we ask too fast."""

    _taken: dict[str, int] = field(default_factory=dict, repr=False)

    def taken(self) -> dict[str, int]:
        """By how much the counts have grown since this was asked last, without those that have not."""
        now = {name: count for name, count in vars(self).items() if name != "_taken"}
        grown = {name: count - self._taken.get(name, 0) for name, count in now.items()}
        self._taken = now
        return {name: count for name, count in grown.items() if count}


@dataclass(frozen=True)
class Reply:
    """What came back: status, headers and the body as it travelled."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def is_gzipped(self) -> bool:
        """Whether the body is packed."""
        return self.headers.get("content-encoding", "").lower() == "gzip"


async def get(url: str, *, policy: Policy, usage: Usage, headers: Mapping[str, str] | None = None) -> Reply:
    """GET ``url``; gives statuses 2xx, 304 and 404, whose meaning the caller knows.

    Secrets belong into ``headers``: the address stands in spans, errors and the store.

    Raises:
        KeyRefused: HTTP 401, also the one that another request with the same key got within the last minute.
        AnswerRefused: HTTP 3xx (unless the policy follows it) and 4xx.
        AnswerInvalid: the body is larger than the policy allows.
        ProviderUnavailable: no whole answer in all tries, 429 without end, or the host is known to be down.
        SettingsRefused: the address is none.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsRefused(f"{printable(safe_url(url))} is not an http or https address")
    key = (f"{parts.scheme}://{parts.netloc}", policy)
    if key not in _hosts:
        _hosts[key] = _Host(parts.hostname, policy)
    return await _hosts[key].get(url, headers or {}, usage)


def safe_url(url: str) -> str:
    """``url`` without a user name and password, which may stand in the address of a private stand-in or mirror.

    >>> safe_url("https://me:pw@mirror.example:8443/3/movie/1?language=en")
    'https://mirror.example:8443/3/movie/1?language=en'
    """
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


class _Fault(Exception):
    """One try failed in a way that may pass."""

    def __init__(self, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s


class _Host:
    """Everything the requests to one host share: connections, slots, pauses, and whether it is down."""

    def __init__(self, name: str, policy: Policy) -> None:
        self._name = name
        self._policy = policy
        self._pacer = _pacer(name, policy)
        self._places = asyncio.Semaphore(policy.connections)
        self._faults_in_a_row = 0
        self._down_until_s = 0.0
        self._down_because = ""
        self._refused_key: tuple[str, str, float] | None = None
        self._clients = clients_for(name, policy)

    async def close(self) -> None:
        await self._clients.close()

    async def get(self, url: str, headers: Mapping[str, str], usage: Usage) -> Reply:
        tries = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(self._policy.attempts),
            wait=self._wait_s,
            retry=tenacity.retry_if_exception_type(_Fault),
            reraise=True,
        )
        try:
            async for attempt in tries:
                with attempt:
                    reply = await self._watched(url, headers, usage, attempt.retry_state.attempt_number)
        except _Fault as fault:
            raise ProviderUnavailable(
                item=safe_url(url), reason=f"{self._name} is not answering: {fault.reason}"
            ) from fault.__cause__
        if reply.status == 401 and "Authorization" in headers:
            self._raise_key_refused(reply, headers)
        if reply.status < 300 or reply.status in (304, 404):
            return reply
        raise AnswerRefused(item=safe_url(url), reason=_refusal(reply))

    def _wait_s(self, state: tenacity.RetryCallState) -> float:
        fault = state.outcome.exception() if state.outcome else None
        asked_s = fault.retry_after_s if isinstance(fault, _Fault) else None
        backoff_s = self._policy.backoff_s
        grown = tenacity.wait_exponential(multiplier=backoff_s, max=LONGEST_RETRY_S) + tenacity.wait_random(
            0, backoff_s
        )
        return max(grown(state), min(asked_s or 0.0, LONGEST_RETRY_S))

    async def _watched(self, url: str, headers: Mapping[str, str], usage: Usage, attempt: int) -> Reply:
        """One try, by which the host shows whether it is alive."""
        try:
            reply = await self._past_pauses(url, headers, usage, attempt)
        except _Fault as fault:
            self._faults_in_a_row += 1
            if self._faults_in_a_row >= GIVEN_UP_IN_A_ROW * self._policy.attempts:
                self._down_until_s = max(self._down_until_s, time.monotonic() + DOWN_FOR_S)
                self._down_because = fault.reason
            raise
        self._faults_in_a_row = 0
        return reply

    async def _past_pauses(self, url: str, headers: Mapping[str, str], usage: Usage, attempt: int) -> Reply:
        """One try; being told to slow down does not count as one, so it is repeated here."""
        for _ in range(REFUSALS_ALLOWED):
            self._raise_if_useless(url, headers)
            with span("http.wait", host=self._name):
                await self._places.acquire()
                try:
                    await self._pacer.turn()
                except BaseException:
                    self._places.release()
                    raise
            try:
                self._raise_if_useless(url, headers)
                sent_at_s = time.monotonic()
                usage.calls += 1
                reply = await self._once(url, headers, attempt)
            finally:
                self._places.release()
            if not self._means_busy(reply):
                self._pacer.accepted()
                break
            usage.pauses += 1
            asked_s = _retry_after_s(reply)
            if asked_s is not None and asked_s > LONGEST_RETRY_AFTER_S:
                self._down_until_s = max(self._down_until_s, time.monotonic() + asked_s)
                self._down_because = "it asked us to come back later (HTTP 429)"
                raise ProviderUnavailable(
                    item=safe_url(url), reason=f"{self._name} asks us to come back in {asked_s:.0f} s (HTTP 429)"
                )
            self._pacer.pause(asked_s, sent_at_s=sent_at_s)
        else:
            raise ProviderUnavailable(
                item=safe_url(url), reason=f"{self._name} said {REFUSALS_ALLOWED} times that we ask too fast (HTTP 429)"
            )
        if reply.status >= 500 or reply.status in (408, 425):
            raise _Fault(f"HTTP {reply.status}", _retry_after_s(reply))
        return reply

    async def _once(self, url: str, headers: Mapping[str, str], attempt: int) -> Reply:
        policy = self._policy
        with span("http.request", item=safe_url(url), host=self._name, attempt=attempt) as timing:
            received = 0
            try:
                async with (
                    asyncio.timeout(10 * policy.timeout_s),
                    self._clients.client() as client,
                    client.stream("GET", url, headers=dict(headers)) as response,
                ):
                    timing.note(status=response.status_code)
                    chunks = []
                    async for chunk in response.aiter_raw():
                        received += len(chunk)
                        timing.note(bytes=received)
                        if received > policy.max_size_bytes:
                            raise AnswerInvalid(item=safe_url(url), reason=f"larger than {policy.max_size_bytes} bytes")
                        chunks.append(chunk)
            except (httpx.TimeoutException, TimeoutError) as exc:
                raise _Fault(f"no whole answer within {policy.timeout_s:g} s") from exc
            except (httpx.NetworkError, httpx.RemoteProtocolError, httpx.ProxyError) as exc:
                raise _Fault(printable(str(exc)) or type(exc).__name__) from exc
            except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError) as exc:
                raise AnswerRefused(item=safe_url(url), reason="the request cannot be sent") from exc
            except httpx.TooManyRedirects as exc:
                raise AnswerRefused(item=safe_url(url), reason="redirects without end") from exc
            timing.note(bytes=received)
            return Reply(safe_url(url), response.status_code, dict(response.headers), b"".join(chunks))

    def _means_busy(self, reply: Reply) -> bool:
        if reply.status == 429:
            return True
        code = self._policy.busy_code
        return code is not None and reply.status >= 400 and _error_document(reply).get("status_code") == code

    def _raise_if_useless(self, url: str, headers: Mapping[str, str]) -> None:
        """Spare the host a request of which we know the outcome."""
        now_s = time.monotonic()
        if now_s < self._down_until_s:
            raise ProviderUnavailable(
                item=safe_url(url),
                reason=f"{self._name} is not answering: {self._down_because}; not asked again for "
                f"{self._down_until_s - now_s:.0f} s",
            )
        if self._refused_key is not None:
            key, said, until_s = self._refused_key
            if key == headers.get("Authorization") and now_s < until_s:
                raise KeyRefused(said)

    def _raise_key_refused(self, reply: Reply, headers: Mapping[str, str]) -> NoReturn:
        provider = self._policy.provider
        reason = _error_document(reply).get("status_message")
        said = (
            f"{provider.upper()} does not accept the token in {VARIABLES.get(provider, 'the settings')}: "
            f"{printable(reason) if isinstance(reason, str) else 'HTTP 401'}"
        )
        self._refused_key = (headers["Authorization"], said, time.monotonic() + REFUSED_KEY_FOR_S)
        raise KeyRefused(said)


def _pacer(host: str, policy: Policy) -> Pacer | SharedPacer:
    if policy.pace_folder is None or policy.rate_hz is None:
        return Pacer(policy.rate_hz)
    from tasks.http.shared_pacer import SharedPacer  # needs locks as POSIX has them

    return SharedPacer(policy.rate_hz, policy.pace_folder / f"{host.replace(':', '_')}.pace")


def _refusal(reply: Reply) -> str:
    if reply.status < 400:
        return f"answers with a redirect (HTTP {reply.status}); check the address in the settings"
    said = _error_document(reply).get("status_message")
    return f"HTTP {reply.status}" + (f": {printable(said)[:300]}" if isinstance(said, str) and said else "")


def _error_document(reply: Reply) -> dict[str, object]:
    """The JSON object of an error, as ``{"status_code": 34, "status_message": ...}``; empty where it is none."""
    try:
        body = gzip.decompress(reply.body) if reply.is_gzipped else reply.body
        document = orjson.loads(body)
    except (OSError, EOFError, ValueError):  # a page of a proxy or a load balancer
        return {}
    return document if isinstance(document, dict) else {}


def _retry_after_s(reply: Reply) -> float | None:
    """Seconds from the header Retry-After, which holds seconds or a date (RFC 9110, 10.2.3); ``None`` without it."""
    text = reply.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - utc_now()).total_seconds())


_hosts: dict[tuple[str, Policy], _Host] = {}


async def _close_hosts() -> None:
    hosts = list(_hosts.values())
    _hosts.clear()
    for host in hosts:
        await host.close()


loop.on_close(_close_hosts)
