"""Tell people how a run ended: a message to their addresses, a command of theirs.

What could not be told is said in sentences for the log; nothing here raises, waits without end, or changes a run.
Addresses hold secrets, so they go to a program of its own (``flows/messenger.py``) through a pipe.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from prefect.blocks.system import Secret
from prefect.settings import get_current_settings
from pydantic import SecretStr

from tasks.core import secrets
from tasks.core.settings import NotifySettings
from tasks.core.units import printable
from tasks.report.facts import RunFacts, facts
from tasks.report.notice import Notice, failed_count, failures, is_good, notice

BLOCK = "notify-urls"
"""Name of the Prefect Secret block that may hold the addresses."""
BLOCK_TIMEOUT_S = 10.0
FAILURES_IN_DOCUMENT = 20
VARIABLE_PREFIX = "REFRESH_"
"""Of the variables a command gets; ``REELHOUSE_`` is kept for settings, and unknown ones are refused there."""
_MESSENGER = Path(__file__).with_name("messenger.py")


def notify(record: Mapping[str, Any], settings: NotifySettings) -> list[str]:
    """Tell of the end of a run to all who want to know, and return what could not be told, for the log.

    Args:
        record: record of the run (``runs/<id>.json``); one of a run that crashed or was cancelled may lack all but
            ``run_id`` and ``state``.
        settings: whom to tell what.

    Returns:
        Sentences without secrets; none where all went well. All addresses together take at most
        ``settings.timeout_s``, as long the command, and ten seconds a block that is asked for addresses.
    """
    if settings.on == "never":
        return []
    try:
        found = facts({name: value for name, value in record.items() if value is not None})
        if settings.on == "failure" and is_good(found):
            return []
        words = notice(found)
    except Exception as exc:  # a run that is over must not fail for the words about it
        return [f"nobody was told of the run: its record cannot be worded ({type(exc).__name__})"]
    said = []
    for tell in (_run_command, _send_messages):
        try:
            said += tell(found, words, record, settings)
        except Exception as exc:  # as above; its text may hold an address, so its kind is all that is said
            said.append(f"not everybody was told of the run ({type(exc).__name__})")
    return said


def _send_messages(_: RunFacts, words: Notice, __: Mapping[str, Any], settings: NotifySettings) -> list[str]:
    addresses, said = _addresses(min(settings.timeout_s, BLOCK_TIMEOUT_S))
    if not addresses:
        return said
    document = {
        "title": words.title,
        "body": words.body,
        "kind": words.kind,
        "timeout_s": settings.timeout_s,
        "addresses": [address.get_secret_value() for address in addresses],
    }
    status, printed = _ended(
        [sys.executable, "-P", str(_MESSENGER)], json.dumps(document), timeout_s=settings.timeout_s, is_heard=True
    )
    answers = {answer["number"]: answer for answer in map(json.loads, printed.splitlines())}
    silent = f"gave no answer within {settings.timeout_s:g} s" if status is None else "could not be written to"
    for number in range(1, len(addresses) + 1):
        answer = answers.get(number, {"service": None, "fault": silent})
        if answer["fault"]:
            service = f" ({answer['service']})" if answer["service"] else ""
            said.append(f"{_place(number, len(addresses))}{service} {answer['fault']}, so nothing was told there")
    return said


def _place(number: int, count: int) -> str:
    return "the address for notifications" if count == 1 else f"address {number} of {count} for notifications"


def _addresses(timeout_s: float) -> tuple[tuple[SecretStr, ...], list[str]]:
    """Addresses from the environment, else from the Prefect block that may hold them, and what went wrong there."""
    found = secrets.notify_urls()
    has_server = bool(get_current_settings().api.url)  # without one, Prefect would start it to look for the block
    if found or secrets.is_declined("notify") or not has_server:
        return found, []
    held: list[Any] = []
    faults: list[str] = []

    def load() -> None:
        try:
            block = Secret.load(BLOCK)
            assert isinstance(block, Secret)
            held.append(block.get())
        except ValueError:  # there is no such block
            pass
        except Exception as exc:
            faults.append(
                f"the Prefect block {BLOCK} could not be read ({type(exc).__name__}), so nobody was written to"
            )

    # A thread, because a server that is gone keeps the client trying for minutes, and because a hook of Prefect may
    # run where an event loop is at work, where loading would answer with a coroutine.
    loader = threading.Thread(target=load, name="notify-block", daemon=True)
    loader.start()
    loader.join(timeout_s)
    if loader.is_alive():
        return (), [f"the Prefect block {BLOCK} could not be read within {timeout_s:g} s, so nobody was written to"]
    if not held:
        return (), faults
    value = held[0].get_secret_value() if isinstance(held[0], SecretStr) else held[0]
    secrets.provide("notify", SecretStr(" ".join(map(str, value)) if isinstance(value, list) else str(value)))
    try:
        return secrets.notify_urls(), []
    finally:
        secrets.provide("notify", None)  # the next run of this process reads the block as it is then


def _run_command(found: RunFacts, words: Notice, record: Mapping[str, Any], settings: NotifySettings) -> list[str]:
    if not settings.command:
        return []
    name = f"the command {printable(settings.command[0])} (notify.command)"
    document = _document(found, words, record)
    try:
        status, _ = _ended(
            settings.command,
            json.dumps(document),
            timeout_s=settings.timeout_s,
            environment={**os.environ, **_variables(document)},
        )
    except OSError as exc:
        return [f"{name} could not be started: {exc.strerror}"]
    if status is None:
        return [f"{name} was stopped after {settings.timeout_s:g} s (notify.timeout_s)"]
    if status:
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        return [f"{name} {how}; what it printed is not kept"]
    return []


def _document(found: RunFacts, words: Notice, record: Mapping[str, Any]) -> dict[str, Any]:
    """What a command gets on its standard input."""
    started_at = record.get("started_at")
    return {
        "state": found.state,
        "title": words.title,
        "body": words.body,
        "name": found.name,
        "run_id": found.run_id,
        "roots": list(found.roots),
        "started_at": None if started_at is None else str(started_at).replace(" ", "T"),
        "wall_s": found.wall_s,
        "file_count": found.file_count,
        "failed_count": failed_count(found),
        "counters": dict(found.counters),
        "stages": [asdict(stage) for stage in found.stages],
        "failures": [asdict(failure) for failure in islice(failures(found), FAILURES_IN_DOCUMENT)],
        "notes": list(found.notes),
        "commands": list(words.commands),
    }


def _variables(document: Mapping[str, Any]) -> dict[str, str]:
    """The main values for commands that do not read JSON; unknown is empty."""
    names = ("state", "title", "name", "run_id", "started_at", "wall_s", "file_count", "failed_count")
    values = {name: "" if document[name] is None else printable(str(document[name])) for name in names}
    values["body"] = document["body"]  # the only one with lines, each of them printable already
    return {VARIABLE_PREFIX + name.upper(): value for name, value in values.items()}


def _ended(
    argv: Sequence[str],
    given: str,
    *,
    timeout_s: float,
    environment: Mapping[str, str] | None = None,
    is_heard: bool = False,
) -> tuple[int | None, str]:
    """Run a program with ``given`` on its standard input; its status, ``None`` where it had to be killed.

    What it prints is thrown away, unless ``is_heard``: then standard output is the second value.
    """
    with subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE if is_heard else subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,  # so that it is killed together with what it started
    ) as program:
        try:
            printed, _ = program.communicate(given.encode(), timeout_s)
        except subprocess.TimeoutExpired:
            _kill(program)
            printed, _ = program.communicate()
            return None, (printed or b"").decode()
        except BaseException:
            _kill(program)
            raise
        return program.returncode, (printed or b"").decode()


def _kill(program: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(program.pid, signal.SIGKILL)
