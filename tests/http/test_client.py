"""One polite GET: pace, pauses, retries, faults in our own words, and no secret anywhere."""

from __future__ import annotations

import asyncio
import email.utils
import re
import socket
import time
from datetime import UTC, datetime, timedelta

import pytest

from tasks.core.errors import AnswerInvalid, AnswerRefused, KeyRefused, ProviderUnavailable, SettingsRefused
from tasks.core.stopwatch import span
from tasks.http import client, loop
from tasks.http.client import Policy, Usage
from tests.http.loopback import Loopback, Say

TOKEN = "a-very-secret-token"


@pytest.fixture(autouse=True)
def _closed():
    yield
    loop.close()


def a_policy(**changes) -> Policy:
    values = {"provider": "tmdb", "connections": 8, "timeout_s": 2.0, "attempts": 3, "backoff_s": 0.01}
    return Policy(**(values | changes))


def ask(url, *, usage=None, headers=None, **changes):
    return loop.run(client.get(url, policy=a_policy(**changes), usage=usage or Usage(), headers=headers))


def ask_many(urls, *, usage=None, **changes):
    policy, usage = a_policy(**changes), usage or Usage()

    async def all_of_them():
        return await asyncio.gather(
            *(client.get(url, policy=policy, usage=usage) for url in urls), return_exceptions=True
        )

    return loop.run(all_of_them())


@pytest.mark.parametrize("status", [200, 304, 404])
def test_statuses_that_are_data_are_given(status):
    """
    Found, unchanged and not there are answers, not faults.
    """
    with Loopback(lambda *_: Say(status)) as server:
        reply = ask(f"{server.url}/3/movie/1")

    assert status == reply.status


@pytest.mark.parametrize("fault", [Say(500), Say(503), Say(408), Say(drop=True), Say(body=b"{", promise=100)], ids=str)
def test_what_may_pass_is_tried_again(fault):
    """
    Server errors, dropped connections and bodies that end early are tried again; the third try succeeds.
    """
    usage = Usage()
    with Loopback(lambda _, n: fault if n < 2 else Say()) as server:
        reply = ask(f"{server.url}/x", usage=usage)

    assert (200, 3, 3) == (reply.status, len(server.heard), usage.calls)


def test_a_slow_answer_is_given_up():
    """
    No answer within the time-out, in all tries, is told with host and time; each try is bounded.
    """
    with Loopback(lambda *_: Say(after_s=0.5)) as server, pytest.raises(ProviderUnavailable) as caught:
        ask(f"{server.url}/x", timeout_s=0.1, attempts=2)

    assert "127.0.0.1 is not answering: no whole answer within 0.1 s" == caught.value.reason
    assert 2 == len(server.heard)


def test_a_refused_connection_is_told_in_words():
    """
    Nobody listening is a provider that is not answering, with the reason of the operating system.
    """
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]

    with pytest.raises(ProviderUnavailable, match=r"127\.0\.0\.1 is not answering"):
        ask(f"http://127.0.0.1:{port}/x")


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        (Say(400, b'{"status_code": 27, "status_message": "Too many append"}'), AnswerRefused, "HTTP 400: Too many"),
        (Say(422, b'{"status_code": 20, "status_message": "Invalid date"}'), AnswerRefused, "HTTP 422: Invalid date"),
        (Say(403, b"<html>"), AnswerRefused, "HTTP 403"),
        (Say(301, b"", {"Location": "https://elsewhere.example/"}), AnswerRefused, "redirect"),
        (Say(401, b'{"status_code": 7, "status_message": "Invalid API key"}'), KeyRefused, "TMDB_TOKEN: Invalid API"),
        (Say(200, b"x" * 2000), AnswerInvalid, "larger than 1000 bytes"),
    ],
    ids=["append", "date", "forbidden", "redirect", "key", "huge"],
)
def test_what_will_not_pass_is_asked_once(said, error, words):
    """
    A refusal is not tried again, and is told in the service's words where it has any.
    """
    with Loopback(lambda *_: said) as server, pytest.raises(error, match=words):
        ask(f"{server.url}/x", headers={"Authorization": f"Bearer {TOKEN}"}, max_size_bytes=1000)

    assert 1 == len(server.heard)


def test_an_address_without_a_host_is_refused():
    """
    A base address that cannot be asked is a matter of the settings.
    """
    with pytest.raises(SettingsRefused, match="ftp://example"):
        ask("ftp://example/x")


def test_requests_are_evenly_spaced():
    """
    Twenty requests at 20 a second take 19 gaps of 50 ms, and do not come in a burst: five in a quarter of a second.

    A machine that is busy otherwise holds some back and delivers them together, so there are four tries; a burst would
    be one in each.
    """
    for _ in range(4):
        with Loopback(lambda *_: Say()) as server:
            began = time.monotonic()
            ask_many([f"{server.url}/{n}" for n in range(20)], rate_hz=20.0)
            took_s = time.monotonic() - began
        moments = sorted(h.at_s for h in server.heard)
        most = max(sum(start <= m < start + 0.25 for m in moments) for start in moments)
        assert took_s >= 0.95
        if most <= 8:
            break

    assert most <= 8


def test_no_more_connections_than_allowed():
    """
    Forty questions at once use at most three connections, and keep them.
    """
    with Loopback(lambda *_: Say(after_s=0.01)) as server:
        ask_many([f"{server.url}/{n}" for n in range(40)], connections=3)

    assert 3 == server.most_at_once
    assert 3 == server.connections


def test_a_429_pauses_everyone_and_is_no_try():
    """
    After one 429 nobody asks until Retry-After has passed, and more of them than tries allowed still end well.
    """
    usage = Usage()

    def script(_, n):
        return Say(429, b'{"status_code": 25}', {"Retry-After": "1"}) if n == 0 else Say()

    with Loopback(script) as server:
        replies = ask_many([f"{server.url}/{n}" for n in range(6)], usage=usage, connections=1, attempts=1)

    assert [200] * 6 == [reply.status for reply in replies]
    assert 1 == usage.pauses
    assert server.heard[1].at_s - server.heard[0].at_s >= 0.99


def test_retry_after_may_be_a_date():
    """
    RFC 9110 allows a date as well as seconds.
    """
    later = email.utils.format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    with Loopback(lambda _, n: Say(429, b"", {"Retry-After": later}) if n == 0 else Say()) as server:
        ask(f"{server.url}/x")

    assert 0.9 <= server.heard[1].at_s - server.heard[0].at_s <= 3


def test_body_code_25_means_429():
    """
    TMDB tells "too many requests" in the body as well; that pauses like the status does.
    """
    usage = Usage()
    with Loopback(lambda _, n: Say(403, b'{"status_code": 25}', {"Retry-After": "0"}) if n == 0 else Say()) as server:
        reply = ask(f"{server.url}/x", usage=usage, busy_code=25)

    assert (200, 1) == (reply.status, usage.pauses)


def test_429_without_end_is_given_up(monkeypatch):
    """
    A service that always says 429 is given up after its own number of times.
    """
    monkeypatch.setattr(client, "REFUSALS_ALLOWED", 4)
    with Loopback(lambda *_: Say(429, b"", {"Retry-After": "0"})) as server, pytest.raises(ProviderUnavailable):
        ask(f"{server.url}/x")

    assert 4 == len(server.heard)


def test_a_dead_host_is_not_asked_10_000_times():
    """
    After five requests that were given up, the next ones fail at once: the server hears no more of them.
    """
    with Loopback(lambda *_: Say(drop=True)) as server:
        results = ask_many([f"{server.url}/{n}" for n in range(500)], attempts=2, connections=4)

    assert all(isinstance(error, ProviderUnavailable) for error in results)
    assert len(server.heard) <= 30


def test_a_host_that_is_spared_is_told_with_the_cause():
    """
    Whoever reads only the last failure learns what was wrong, not only that nobody asked.
    """
    with Loopback(lambda *_: Say(503)) as server:
        *_, last = ask_many([f"{server.url}/{n}" for n in range(50)], attempts=1, connections=1)

    assert re.fullmatch(r"127\.0\.0\.1 is not answering: HTTP 503.*; not asked again for \d+ s", last.reason)


def test_a_host_that_comes_back_is_asked_again(monkeypatch):
    """
    When the time is over, one good answer makes a host healthy again.
    """
    monkeypatch.setattr(client, "DOWN_FOR_S", 0.05)
    dead = True
    with Loopback(lambda *_: Say(drop=True) if dead else Say()) as server:
        ask_many([f"{server.url}/{n}" for n in range(10)], attempts=1, connections=2)
        dead = False
        time.sleep(0.1)
        reply = ask(f"{server.url}/x", attempts=1, connections=2)

    assert 200 == reply.status


def test_a_refused_key_is_not_sent_again_and_again():
    """
    Services ban those who keep trying a key that was refused: the second question fails without a request.
    """
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with Loopback(lambda *_: Say(401)) as server:
        for _ in range(2):
            with pytest.raises(KeyRefused):
                ask(f"{server.url}/x", headers=headers)

    assert 1 == len(server.heard)


def test_we_say_who_we_are_and_take_gzip():
    """
    The service sees our name and version, and may pack its answers.
    """
    with Loopback(lambda *_: Say()) as server:
        ask(f"{server.url}/x")

    assert server.heard[0].headers["User-Agent"].startswith("reelhouse/")
    assert "gzip" == server.heard[0].headers["Accept-Encoding"]


def test_every_try_is_a_span_and_waiting_is_another(records):
    """
    A request that is tried three times has three spans with their number and status, below the caller's span.
    """
    with Loopback(lambda _, n: Say(503) if n < 2 else Say()) as server, span("caller") as caller:
        ask(f"{server.url}/x?language=en")

    requests = [r for r in records if r.name == "http.request"]
    assert [(1, 503, "127.0.0.1"), (2, 503, "127.0.0.1"), (3, 200, "127.0.0.1")] == [
        (r.attributes["attempt"], r.attributes["status"], r.attributes["host"]) for r in requests
    ]
    assert 12 == requests[-1].attributes["bytes"]
    assert {caller.span_id} == {r.parent_id for r in records if r.name in ("http.request", "http.wait")}


@pytest.mark.parametrize("said", [Say(), Say(500), Say(401), Say(403), Say(drop=True)], ids=str)
def test_the_token_stands_nowhere(said, records):
    """
    Neither errors nor spans hold the token, nor a password that stands in the address.
    """
    seen = []
    with Loopback(lambda *_: said) as server:
        address = server.url.replace("//", "//me:pass-word@")
        try:
            seen.append(repr(ask(f"{address}/x", headers={"Authorization": f"Bearer {TOKEN}"}, attempts=1)))
        except Exception as error:
            seen += [repr(error), str(error), repr(vars(error)), repr(error.__cause__)]

    text = "".join([*seen, *(repr(r) for r in records)])
    assert TOKEN not in text
    assert "pass-word" not in text


def test_a_proxy_is_for_the_internet_only(monkeypatch):
    """
    A proxy in the environment takes requests to the internet, and none to a stand-in on this machine.
    """
    with Loopback(lambda *_: Say(body=b"by proxy")) as proxy, Loopback(lambda *_: Say(body=b"direct")) as server:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        here = ask(f"{server.url}/x")
        there = ask("http://service.example/x")

    assert (b"direct", b"by proxy") == (here.body, there.body)
    assert ["http://service.example/x"] == [heard.path for heard in proxy.heard]


def test_close_can_be_called_twice_and_work_goes_on_after():
    """
    A run may end and another begin in the same process.
    """
    with Loopback(lambda *_: Say()) as server:
        ask(f"{server.url}/x")
        loop.close()
        loop.close()
        reply = ask(f"{server.url}/x")

    assert 200 == reply.status


def test_a_stream_gives_results_as_they_come_and_stops_when_left():
    """
    Results come in the order in which they are ready, errors of items in their place, and leaving early ends the rest.
    """

    async def work(item):
        await asyncio.sleep(0.3 if item == "slow" else 0.0)
        if item == "bad":
            raise AnswerInvalid(item="bad", reason="no answer")
        return item.upper()

    stream = loop.stream(["slow", "quick", "bad"], work, window=3)
    first_two = dict(next(stream) for _ in range(2))
    stream.close()

    assert "QUICK" == first_two["quick"]
    assert isinstance(first_two["bad"], AnswerInvalid)
