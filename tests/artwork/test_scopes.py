"""Every scope of a picture measures one thing: requests lie in that of the download, decoding in that of the check."""

from __future__ import annotations

import sys
import threading
from collections import defaultdict
from contextlib import contextmanager

import pytest

from tasks.core.stopwatch import _current
from tasks.http import loop
from tests.artwork.test_artwork import a_jpeg, a_place, fetched, serving
from tests.http.loopback import Loopback, Say

pytestmark = pytest.mark.usefixtures("standin_token")
OF_REQUESTS, OF_DECODING = ("httpx", "httpcore"), ("PIL",)


@contextmanager
def calls_watched():
    """Of each package the scopes in which something of it was called, in any thread.

    The interpreter tells of every call: nothing of ours or theirs is replaced.
    """
    within = defaultdict(set)

    def watch(frame, event, _argument):
        package = frame.f_globals.get("__name__", "").partition(".")[0]
        if event == "call" and package in OF_REQUESTS + OF_DECODING:
            within[package].add(_current.get())

    loop.close()  # the thread that asks hosts begins anew, and is watched
    before = sys.getprofile()
    threading.setprofile(watch)
    sys.setprofile(watch)
    try:
        yield within
    finally:
        sys.setprofile(before)
        threading.setprofile(None)


def test_what_is_written_was_fetched_and_checked_before(tmp_path, records):
    """
    Six pictures: six requests, each in a download. Nothing that sends or decodes is called while one is written; what
    is written are all the bytes that came.
    """
    pictures = {f"p{n}": a_jpeg((8, 8 + n)) for n in range(6)}
    with serving(**pictures) as server, calls_watched() as within:
        fetched(tmp_path, server.url, *(a_place(n, f"/p{n}.jpg") for n in range(6)))

    named = {record.span_id: record.name for record in records}
    scopes = {package: {named.get(span_id) for span_id in span_ids} for package, span_ids in within.items()}
    requests, downloads, writes = (
        [record for record in records if record.name == name]
        for name in ("http.request", "artwork.download", "artwork.write")
    )
    assert {"artwork.verify"} == scopes["PIL"]
    assert "http.request" in scopes["httpx"] & scopes["httpcore"]
    assert not {"artwork.verify", "artwork.write"} & (scopes["httpx"] | scopes["httpcore"])
    assert (6, 6, 6) == (len(server.heard), len(requests), len(writes))
    assert {record.span_id for record in downloads} == {record.parent_id for record in requests}
    assert sum(map(len, pictures.values())) == sum(record.attributes["bytes"] for record in writes)


def test_what_ended_early_is_fetched_again_after_all_others_and_timed_apart(tmp_path, records):
    """
    The first of three pictures is cut: it is asked for once more when the other two are there, and its second download
    is told as such.
    """
    picture = a_jpeg((300, 300))

    def script(_, number):
        return Say(200, picture[: len(picture) // 2] if number == 0 else picture, {})

    with Loopback(script) as server:
        result = fetched(tmp_path, server.url, *(a_place(n, f"/{n}.jpg") for n in range(3)), connections=1)

    again = [record.attributes["attempt"] for record in records if record.name == "artwork.download"]
    assert (3, ["0", "1", "2", "0"]) == (result.done_count, [heard.path[-5] for heard in server.heard])
    assert [1, 1, 1, 2] == again
