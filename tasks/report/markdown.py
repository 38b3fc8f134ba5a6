"""The report as Markdown, for a Prefect artifact or a page."""

from __future__ import annotations

import re

from tasks.report.facts import RunFacts
from tasks.report.sections import Grid, headline, sections

_SPECIAL = re.compile(r"[\\`*_\[\]<>|~&$@]|:(?=//)|(?<=www)\.|^[#+=-]|(?<=^\d)[.)]")
"""What may begin markup, HTML, an entity, a formula, a mention, or a link that GitHub makes of a bare address."""


def as_markdown(facts: RunFacts) -> str:
    """The report in GitHub's Markdown; no name can become markup, a link or HTML."""
    blocks = [f"## {_escaped(headline(facts)[0])}"]
    for section in sections(facts):
        blocks.append(f"### {_escaped(section.title)}")
        if section.grid:
            blocks.append(_table(section.grid))
        if section.lines:
            blocks.append("\n".join(f"- {_escaped(line)}" for line in section.lines))
        for language, code in (("sh", section.command), ("sql", section.query)):
            if code:
                fence = "`" * (2 + max(1, *(len(run) for run in re.findall("`*", code))))  # longer than any inside
                blocks.append(f"{fence}{language}\n{code}\n{fence}")
    return "\n\n".join(blocks) + "\n"


def _table(grid: Grid) -> str:
    rule = ["---:" if head in grid.numbers else "---" for head in grid.head]
    rows = [[_escaped(cell) for cell in row] for row in (grid.head, *grid.rows, *([grid.total] if grid.total else []))]
    lines = [rows[0], rule, *rows[1:]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escaped(text: str) -> str:
    """``text`` so that Markdown shows it as it is (CommonMark 0.31, section 2.4)."""
    return _SPECIAL.sub(r"\\\g<0>", text)
