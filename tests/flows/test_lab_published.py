"""No figure of the lab is published that the lab does not print."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.lab_results import as_markdown
from flows.lab_run import SAMPLE
from flows.lab_table import as_markdown as one_as_markdown
from tasks.lab.store import read_benchmarks

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def printed() -> set[str]:
    """Every row that ``reelhouse benchmark [PRESET] --show --data data/sample`` prints."""
    kept, refused = read_benchmarks(SAMPLE)
    assert [] == refused
    texts = [as_markdown(kept), *(one_as_markdown(one) for one in kept)]
    return {line for text in texts for line in text.splitlines() if line.startswith("|")}


@pytest.mark.parametrize(
    ("document", "begin", "end"),
    [("README.md", "### Old ways beside ours", "\n## "), ("docs/lab.md", "", "")],
)
def test_every_row_of_a_published_table_is_printed_from_the_sample(printed, document, begin, end):
    """
    Word for word: what was measured anew but not published, or published by hand, is found.
    """
    text = (PROJECT / document).read_text(encoding="utf-8")
    section = text[text.index(begin) :]
    section = section[: section.index(end)] if end else section

    rows = [line for line in section.splitlines() if line.startswith("|")]

    assert len(rows) > 20
    assert [] == [row for row in rows if row not in printed]
