"""The report as Markdown, for a Prefect artifact or a page."""

from __future__ import annotations

import re
from urllib.parse import quote

from tasks.report.facts import RunFacts
from tasks.report.sections import Grid, headline, sections

_SPECIAL = re.compile(r"[\\`*_\[\]<>|~&$@]|:(?=//)|(?<=www)\.|^[#+=-]|(?<=^\d)[.)]")
"""What may begin markup, HTML, an entity, a formula, a mention, or a link that GitHub makes of a bare address."""

_SPECIAL_IN_CELLS = re.compile(
    r"""\\(?=[!-/:-@[-`{-~]|$)        # a backslash that would escape something
    | [`*~] | (?<![^\W_])_ | _(?![^\W_])   # code, emphasis; an underscore inside a word is none
    | <(?=[A-Za-z/!?]) | &(?=\#?\w+;)     # HTML, an entity
    | (?<=])[(\[:] | :(?=//) | (?<=www)\. # a link
    | ^[#+=>-] | (?<=^\d)[.)](?=\s|$) | (?<=^\d\d)[.)](?=\s|$) | (?<=^\d{3})[.)](?=\s|$) | (?<=^\d{4})[.)](?=\s|$)
    """,
    re.VERBOSE,
)
_IN_ADDRESSES = "%:/?#=&+,;@!$~-._"
"""What stays as it is in an address, besides letters and digits; all that could end or begin markup does not."""


def as_markdown(facts: RunFacts) -> str:
    """The report in GitHub's Markdown; no name can become markup, a link or HTML."""
    blocks = [f"## {escaped(headline(facts)[0])}"]
    for section in sections(facts):
        blocks.append(f"### {escaped(section.title)}")
        if section.grid:
            blocks.append(_table(section.grid))
        if section.lines:
            blocks.append("\n".join(f"- {escaped(line)}" for line in section.lines))
        if section.links:
            blocks.append("\n".join(f"- {_link(text, address)}" for text, address in section.links))
        for language, code in (("sh", section.command), ("sql", section.query)):
            if code:
                fence = "`" * (2 + max(1, *(len(run) for run in re.findall("`*", code))))  # longer than any inside
                blocks.append(f"{fence}{language}\n{code}\n{fence}")
    return "\n\n".join(blocks) + "\n"


def _table(grid: Grid) -> str:
    rule = ["---:" if head in grid.numbers else "---" for head in grid.head]
    rows = [[escaped(cell) for cell in row] for row in (grid.head, *grid.rows, *([grid.total] if grid.total else []))]
    lines = [rows[0], rule, *rows[1:]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _link(text: str, address: str | None) -> str:
    """A link; without an address, or with one that is not of the web, the text alone."""
    if address is None or not address.startswith(("https://", "http://")):
        return escaped(text)
    target = f"(<{quote(address, safe=_IN_ADDRESSES)}>)"
    # Prefect's UI shows the escapes where they stand inside of a link.
    return f"[{text}]{target}" if escaped(text) == text else f"{escaped(text)} ([page]{target})"


def escaped(text: str) -> str:
    """``text`` so that Markdown shows it as it is (CommonMark 0.31, section 2.4)."""
    return _SPECIAL.sub(r"\\\g<0>", text)


def escaped_in_cell(text: str) -> str:
    """``text`` for a cell of a table artifact, with as few escapes as keep it from being markup.

    One of Prefect's two UIs reads cells as Markdown, the other shows them as they are, with the escapes: in most names
    of files there should be none.

    >>> print(escaped_in_cell("The_Salt_Ferry (2001) [1080p].mkv"), escaped_in_cell("[a](http://b) <b>"))
    The_Salt_Ferry (2001) [1080p].mkv [a]\\(http\\://b) \\<b>
    """
    return _SPECIAL_IN_CELLS.sub(r"\\\g<0>", text)
