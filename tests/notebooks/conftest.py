"""A kernel for all notebooks of a test run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import nbformat
import pytest

from notebooks.keep_outputs import a_client, executed


@pytest.fixture(scope="session")
def run_notebook() -> Iterator[Callable[..., nbformat.NotebookNode]]:
    """What runs all cells of a notebook, as ``run_notebook(path, DATA=...)``, in a kernel that has nothing of before.

    The kernel stays open between two runs: most of the seconds of the first are its start and the imports.
    """
    client = a_client()
    yield partial(executed, client=client)
    client.nb = nbformat.v4.new_notebook()
    client.execute()  # closes the kernel
