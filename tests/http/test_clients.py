"""One client for all requests, or a new one for each: connections differ, manners do not."""

from __future__ import annotations

import asyncio

import pytest

from tasks.core.errors import ProviderUnavailable
from tasks.http import client, loop
from tasks.http.client import Policy, Usage
from tests.http.loopback import Loopback, Say


@pytest.fixture(autouse=True)
def _closed():
    yield
    loop.close()


def ask_many(urls, *, usage=None, one_by_one=False, **changes):
    values = {"provider": "tmdb", "connections": 4, "timeout_s": 5.0, "attempts": 3, "backoff_s": 0.01} | changes
    policy, usage = Policy(**values), usage or Usage()

    async def all_of_them():
        asked = [client.get(url, policy=policy, usage=usage) for url in urls]
        return [await each for each in asked] if one_by_one else await asyncio.gather(*asked)

    return loop.run(all_of_them())


@pytest.mark.parametrize(("clients", "expected"), [("shared", 1), ("per_request", 6)])
def test_a_client_for_each_request_is_a_connection_for_each(clients, expected):
    """
    Six requests, one after the other: one connection in all, or six.
    """
    with Loopback(lambda *_: Say()) as server:
        replies = ask_many([f"{server.url}/{n}" for n in range(6)], one_by_one=True, clients=clients)

    assert [200] * 6 == [reply.status for reply in replies]
    assert expected == server.connections


def test_a_try_is_a_request():
    """
    A request that succeeds at its third try has had three clients.
    """
    usage = Usage()
    with Loopback(lambda _, n: Say(503) if n < 2 else Say()) as server:
        (reply,) = ask_many([f"{server.url}/x"], usage=usage, clients="per_request")

    assert (200, 3, 3) == (reply.status, usage.calls, server.connections)


def test_no_more_at_once_than_allowed():
    """
    Twelve slow requests of which three may be under way: never more than three are.
    """
    with Loopback(lambda *_: Say(after_s=0.05)) as server:
        ask_many([f"{server.url}/{n}" for n in range(12)], connections=3, clients="per_request")

    assert (12, 3) == (server.connections, server.most_at_once)


def test_a_429_pauses_everyone():
    """
    A refusal holds all requests for the second it names, whatever client they have.
    """
    usage = Usage()

    def script(_, number):
        return Say(429, headers={"Retry-After": "1"}) if number == 0 else Say()

    with Loopback(script) as server:
        ask_many([f"{server.url}/{n}" for n in range(5)], connections=1, usage=usage, clients="per_request")
        first, *later = (heard.at_s for heard in server.heard)

    assert (6, 1) == (usage.calls, usage.pauses)
    assert min(later) - first >= 1.0


def test_a_dead_host_is_told():
    """
    A host that closes every connection is given up after all tries, in the same words.
    """
    with Loopback(lambda *_: Say(drop=True)) as server, pytest.raises(ProviderUnavailable, match="is not answering"):
        ask_many([f"{server.url}/x"], clients="per_request")

    assert 3 == len(server.heard)
