"""Answers are kept, revalidated, shared and survive; secrets do not get into them."""

from __future__ import annotations

import asyncio
import gzip
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tasks.core.errors import AnswerInvalid, AnswerNotFound, StorageFull, StorageNotWritable
from tasks.http import loop
from tasks.http.answers import UnkeptAnswers, answers_in
from tasks.http.client import Policy, Usage
from tasks.http.store import KEEP, MAX_UNPACKED_BYTES, Answer, Store, pack
from tasks.schema.titles import Responses
from tests.http.loopback import Loopback, Say

PROJECT = Path(__file__).parents[2]
DAY = timedelta(days=1)
JSON = {"Content-Type": "application/json;charset=utf-8"}
POLICY = Policy(provider="tmdb", connections=4, timeout_s=2.0, attempts=1, backoff_s=0.0)
HEADERS = {"Authorization": "Bearer a-very-secret-token"}


@pytest.fixture(autouse=True)
def _closed():
    yield
    loop.close()


def ask(folder, url, *, max_age=DAY, usage=None):
    return loop.run(
        answers_in(folder).fetch(url, policy=POLICY, headers=HEADERS, max_age=max_age, usage=usage or Usage())
    )


def an_answer(url="https://service.example/1", *, age=timedelta(0), body=b'{"a": 1}', etag=None):
    return Answer("tmdb", url, 200, etag, datetime.now(UTC) - age, pack(body))


def test_a_young_answer_is_not_asked_for_again(tmp_path):
    """
    The second question within the time is answered from the store, also by a new process: 1 call, 1 hit.
    """
    usage = Usage()
    with Loopback(lambda *_: Say(body=b'{"id": 7}', headers=JSON)) as server:
        ask(tmp_path, f"{server.url}/x", usage=usage)
        loop.close()
        answer = ask(tmp_path, f"{server.url}/x", usage=usage)

    assert {"id": 7} == answer.document()
    assert (1, 1) == (usage.calls, usage.cache_hits)
    assert 1 == len(server.heard)


def test_an_old_answer_is_revalidated(tmp_path):
    """
    An answer past its time is asked for by its ETag; 304 makes it young again without a body.
    """
    usage = Usage()

    def script(heard, _):
        return Say(304) if heard.headers.get("If-None-Match") == 'W/"1"' else Say(headers=JSON | {"ETag": 'W/"1"'})

    with Loopback(script) as server:
        first = ask(tmp_path, f"{server.url}/x", usage=usage)
        second = ask(tmp_path, f"{server.url}/x", usage=usage, max_age=timedelta(0))
        third = ask(tmp_path, f"{server.url}/x", usage=usage)

    assert first.packed == second.packed == third.packed
    assert second.fetched_at > first.fetched_at
    assert (2, 1, 1) == (usage.calls, usage.revalidated, usage.cache_hits)


def test_not_found_is_kept_too(tmp_path):
    """
    404 is data: a title that is gone is not asked for on every run.
    """
    with Loopback(lambda *_: Say(404, b'{"status_code": 34}', JSON)) as server:
        for _ in range(2):
            with pytest.raises(AnswerNotFound):
                ask(tmp_path, f"{server.url}/x")

    assert 1 == len(server.heard)


@pytest.mark.parametrize("status", [200, 404])
def test_a_page_of_a_captive_portal_is_not_kept(tmp_path, status):
    """
    HTML where JSON is promised is refused and forgotten: the next question goes out again.
    """
    with Loopback(lambda *_: Say(status, b"<html>", {"Content-Type": "text/html"})) as server:
        for _ in range(2):
            with pytest.raises(AnswerInvalid, match="text/html"):
                ask(tmp_path, f"{server.url}/x")

    assert 2 == len(server.heard)


def test_equal_questions_at_once_are_asked_once(tmp_path):
    """
    Ten askers of one collection at the same moment cost one request.
    """
    usage = Usage()

    async def ten(url):
        answers = answers_in(tmp_path)
        return await asyncio.gather(
            *(answers.fetch(url, policy=POLICY, headers=HEADERS, max_age=DAY, usage=usage) for _ in range(10))
        )

    with Loopback(lambda *_: Say(after_s=0.05, headers=JSON)) as server:
        answers = loop.run(ten(f"{server.url}/x"))

    assert 1 == len({a.packed for a in answers})
    assert (1, 9, 1) == (usage.calls, usage.cache_hits, len(server.heard))


def test_answers_that_are_not_kept_are_asked_for_each_time():
    """
    Without a store four equal questions, three of them at the same moment, are four requests and no hit.
    """
    usage = Usage()

    async def three_then_one(url):
        answers = UnkeptAnswers()

        async def once():
            return await answers.fetch(url, policy=POLICY, headers=HEADERS, max_age=DAY, usage=usage)

        return [*await asyncio.gather(once(), once(), once()), await once()]

    with Loopback(lambda *_: Say(body=b'{"id": 7}', headers=JSON | {"ETag": 'W/"1"'})) as server:
        answers = loop.run(three_then_one(f"{server.url}/x"))

    assert [{"id": 7}] * 4 == [answer.document() for answer in answers]
    assert (4, 0, 0) == (usage.calls, usage.cache_hits, usage.revalidated)
    assert 4 == len(server.heard)
    assert not [heard for heard in server.heard if "If-None-Match" in heard.headers]


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (Say(404, b'{"status_code": 34}', JSON), AnswerNotFound),
        (Say(200, b"<html>", {"Content-Type": "text/html"}), AnswerInvalid),
    ],
    ids=["404", "portal"],
)
def test_answers_that_are_not_kept_are_judged_alike(said, error):
    """
    Nothing there, and a page where JSON is promised, are told as where answers are kept.
    """
    with Loopback(lambda *_: said) as server, pytest.raises(error):
        loop.run(UnkeptAnswers().fetch(f"{server.url}/x", policy=POLICY, headers=HEADERS, max_age=DAY, usage=Usage()))


def test_a_packed_answer_is_kept_as_it_came(tmp_path):
    """
    What travels gzipped is stored without unpacking, and reads the same.
    """
    packed = gzip.compress(b'{"title": "Quiet Orchard"}')
    with Loopback(lambda *_: Say(body=packed, headers=JSON | {"Content-Encoding": "gzip"})) as server:
        answer = ask(tmp_path, f"{server.url}/x")

    assert packed == answer.packed
    assert {"title": "Quiet Orchard"} == answer.document()
    assert 26 == answer.row()["body_size_bytes"]


def test_the_row_fits_its_table():
    """
    What is asked is a row of table responses, which expires after half a year.
    """
    row = an_answer().row()

    Responses.validate(Responses.frame([row]))
    assert timedelta(days=180) == row["expires_at"] - row["fetched_at"]


def test_no_secret_is_stored(tmp_path):
    """
    Neither the token nor a password in the address stands in any file of the store.
    """
    with Loopback(lambda *_: Say(headers=JSON)) as server:
        ask(tmp_path, server.url.replace("//", "//me:pass-word@") + "/x")
        answers_in(tmp_path).store.flush()
        content = b"".join(p.read_bytes() for p in tmp_path.iterdir())
    loop.close()
    content += b"".join(p.read_bytes() for p in tmp_path.iterdir())

    assert b"secret-token" not in content
    assert b"pass-word" not in content
    assert b"/x" in content


def test_half_a_year_is_the_end(tmp_path):
    """
    The terms of TMDB allow six months: older answers are deleted when the store is opened.
    """
    store = Store(tmp_path)
    store.put(an_answer("https://service.example/old", age=KEEP + DAY))
    store.put(an_answer("https://service.example/young", age=KEEP - DAY))
    store.close()

    store = Store(tmp_path)
    found = [store.get(f"https://service.example/{age}") is not None for age in ("old", "young")]
    store.close()

    assert [False, True] == found


def test_answers_survive_kill_9(tmp_path):
    """
    What was committed is there after kill -9 in the middle of writing; the file is sound.
    """
    program = f"""
import sys
from pathlib import Path
from tests.http.test_answers import an_answer
from tasks.http.store import Store
store = Store(Path({str(tmp_path)!r}))
n = 0
while True:
    if store.put(an_answer(f"https://service.example/{{n}}", body=b"x" * 20_000)):
        store.flush()
        print(n, flush=True)
    n += 1
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=PROJECT)
    assert process.stdout is not None
    committed = max(int(process.stdout.readline()) for _ in range(3))
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()

    store = Store(tmp_path)
    kept = [store.get(f"https://service.example/{n}") for n in range(committed + 1)]
    store.close()

    assert all(answer is not None for answer in kept)


def test_a_process_that_just_ends_keeps_its_answers(tmp_path):
    """
    Nobody has to close anything: at the end of the interpreter what is pending is committed, without a word.
    """
    program = """
import sys
from tests.http.test_answers import ask
ask(sys.argv[1], sys.argv[2])
raise SystemExit(3)
"""
    with Loopback(lambda *_: Say(headers=JSON)) as server:
        url = f"{server.url}/x"
        done = subprocess.run(
            [sys.executable, "-c", program, tmp_path, url], capture_output=True, cwd=PROJECT, check=False
        )

    store = Store(tmp_path)
    answer = store.get(url)
    store.close()
    assert (3, b"") == (done.returncode, done.stderr)
    assert answer is not None


def test_a_damaged_store_is_set_aside(tmp_path):
    """
    A cache that is no database must not stop a refresh: it is put aside and begun anew.
    """
    (tmp_path / "responses.sqlite").write_bytes(b"not a database" * 1000)

    store = Store(tmp_path)
    store.put(an_answer())
    store.flush()
    found = store.get(an_answer().url)
    store.close()

    assert found is not None
    assert (tmp_path / "responses.sqlite.damaged").read_bytes().startswith(b"not a database")


def test_a_full_disk_is_told_as_such(tmp_path):
    """
    SQLite's "database or disk is full" (here by its own limit of pages) becomes StorageFull, and nothing is lost.
    """
    store = Store(tmp_path)
    store.put(an_answer(body=b"a"))
    store.flush()
    store._connection.execute("PRAGMA max_page_count = 8")
    store.put(an_answer("https://service.example/big", body=os.urandom(100_000)))

    with pytest.raises(StorageFull):
        store.flush()

    assert store.get(an_answer().url) is not None
    store._connection.execute("PRAGMA max_page_count = 1000000")
    store.close()


def test_a_store_that_may_not_be_written_is_named(tmp_path):
    """
    Answers of another user, after a run with ``sudo``: SQLite's refusal (here by its own switch) names the file.
    """
    store = Store(tmp_path)
    store._connection.execute("PRAGMA query_only = 1")
    store.put(an_answer())

    with pytest.raises(StorageNotWritable, match=r"responses\.sqlite cannot be written"):
        store.flush()

    store._connection.execute("PRAGMA query_only = 0")
    store.close()


@pytest.mark.parametrize(
    "packed",
    [b"", b"no gzip", pack(b'{"a": 1}')[:-4], pack(b"\0" * (MAX_UNPACKED_BYTES + 1)), pack(b"[1]"), pack(b'{"a"')],
    ids=["empty", "no gzip", "cut", "bomb", "list", "cut json"],
)
def test_what_is_no_answer_is_told(packed):
    """
    Damaged, endless and foreign bodies are AnswerInvalid, not a crash and not gigabytes of memory.
    """
    answer = Answer("tmdb", "https://service.example/1", 200, None, datetime.now(UTC), packed)

    with pytest.raises(AnswerInvalid):
        answer.document()


def test_the_store_takes_many_threads(tmp_path):
    """
    Eight threads that write and read at once lose nothing.
    """
    store = Store(tmp_path)

    def work(thread):
        for n in range(100):
            store.put(an_answer(f"https://service.example/{thread}/{n}"))
            if n % 10 == 0:
                store.flush()
            assert store.get(f"https://service.example/{thread}/{n}") is not None

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()

    with sqlite3.connect(tmp_path / "responses.sqlite") as connection:
        (count,) = connection.execute("SELECT count(*) FROM responses").fetchone()
    connection.close()
    assert 800 == count


SHARER = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from tasks.http.store import Answer, Store, pack

store = Store(Path(sys.argv[1]), is_shared=True)
for n in range(60):
    url = f"https://service.example/{sys.argv[2]}/{n}"
    store.put(Answer("tmdb", url, 200, None, datetime.now(UTC), pack(b'{"a": 1}')))
    store.flush()
    if sys.argv[2] == "0" and n == 30:
        os.kill(os.getpid(), 9)
store.close()
"""


def test_a_shared_store_takes_many_processes(tmp_path):
    """
    Four processes write at once, one is killed: what they have flushed is there, each sees it, and nothing is left of
    the write-ahead log of an earlier run on one machine, which network storage does not bear.
    """
    before = Store(tmp_path)
    before.put(an_answer())
    before.close()
    Store(tmp_path, is_shared=True).close()

    processes = [
        subprocess.Popen([sys.executable, "-c", SHARER, str(tmp_path), str(number)], cwd=PROJECT) for number in range(4)
    ]

    assert [-signal.SIGKILL, 0, 0, 0] == [process.wait(60) for process in processes]
    store = Store(tmp_path, is_shared=True)
    there = [store.get(f"https://service.example/{number}/{n}") for number in range(4) for n in range(60)]
    assert store.get(an_answer().url) is not None
    store.close()
    assert 31 + 3 * 60 == sum(answer is not None for answer in there)
    assert ["responses.sqlite"] == sorted(path.name for path in tmp_path.glob("responses*"))


def test_a_store_can_go_back_to_one_machine(tmp_path):
    """
    After a run on several machines one on a single machine reads and writes the same answers.
    """
    shared = Store(tmp_path, is_shared=True)
    shared.put(an_answer())
    shared.close()

    alone = Store(tmp_path)

    assert alone.get(an_answer().url) is not None
    alone.close()
