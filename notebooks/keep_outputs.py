"""Run the notebooks on the sample and keep what they show: ``python notebooks/keep_outputs.py [NOTEBOOK]...``.

Only the outputs change. Parameters, ids and all else stay as they are, so that what is committed shows the sample and
nothing of whoever ran it.
"""

from __future__ import annotations

import base64
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from PIL import Image

NOTEBOOKS = Path(__file__).resolve().parent
KEPT = {
    "01_where_time_goes.ipynb": "../data/sample/library",
    "02_baseline_and_optimised.ipynb": "../data/sample",
    "03_over_time.ipynb": "../data/sample/library",
    "04_library.ipynb": "../data/sample/library",
}
"""The notebooks, and the sample that each is kept with."""
COLOURS = 64
"""Of a picture that is kept: a chart has a few, and its file is then a tenth as large."""
_BEFORE = "%reset -f\nimport warnings\nwarnings.simplefilter('error')"
_AFTER = "import warnings\nwarnings.resetwarnings()"  # ipykernel itself warns when it ends


def executed(path: Path, client: NotebookClient | None = None, **parameters: Any) -> nbformat.NotebookNode:
    """The notebook after a run of all cells, ``parameters`` set after the cell that is tagged so, as papermill does.

    A warning in its own code is an error.

    Args:
        client: what runs it, with a kernel that stays open for the next one; by default one of its own.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
        ValueError: a chart could not be drawn, which does not stop a cell.
    """
    notebook = nbformat.read(path, as_version=4)
    cells = list(notebook.cells)
    (place,) = [n for n, cell in enumerate(cells, start=1) if "parameters" in cell.metadata.get("tags", [])]
    chosen = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    before, choice, after = (nbformat.v4.new_code_cell(code) for code in (_BEFORE, chosen, _AFTER))
    notebook.cells = [before, *cells[:place], choice, *cells[place:], after]
    runner = client or a_client()
    runner.nb = notebook
    runner.execute(cleanup_kc=client is None)
    notebook.cells = cells
    for cell in cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                raise ValueError(f"{path.name}, {cell.id}: {output.ename}: {output.evalue}")
    return notebook


def a_client() -> NotebookClient:
    """What runs notebooks, in their folder."""
    place = {"metadata": {"path": str(NOTEBOOKS)}}
    return NotebookClient(nbformat.v4.new_notebook(), timeout=120, record_timing=False, resources=place)


def keep(path: Path, sample: str) -> None:
    """Write the outputs that the notebook has on the sample into its file."""
    notebook = nbformat.read(path, as_version=4)
    shown = executed(path, DATA=sample)
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


def main(names: Sequence[str]) -> None:
    """Keep the outputs of the notebooks called ``names``, of all by default."""
    for name in names or KEPT:
        keep(NOTEBOOKS / name, KEPT[name])


if __name__ == "__main__":
    main(sys.argv[1:])
