"""Where the HTTP client of a request comes from: one for all requests to a host, or a new one for each.

What we ship is one client a host and policy, with one TLS context for the process. Older programs make a client, and
with it a connection, for every request; the value ``per_request`` of ``scrape.clients`` and ``artwork.clients`` does as
they do, for comparisons. The TLS context is shared all the same: a new one takes 21 ms of CPU, a cost of the library
that we use, not of theirs.
"""

from __future__ import annotations

import importlib.metadata
import ssl
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

import httpx

if TYPE_CHECKING:
    from tasks.http.client import Policy

CONNECT_TIMEOUT_S = 10.0
"""A host that does not even accept a connection is not worth the whole time-out."""
KEEP_ALIVE_S = 4.0
"""Idle connections are closed before servers do it (uvicorn after 5 s), which would drop the next request."""


class Clients(Protocol):
    """The clients for the requests to one host."""

    def client(self) -> AbstractAsyncContextManager[httpx.AsyncClient]:
        """The client for one request, for the time that it takes."""
        ...

    async def close(self) -> None:
        """Close what is open."""
        ...


class SharedClient:
    """One client, and with it a pool of connections, for all requests."""

    def __init__(self, host: str, policy: Policy) -> None:
        self._client = _new_client(host, policy, _shared_ssl_context())

    def client(self) -> AbstractAsyncContextManager[httpx.AsyncClient]:
        """The one client, which stays open afterwards."""
        return nullcontext(self._client)

    async def close(self) -> None:
        """Close the client and its connections."""
        await self._client.aclose()


class ClientPerRequest:
    """A client with a connection of its own for every request."""

    def __init__(self, host: str, policy: Policy) -> None:
        self._host = host
        self._policy = policy

    def client(self) -> AbstractAsyncContextManager[httpx.AsyncClient]:
        """A new client, which is closed when the request has ended."""
        return _new_client(self._host, self._policy, _shared_ssl_context())

    async def close(self) -> None:
        """Nothing is open between requests."""


def clients_for(host: str, policy: Policy) -> Clients:
    """The clients for ``host`` that ``policy`` asks for."""
    return SharedClient(host, policy) if policy.clients == "shared" else ClientPerRequest(host, policy)


def _new_client(host: str, policy: Policy, ssl_context: ssl.SSLContext) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        verify=ssl_context,
        timeout=httpx.Timeout(policy.timeout_s, connect=min(policy.timeout_s, CONNECT_TIMEOUT_S), pool=None),
        limits=httpx.Limits(
            max_connections=policy.connections,
            max_keepalive_connections=policy.connections,
            keepalive_expiry=KEEP_ALIVE_S,
        ),
        headers={
            "User-Agent": f"reelhouse/{_version()}",
            "Accept-Encoding": policy.accept_encoding,
            "Accept": "*/*",
        },
        follow_redirects=policy.follow_redirects,
        # A proxy for the internet cannot reach a stand-in on this machine.
        trust_env=host not in ("127.0.0.1", "localhost", "::1"),
    )


@lru_cache(maxsize=1)
def _shared_ssl_context() -> ssl.SSLContext:
    return httpx.create_ssl_context()


@lru_cache(maxsize=1)
def _version() -> str:
    try:
        return importlib.metadata.version("reelhouse")
    except importlib.metadata.PackageNotFoundError:  # run from a folder that is not installed
        return "0"
