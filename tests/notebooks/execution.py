"""Run a notebook in a real kernel, and read what it shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import nbformat
from nbclient import NotebookClient

PROJECT = Path(__file__).parents[2]
NOTEBOOKS = sorted((PROJECT / "notebooks").glob("*.ipynb"))
SAMPLE = PROJECT / "data" / "sample" / "library"


def executed(path: Path, **parameters: Any) -> nbformat.NotebookNode:
    """The notebook after a run of all cells with these ``parameters``, every warning in its own code an error."""
    notebook = nbformat.read(path, as_version=4)
    (cell,) = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    cell.source = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    strict = "import warnings\nwarnings.simplefilter('error')"
    lenient = "warnings.resetwarnings()"  # ipykernel itself warns when it ends
    notebook.cells = [nbformat.v4.new_code_cell(strict), *notebook.cells, nbformat.v4.new_code_cell(lenient)]
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(path.parent)}}).execute()
    return notebook


def outputs(notebook: nbformat.NotebookNode, kind: str) -> list[Any]:
    """What its cells show of one kind, as text/markdown, in order."""
    shown = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])]
    return [data[kind] for data in shown if kind in data]


def charts(notebook: nbformat.NotebookNode) -> list[str]:
    """The words in each chart that was drawn as SVG, title first to last label, as one line a chart."""
    svg = "{http://www.w3.org/2000/svg}"
    drawn = [ElementTree.fromstring(picture) for picture in outputs(notebook, "image/svg+xml")]
    return [" ".join(text.text or "" for text in picture.iter(f"{svg}text")) for picture in drawn]
