"""The items of a run that failed or were set aside, one by one, each with what can be done about it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.report.advice import Advice, advice_on_failure, advice_on_quarantine


@dataclass(frozen=True)
class Item:
    """One item that is not done."""

    item: str
    item_id: str
    stage: str
    """Stage, or table whose checks refused the row."""
    cause: str | None
    """Class of the error; ``None`` where no error set it aside."""
    attempts: int | None
    """Runs of its batch; ``None`` where that is not known."""
    reason: str
    is_transient: bool
    advice: Advice

    def cells(self) -> dict[str, str]:
        """What a table says of it, by heading."""
        return {
            "stage": self.stage,
            "cause": self.cause or "",
            "attempts": "" if self.attempts is None else f"{self.attempts:,}",
            "item": self.item,
            "reason": self.reason,
            "next step": self.advice.next_step,
        }


def failed_items(record: Mapping[str, Any]) -> list[Item]:
    """The items that failed in a run, those that may pass first, in order of stage and item."""
    found = [
        Item(
            item=row["item"],
            item_id=row["item_id"],
            stage=row["stage"],
            cause=row["cause"],
            attempts=row["attempts"],
            reason=row["reason"],
            is_transient=row["is_transient"],
            advice=advice_on_failure(row["cause"], is_transient=row["is_transient"]),
        )
        for row in record.get("failures") or ()
    ]
    return sorted(found, key=lambda item: (not item.is_transient, item.stage, item.item, item.item_id))


def set_aside_items(record: Mapping[str, Any]) -> list[Item]:
    """The items that a run set aside for good, in order of stage and item."""
    found = [
        Item(
            item=row.get("item") or row["row_key"],
            item_id=row["row_key"],
            stage=row["refused_by"],
            cause=row.get("cause"),
            attempts=row.get("attempts"),
            reason=row["reason"],
            is_transient=False,
            advice=advice_on_quarantine(row.get("cause"), refused_by=row["refused_by"]),
        )
        for row in record.get("quarantine") or ()
    ]
    return sorted(found, key=lambda item: (item.stage, item.item, item.item_id))
