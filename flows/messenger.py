"""Send one message by Apprise: a program of its own, started by ``flows/notify.py``.

Apprise and the libraries below it write addresses into their logs, and addresses hold secrets; some wait without end.
Here nothing hears those logs, and whoever started the program ends it when time is up; where that one is gone, it ends
itself. It reads one JSON document on standard input and writes one JSON line for each address as soon as that is
settled, without the address itself.

It stands alone, on the standard library and Apprise, so that it starts in half a second.
"""

from __future__ import annotations

import json
import logging
import re
import signal
import sys
import threading
from typing import Any

from apprise import Apprise, AppriseAsset, NotifyBase, NotifyFormat, NotifyType

_STATUS = re.compile(r"\berror=(\d{3})\b")
"""How Apprise's services write the HTTP status of a refusal; digits are all that is taken over of any log line."""


class _Listener(logging.Handler):
    """Keeps why services refused, by thread, in words that cannot hold a secret."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.faults: dict[int, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        words = record.getMessage()
        status = _STATUS.search(words)
        if status:
            self.faults[threading.get_ident()] = f"refused it with HTTP {status[1]}"
        elif "connection error" in words.lower():
            self.faults[threading.get_ident()] = "did not answer"


def main() -> None:
    """Send the message of the document on standard input to all its addresses at once."""
    document = json.load(sys.stdin.buffer)
    signal.setitimer(signal.ITIMER_REAL, document["timeout_s"] + 1)  # SIGALRM ends a process, whatever it waits for
    answers, sys.stdout = sys.stdout, sys.stderr  # what a service prints is no answer of ours
    listener = _Listener()
    log = logging.getLogger("apprise")
    log.addHandler(listener)
    log.propagate = False
    asset = AppriseAsset(app_id="reelhouse", app_desc="reelhouse", app_url="", async_mode=False)
    told = threading.Lock()

    def tell(number: int, service: NotifyBase | None) -> None:
        fault = "is none that Apprise knows" if service is None else _send(service, document, listener, asset)
        name = None if service is None else str(service.service_name)
        with told:
            print(json.dumps({"number": number, "service": name, "fault": fault}), file=answers, flush=True)

    threads = []
    for number, address in enumerate(document["addresses"], start=1):
        service = Apprise.instantiate(address, asset=asset)
        threads.append(threading.Thread(target=tell, args=(number, service), daemon=True))
        threads[-1].start()
    for thread in threads:
        thread.join()


def _send(service: NotifyBase, document: dict[str, Any], listener: _Listener, asset: AppriseAsset) -> str | None:
    """Why the message could not be sent; ``None`` where it was."""
    sender = Apprise(asset=asset)
    sender.add(service)
    is_sent = sender.notify(
        body=document["body"],
        title=document["title"],
        notify_type=NotifyType(document["kind"]),
        body_format=NotifyFormat.TEXT,
    )
    return None if is_sent else listener.faults.get(threading.get_ident(), "did not take it")


if __name__ == "__main__":
    main()
