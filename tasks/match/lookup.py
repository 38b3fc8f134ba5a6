"""Ask a metadata service about title keys, decide, and keep the outcome of each; at most two questions a title."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tasks.core.clock import utc_now
from tasks.core.errors import AnswerInvalid, AnswerNotFound, ItemError
from tasks.core.ids import title_id
from tasks.core.stopwatch import span
from tasks.core.units import printable
from tasks.http.loop import stream
from tasks.http.store import Answer
from tasks.match.decide import Decision, decided
from tasks.match.score import Scored, Wanted, ranked
from tasks.providers.batch import Settled
from tasks.providers.provider import Candidate, Provider
from tasks.schema.table import Table
from tasks.schema.titles import MatchCandidates, Matches, Responses
from tasks.staging import Outcome

KEPT_CANDIDATES = 5


@dataclass(frozen=True)
class Question:
    """What is asked about one title key."""

    title_key: str
    wanted: Wanted
    with_year: bool
    """Whether a search is limited to the year of the names."""
    seen: tuple[Candidate, ...] = ()
    """Candidates of the question before."""
    heard: tuple[Answer, ...] = ()
    """Answers before."""


def questions(items: Sequence[dict[str, Any]]) -> list[Question]:
    """The first question about each item of a batch (columns ``title_key, kind, title, year`` and the three ids)."""
    found = []
    for item in items:
        wanted = Wanted(
            kind=item["kind"],
            title=item["title"] or "",
            year=item["year"],
            tmdb_id=item["tmdb_id"],
            imdb_id=item["imdb_id"],
            tvdb_id=item["tvdb_id"],
        )
        found.append(Question(item["title_key"], wanted, with_year=wanted.year is not None))
    return found


def look_up(provider: Provider, asked: Sequence[Question], *, window: int) -> Iterator[Settled]:
    """Settle every question, in the order in which answers come.

    A search limited to a year finds nothing where the service's year is another one, so what it does not settle is
    searched again without.

    Raises:
        KeyRefused: the service does not accept the key; the questions left are not settled.
    """
    again: list[Question] = []
    for question, answer in stream(asked, _asking(provider), window=window):
        settled = _settled(provider, question, answer)
        if isinstance(settled, Question):
            again.append(settled)
        else:
            yield settled
    if again:
        yield from look_up(provider, again, window=window)


def label(wanted: Wanted) -> str:
    """A title for people, on one line."""
    return printable(f"{wanted.title} ({wanted.year})" if wanted.year else wanted.title)


def _asking(provider: Provider) -> Callable[[Question], Any]:
    async def ask(question: Question) -> Answer | None:
        wanted = question.wanted
        if wanted.tmdb_id is not None:
            return await provider.head(wanted.kind, str(wanted.tmdb_id))
        if wanted.imdb_id is not None:
            return await provider.details_by_imdb(wanted.kind, wanted.imdb_id)
        if wanted.tvdb_id is not None and wanted.kind == "show":
            return await provider.find_show_by_tvdb(wanted.tvdb_id)
        if not wanted.title.strip():
            return None
        return await provider.search(wanted.kind, wanted.title, wanted.year if question.with_year else None)

    return ask


def _settled(provider: Provider, question: Question, answer: Answer | ItemError | None) -> Settled | Question:
    wanted = question.wanted
    if isinstance(answer, Answer):
        question = replace(question, heard=(*question.heard, answer))
    if isinstance(answer, AnswerNotFound):
        candidates: list[Candidate] = []
    elif isinstance(answer, ItemError):
        return _not_settled(question, answer)
    elif answer is None:
        return _row(provider, question, [], Decision("unmatched", "none", None, "Unmatched: the names hold no title"))
    else:
        try:
            candidates = provider.candidates(wanted.kind, answer)
        except AnswerInvalid as error:
            return _not_settled(question, error)
    with span("match.decide", item=question.title_key):
        ranking = ranked(wanted, [*question.seen, *candidates])
        if _id_of(wanted):
            decision = _by_id(wanted, ranking)
            if decision.chosen and isinstance(answer, Answer):
                provider.keep_under_id(wanted.kind, decision.chosen.candidate.provider_id, answer)
        else:
            decision = decided(wanted, ranking)
            if decision.status == "unmatched" and question.with_year:
                return replace(question, with_year=False, seen=tuple(candidates))
    return _row(provider, question, ranking, decision)


def _not_settled(question: Question, error: ItemError) -> Settled:
    outcome = "quarantined" if isinstance(error, AnswerInvalid) else "failed"
    return Settled(Outcome(question.title_key, label(question.wanted), outcome, error=error), {})


def _id_of(wanted: Wanted) -> str | None:
    """The id that settles the match, for people; ``None`` where the names hold none that helps."""
    if wanted.tmdb_id is not None:
        return f"tmdb-{wanted.tmdb_id}"
    if wanted.imdb_id is not None:
        return wanted.imdb_id
    return f"tvdb-{wanted.tvdb_id}" if wanted.tvdb_id is not None and wanted.kind == "show" else None


def _by_id(wanted: Wanted, ranking: Sequence[Scored]) -> Decision:
    """An id settles the match, whatever the title says; the score of the candidate tells how far they agree."""
    if len(ranking) == 1:
        return Decision("matched", "id", ranking[0], "")
    reason = f"the id {_id_of(wanted)} in the names stands for {'several titles' if ranking else f'no {wanted.kind}'}"
    status = "ambiguous" if ranking else "unmatched"
    return Decision(status, "none", None, f"{status.capitalize()}: {reason}")


def _row(provider: Provider, question: Question, ranking: Sequence[Scored], decision: Decision) -> Settled:
    wanted, chosen = question.wanted, decision.chosen
    provider_id = chosen.candidate.provider_id if chosen else None
    best = chosen or (ranking[0] if ranking else None)
    others = [s.score for s in ranking if s is not best]
    rows: dict[type[Table], list[dict[str, Any]]] = {
        Matches: [
            {
                "title_key": question.title_key,
                "kind": wanted.kind,
                "title": wanted.title,
                "year": wanted.year,
                "status": decision.status,
                "provider": provider.name,
                "provider_id": provider_id,
                "title_id": title_id(wanted.kind, provider.name, provider_id) if provider_id else None,
                "rule": decision.rule,
                "score": best.score if best else None,
                "runner_up_score": max(others) if others else None,
                "candidate_count": len(ranking),
                "decided_at": utc_now(),
            }
        ],
        MatchCandidates: [
            {
                "title_key": question.title_key,
                "rank": rank,
                "provider_id": s.candidate.provider_id,
                "title": s.candidate.title,
                "original_title": s.candidate.original_title,
                "year": s.candidate.year,
                "score": s.score,
            }
            for rank, s in enumerate(ranking[:KEPT_CANDIDATES], start=1)
        ],
        Responses: [answer.row() for answer in question.heard],
    }
    outcome = Outcome(
        question.title_key,
        label(wanted),
        "done" if chosen else "quarantined",
        reason=printable(decision.reason) or None,
    )
    return Settled(outcome, rows)
