"""Run the notebooks that open with content on the sample and keep what they show: ``python notebooks/keep_outputs.py``.

Only the outputs change. Parameters, ids and all else stay as they are, so that what is committed shows the sample and
nothing of whoever ran it.
"""

from __future__ import annotations

import base64
import io
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

NOTEBOOKS = Path(__file__).parent
KEPT = ("03_over_time.ipynb", "04_library.ipynb")
SAMPLE = "../data/sample/library"
BENCHMARKS, SAMPLE_BENCHMARKS = "02_baseline_and_optimised.ipynb", "../data/sample"
COLOURS = 64
"""Of a picture that is kept: a chart has a few, and its file is then a tenth as large."""


def executed(path: Path, parameters: str) -> nbformat.NotebookNode:
    """The notebook after a run of all cells, with ``parameters`` (Python) run after the cell that is tagged so.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    notebook = nbformat.read(path, as_version=4)
    (place,) = [n for n, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", [])]
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(parameters))
    NotebookClient(
        notebook, timeout=120, record_timing=False, resources={"metadata": {"path": str(path.parent)}}
    ).execute()
    del notebook.cells[place + 1]
    return notebook


def keep(path: Path, sample: str = SAMPLE) -> None:
    """Write the outputs that the notebook has on the sample into its file."""
    notebook = nbformat.read(path, as_version=4)
    shown = executed(path, f"DATA = {sample!r}")
    for cell, with_outputs in zip(notebook.cells, shown.cells, strict=True):
        if cell.cell_type == "code":
            cell.outputs = with_outputs.outputs
            for data in (output.data for output in cell.outputs if "image/png" in output.get("data", {})):
                data["image/png"] = _smaller(data["image/png"])
    path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


def _smaller(picture: str) -> str:
    """The same picture with fewer colours; both as base64 of a PNG."""
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(base64.b64decode(picture))) as drawn:
        drawn.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


if __name__ == "__main__":
    for name in KEPT:
        keep(NOTEBOOKS / name)
    keep(NOTEBOOKS / BENCHMARKS, SAMPLE_BENCHMARKS)
