"""What people are told when a run ends: messages by Apprise, a command of theirs, and what stays secret."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psutil
import pytest

from flows.notify import notify
from flows.server import free_port
from tasks.core.settings import NotifySettings
from tests.flows.house import lean, until

SECRET = "hunter2-4711"
ALWAYS = NotifySettings(on="always")
PYTHON = sys.executable


def a_record(state: str = "incomplete", **changes: Any) -> dict[str, Any]:
    """The record of a run in which one of ten files could not be read."""
    stage = {"unchanged_count": 0, "quarantined_count": 0, "deferred_count": 0}
    failed = {"stage": "probe", "item_id": "1", "item": "/videos/Films/a.mkv", "cause": "ReadFailed"}
    return {
        "run_id": "0b5e",
        "name": "refresh Films 2026-11-21 03:00",
        "state": state,
        "started_at": "2026-11-21T03:00:00Z",
        "wall_s": 75.0,
        "roots": '["/videos/Films"]',
        "file_count": 10,
        "counters": {"new_files": 10},
        "run_stages": [{"stage": "probe", "total_count": 10, "done_count": 9, "failed_count": 1, **stage}],
        "failures": [{**failed, "reason": "the disk answered with an error", "is_transient": True, "attempts": 3}],
        **changes,
    }


def a_good_record() -> dict[str, Any]:
    return a_record("completed", run_stages=[], failures=[])


@dataclass
class Receiver:
    """An HTTP server on loopback that keeps what it is sent."""

    port: int
    received: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    command_lines: list[str] = field(default_factory=list)
    """Of the processes of this test, seen while a message was taken."""

    def address(self, path: str = "") -> str:
        return f"json://user:{SECRET}@127.0.0.1:{self.port}/{SECRET}/{path}"


def command_lines() -> list[str]:
    """Of all programs that this process has started, and they have, and that are still at work."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
    return found


def has_ended(pid: int) -> bool:
    try:
        return psutil.STATUS_ZOMBIE == psutil.Process(pid).status()  # nobody waits for orphans here
    except psutil.NoSuchProcess:
        return True


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that takes what is sent, refuses it below ``/500``, and does not answer below ``/never``."""
    is_over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            receiver.headers.append(dict(self.headers))
            receiver.command_lines += command_lines()
            if "/never" in self.path:
                is_over.wait()
            elif "/500" in self.path:
                self.send_error(500, SECRET)
            else:
                receiver.received.append(body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep standard error for what the tests look for in it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield receiver
        finally:
            is_over.set()
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def one_receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def receiver(one_receiver: Receiver) -> Receiver:
    for kept in (one_receiver.received, one_receiver.headers, one_receiver.command_lines):
        kept.clear()
    return one_receiver


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests is not written to."""
    for name in ("NOTIFY_URLS", "PREFECT_API_URL"):
        monkeypatch.delenv(name, raising=False)


class TestMessages:
    def test_a_failed_item_is_told(self, receiver, monkeypatch):
        """
        The message arrives with its title, its lines and Apprise's kind; the password travels in a header.
        """
        monkeypatch.setenv("NOTIFY_URLS", receiver.address())

        assert [] == notify(a_record(), NotifySettings())

        (message,) = receiver.received
        assert "reelhouse: 1 of 10 items failed" == message["title"]
        assert "/videos/Films/a.mkv: the disk answered with an error (ReadFailed)" in message["message"]
        assert "Next: reelhouse failures, then reelhouse retry 0b5e" in message["message"].splitlines()
        assert "warning" == message["type"]
        assert receiver.headers[0]["Authorization"].startswith("Basic ")

    @pytest.mark.parametrize(
        ("on", "told"),
        [
            ("failure", ["incomplete", "cancelled", "crashed"]),
            ("always", ["completed", "incomplete", "cancelled", "crashed"]),
            ("never", []),
        ],
    )
    def test_who_is_told_of_what(self, tmp_path, on, told):
        """
        The default is to tell of what did not complete. (Asked with a command, which starts faster than Apprise.)
        """
        log = tmp_path / "told"
        command = ("sh", "-c", 'echo "$REFRESH_STATE" >> "$0"', str(log))
        for record in (a_good_record(), a_record("incomplete"), a_record("cancelled"), a_record("crashed")):
            assert [] == notify(record, NotifySettings(on=on, command=command))

        assert told == (log.read_text().split() if log.exists() else [])

    def test_a_refused_token_is_no_good_end(self, tmp_path):
        """
        A run whose token was refused ends with exit status 1 (README), so it is told of as well.
        """
        log = tmp_path / "told"
        settings = NotifySettings(command=("sh", "-c", 'echo "$REFRESH_TITLE" > "$0"', str(log)))

        notify({**a_good_record(), "counters": {"key_refused": 1}}, settings)

        assert "reelhouse: refresh of Films completed, but TMDB refused the token\n" == log.read_text()

    def test_each_address_fares_for_itself(self, receiver, monkeypatch, caplog, capfd):
        """
        One of six takes the message; a refusal, a closed port, an unknown service, a broken address and one that never
        answers (also when it asks for ten minutes to do so) are each told by number, and nothing is left running.
        """
        addresses = [
            receiver.address("500"),
            receiver.address("never?rto=600"),
            f"json://127.0.0.1:{free_port()}/{SECRET}",
            f"nosuch://{SECRET}",
            f"tgram://{SECRET}",
            receiver.address(),
        ]
        monkeypatch.setenv("NOTIFY_URLS", " ".join(addresses[:3]) + "\n " + " ".join(addresses[3:]))

        with caplog.at_level(logging.DEBUG):
            said = notify(a_good_record(), NotifySettings(on="always", timeout_s=8))

        nothing = "so nothing was told there"
        assert [
            f"address 1 of 6 for notifications (JSON) refused it with HTTP 500, {nothing}",
            f"address 2 of 6 for notifications gave no answer within 8 s, {nothing}",
            f"address 3 of 6 for notifications (JSON) did not answer, {nothing}",
            f"address 4 of 6 for notifications is none that Apprise knows, {nothing}",
            f"address 5 of 6 for notifications is none that Apprise knows, {nothing}",
        ] == said
        assert ["reelhouse: refresh of Films completed"] == [message["title"] for message in receiver.received]
        assert SECRET not in caplog.text + "".join(capfd.readouterr())
        assert any("messenger.py" in line for line in receiver.command_lines)
        assert [] == [line for line in receiver.command_lines if SECRET in line]
        assert [] == [line for line in command_lines() if "messenger.py" in line]

    def test_a_message_that_the_starter_has_forgotten_ends(self, receiver):
        """
        Where the run is killed while a message is under way, the program that sends it ends by itself (SIGALRM).
        """
        from flows.notify import _MESSENGER

        document = {"title": "t", "body": "b", "kind": "success", "timeout_s": 0.5}
        document["addresses"] = [receiver.address("never?rto=600")]

        ended = subprocess.run(
            [PYTHON, "-P", str(_MESSENGER)], input=json.dumps(document).encode(), capture_output=True, check=False
        )

        assert -14 == ended.returncode  # signal(7): SIGALRM is 14
        assert b"" == ended.stdout

    def test_nobody_to_tell_is_no_fault(self):
        """
        Without an address, a command or a server to ask for a block, nothing is started and nothing said.
        """
        assert [] == notify(a_record(), ALWAYS)


class TestBlock:
    SCRIPT = """
import json, sys
from prefect.blocks.system import Secret
from flows.notify import notify
from tasks.core.settings import NotifySettings
Secret(value=json.loads(sys.argv[1])).save("notify-urls")
try:
    print(json.dumps(notify(json.loads(sys.argv[2]), NotifySettings())))
finally:
    Secret.delete("notify-urls")
"""

    def test_addresses_may_come_from_a_block(self, prefect, receiver, tmp_path):
        """
        A Prefect Secret block holds them where the environment does not; Prefect's log at its loudest has no secret.
        """
        addresses = [receiver.address("500"), receiver.address()]

        ended = self.notify_with(prefect.api_url, tmp_path, json.dumps(" ".join(addresses)))

        assert [
            "address 1 of 2 for notifications (JSON) refused it with HTTP 500, so nothing was told there"
        ] == json.loads(ended.stdout)
        assert 1 == len(receiver.received)
        assert SECRET not in ended.stdout + ended.stderr

    def test_a_server_that_is_gone_is_told(self, tmp_path):
        """
        A crash hook may run when the Prefect server is no more: that costs a bounded time and a sentence.
        """
        script = self.SCRIPT.partition("Secret(value")[0] + (
            "print(json.dumps(notify(json.loads(sys.argv[2]), NotifySettings(timeout_s=1))))"
        )

        ended = self.notify_with(f"http://127.0.0.1:{free_port()}/api", tmp_path, '""', script)

        (sentence,) = json.loads(ended.stdout)
        assert sentence.startswith("the Prefect block notify-urls could not be read")

    def notify_with(self, api_url, folder, value, script=SCRIPT):
        inherited = {name: text for name, text in os.environ.items() if not name.startswith(("PREFECT_", "NOTIFY_"))}
        variables = {"PREFECT_API_URL": api_url, "PREFECT_HOME": str(folder), "PREFECT_LOGGING_LEVEL": "DEBUG"}
        ended = subprocess.run(
            [PYTHON, "-c", script, value, json.dumps(a_record())],
            env=inherited | lean(folder) | variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert 0 == ended.returncode, ended.stderr
        return ended


class TestCommand:
    def test_it_gets_the_run_as_json_and_as_variables(self, tmp_path):
        """
        Without a shell: an argument with a blank and a dollar sign arrives as it was written.
        """
        code = (
            "import json, os, sys; json.dump({'given': json.load(sys.stdin), 'arguments': sys.argv[2:], 'variables':"
            "{n: v for n, v in os.environ.items() if n.startswith('REFRESH_')}}, open(sys.argv[1], 'w'))"
        )
        kept = tmp_path / "kept.json"

        assert [] == notify(a_record(), NotifySettings(command=(PYTHON, "-c", code, str(kept), "a $HOME")))

        found = json.loads(kept.read_text())
        given, variables = found["given"], found["variables"]
        assert ["a $HOME"] == found["arguments"]
        assert ("incomplete", "0b5e", 1) == (given["state"], given["run_id"], given["failed_count"])
        assert ("2026-11-21T03:00:00Z", 75.0) == (given["started_at"], given["wall_s"])
        assert [("probe", 9, 1)] == [(s["stage"], s["done_count"], s["failed_count"]) for s in given["stages"]]
        assert [("/videos/Films/a.mkv", "ReadFailed")] == [(f["item"], f["cause"]) for f in given["failures"]]
        assert ["reelhouse failures", "reelhouse retry 0b5e"] == given["commands"]
        assert ("incomplete", "0b5e", "75.0", "1") == tuple(
            variables[f"REFRESH_{name}"] for name in ("STATE", "RUN_ID", "WALL_S", "FAILED_COUNT")
        )
        assert given["title"] == variables["REFRESH_TITLE"]
        assert given["body"] == variables["REFRESH_BODY"]

    def test_its_variables_are_none_of_the_settings(self, tmp_path):
        """
        A command may call ``reelhouse``, which refuses variables in the name of settings that it does not know.
        """
        kept = tmp_path / "kept"
        settings = NotifySettings(command=("sh", "-c", 'env > "$0"', str(kept)))
        before = {name for name in os.environ if name.startswith("REELHOUSE_")}

        notify(a_record(), settings)

        names = {line.partition("=")[0] for line in kept.read_text().splitlines()}
        assert before == {name for name in names if name.startswith("REELHOUSE_")}
        assert "REFRESH_STATE" in names

    @pytest.mark.parametrize(
        ("command", "sentence"),
        [
            (("sh", "-c", f"echo {SECRET} >&2; exit 3"), "the command sh (notify.command) ended with status 3; what"),
            (("sh", "-c", "kill -9 $$"), "the command sh (notify.command) was ended by signal 9; what"),
            (("/no/such", SECRET), "the command /no/such (notify.command) could not be started: No such file"),
            (("/",), "the command / (notify.command) could not be started: Permission denied"),
        ],
        ids=["fails", "killed", "missing", "folder"],
    )
    def test_one_that_fails_is_told_in_a_sentence(self, capfd, command, sentence):
        """
        The sentence names the program and how it ended, not its arguments or what it printed.
        """
        (said,) = notify(a_record(), NotifySettings(command=command))

        assert said.startswith(sentence)
        assert SECRET not in said + "".join(capfd.readouterr())

    def test_one_that_hangs_is_ended_with_all_it_started(self, tmp_path):
        """
        Its children go with it, and what comes after it is told all the same.
        """
        kept = tmp_path / "pid"
        settings = NotifySettings(command=("sh", "-c", 'sleep 600 & echo $! > "$0"; wait', str(kept)), timeout_s=0.5)

        said = notify(a_record(), settings)

        assert ["the command sh (notify.command) was stopped after 0.5 s (notify.timeout_s)"] == said
        pid = int(kept.read_text())
        assert until(lambda: has_ended(pid), within_s=20)  # a signal is sent, and comes

    def test_one_that_does_not_listen_is_no_fault(self):
        """
        A command may end without reading a document larger than a pipe holds (64 KiB, pipe(7)).
        """
        record = a_record(notes=["x" * 1_000_000])

        assert [] == notify(record, NotifySettings(command=("true",)))


class TestRecords:
    @pytest.mark.parametrize("state", ["crashed", "cancelled"])
    def test_a_bare_record_will_do(self, tmp_path, state):
        """
        A run that was cut off has no account: what is unknown is empty, and nothing breaks.
        """
        kept = tmp_path / "kept"
        settings = NotifySettings(command=("sh", "-c", 'echo "$REFRESH_STATE|$REFRESH_WALL_S" > "$0"', str(kept)))
        empty = dict.fromkeys(["wall_s", "run_stages", "failures", "counters", "roots", "started_at", "quarantine"])

        assert [] == notify({"run_id": "1", "state": state}, settings)
        assert [] == notify({"run_id": "1", "state": state, **empty}, settings)

        assert f"{state}|\n" == kept.read_text()

    def test_one_that_makes_no_sense_raises_nothing(self):
        """
        Words about a run never fail it.
        """
        (said,) = notify({"state": "crashed", "failures": [{}]}, ALWAYS)

        assert said == "nobody was told of the run: its record cannot be worded (KeyError)"

    def test_odd_names_pass(self, receiver, monkeypatch, tmp_path):
        """
        Names with NUL, line breaks, escapes and bytes that are no UTF-8 reach a command and an address alike.
        """
        kept = tmp_path / "kept"
        monkeypatch.setenv("NOTIFY_URLS", receiver.address())
        record = a_record(name="a\0b\nc\x1b[31m\udce9\ud800", started_at="\udce9\0")
        record["failures"][0]["item"] = "/v/\0\n\ud800\udce9.mkv"

        assert [] == notify(record, NotifySettings(command=("sh", "-c", 'printf %s "$REFRESH_NAME" > "$0"', str(kept))))

        assert r"a\x00b\nc\x1b[31m\udce9\ud800" == kept.read_text()
        assert r"/v/\x00\n\ud800\udce9.mkv" in receiver.received[0]["message"]
