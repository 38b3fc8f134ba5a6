"""Ask for items, read the answers while the next ones come, and keep the outcome of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any

from tasks.core.errors import ItemError, Transient
from tasks.core.stopwatch import record_duration, record_value, span
from tasks.http.loop import run, stream
from tasks.http.store import Answer
from tasks.providers.batch import Settled
from tasks.providers.provider import Facts, Provider
from tasks.schema.titles import Collections, Episodes, Responses, Titles
from tasks.staging import Outcome

Item = Mapping[str, Any]


def titles(provider: Provider, items: Sequence[Item], *, window: int) -> Iterator[Settled]:
    """Settle titles (``title_id, kind, provider_id``), in the order in which answers come.

    Raises:
        KeyRefused: the service does not accept the key; the items left are not settled.
    """

    def read(item: Item, details: Answer) -> tuple[Facts, list[Answer]]:
        later = provider.later_seasons(item["kind"], details)
        seasons = run(provider.seasons(item["provider_id"], later)) if later else []
        with span("scrape.parse", item=item["title_id"]):
            return provider.title_facts(item["kind"], item["title_id"], details, seasons), [details, *seasons]

    return _settled(
        items,
        lambda item: provider.details(item["kind"], item["provider_id"]),
        read,
        id_column="title_id",
        scope="scrape.title",
        window=window,
    )


def collections(provider: Provider, items: Sequence[Item], *, window: int) -> Iterator[Settled]:
    """Settle collections (``collection_id, provider_id``), in the order in which answers come.

    Raises:
        KeyRefused: the service does not accept the key; the items left are not settled.
    """

    def read(item: Item, answer: Answer) -> tuple[Facts, list[Answer]]:
        with span("scrape.parse", item=item["collection_id"]):
            return provider.collection_facts(item["collection_id"], answer), [answer]

    def ask(item: Item) -> Coroutine[Any, Any, Answer]:
        return provider.collection(item["provider_id"])

    return _settled(items, ask, read, id_column="collection_id", scope="scrape.collection", window=window)


def _settled(
    items: Sequence[Item],
    ask: Callable[[Item], Coroutine[Any, Any, Answer]],
    read: Callable[[Item, Answer], tuple[Facts, list[Answer]]],
    *,
    id_column: str,
    scope: str,
    window: int,
) -> Iterator[Settled]:
    """Settle ``items``; a record ``scope`` tells of each how long it was under way, and of how many answers it is."""
    begun: dict[str, tuple[int, float]] = {}

    async def asked(item: Item) -> Answer:
        begun[item[id_column]] = time.time_ns(), time.perf_counter()
        return await ask(item)

    def record(item: Item, *, ok: bool, **noted: int) -> None:
        started_ns, began_s = begun.pop(item[id_column])
        attributes = {"kind": item.get("kind"), **noted}
        took_s = time.perf_counter() - began_s
        record_duration(scope, took_s, started_ns=started_ns, item=item[id_column], ok=ok, attributes=attributes)

    for item, answer in stream(items, asked, window=window):
        item_id = item[id_column]
        try:
            if isinstance(answer, ItemError):
                raise answer
            facts, answers = read(item, answer)
        except ItemError as error:
            record(item, ok=False)
            # What is gone or unreadable will be so again; what failed on the way may not.
            outcome = "failed" if isinstance(error, Transient) else "quarantined"
            yield Settled(Outcome(item_id, item_id, outcome, error=error), {})
            continue
        requests = [source.row() for each in answers for source in each.sources]
        record(item, ok=True, answers=len(requests), episodes=len(facts.get(Episodes, ())))
        record_value("scrape.calls_per_item", len(requests), item=item_id)
        name = next((str(row.get("title") or row.get("name")) for row in _heads(facts)), item_id)
        yield Settled(Outcome(item_id, name, "done"), {**facts, Responses: requests})


def _heads(facts: Facts) -> list[dict[str, Any]]:
    """The row of the title or collection itself."""
    return [row for table, rows in facts.items() if table in (Titles, Collections) for row in rows]
