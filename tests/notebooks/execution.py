"""Read what a notebook shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import nbformat

from notebooks.keep_outputs import KEPT

PROJECT = Path(__file__).parents[2]
NOTEBOOKS = sorted((PROJECT / "notebooks").glob("*.ipynb"))
WHERE_TIME_GOES, BASELINE_AND_OPTIMISED, OVER_TIME, LIBRARY = (PROJECT / "notebooks" / name for name in KEPT)
SAMPLE = PROJECT / "data" / "sample" / "library"


def outputs(notebook: nbformat.NotebookNode, kind: str) -> list[Any]:
    """What its cells show of one kind, as text/markdown, in order."""
    shown = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])]
    return [data[kind] for data in shown if kind in data]


def words(notebook: nbformat.NotebookNode) -> str:
    """All its sentences and tables, on one line."""
    return " ".join(" ".join(outputs(notebook, "text/markdown")).split())


def code(notebook: nbformat.NotebookNode) -> str:
    """The code of all its cells."""
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")


def charts(notebook: nbformat.NotebookNode) -> list[str]:
    """The words in each chart that was drawn as SVG, title first to last label, as one line a chart."""
    svg = "{http://www.w3.org/2000/svg}"
    drawn = [ElementTree.fromstring(picture) for picture in outputs(notebook, "image/svg+xml")]
    return [" ".join(text.text or "" for text in picture.iter(f"{svg}text")) for picture in drawn]


def kept(path: Path) -> nbformat.NotebookNode:
    """The notebook with the outputs that it is kept with."""
    return nbformat.read(path, as_version=4)
