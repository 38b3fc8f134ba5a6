"""The report of a run: its record, the warehouse and the timings come in; facts, text and Markdown come out."""

from __future__ import annotations

from tasks.report.facts import RunFacts, facts
from tasks.report.markdown import as_markdown
from tasks.report.text import as_text

__all__ = ["RunFacts", "as_markdown", "as_text", "facts"]
