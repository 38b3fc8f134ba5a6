"""What a benchmark was run on is told as the disk and git tell it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tasks.lab.inputs import commit, commit_of_all


def git(folder: Path, *arguments: str) -> str:
    ours = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
    done = subprocess.run(
        ["git", "-C", str(folder), *who, *arguments], env=os.environ | ours, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A checkout with a module in each of two folders, and something that is ignored."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    git(tmp_path, "init", "--quiet")
    for name in ("flows/lab.py", "tasks/lab/inputs.py", "README.md"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n")
    (tmp_path / ".gitignore").write_text("ignored*\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "all")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "differs"),
    [
        (None, ""),
        ("flows/lab.py", "+"),
        ("README.md", "+"),
        ("flows/new.py", "+"),
        ("tasks/lab/new.py", "+"),
        ("tasks/lab/ignored.py", "+"),
        ("notes.txt", ""),
        ("tasks/notes.txt", ""),
        ("other/new.py", ""),
    ],
)
def test_files_that_differ_are_told(checkout, name, differs):
    """
    A file that was changed, and a module that no commit knows, as long as it could be imported; other new files not.
    """
    if name is not None:
        path = checkout / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x = 2\n")

    assert git(checkout, "rev-parse", "HEAD") + differs == commit(checkout)


def test_outside_of_a_checkout_there_is_none(tmp_path):
    """
    As where the program was installed.
    """
    assert commit(tmp_path) is None


@pytest.mark.parametrize(
    ("first", "last", "both"),
    [
        ("a", "a", "a"),
        ("a", "b", "a+"),
        ("a", "a+", "a+"),
        ("a+", "a", "a+"),
        ("a+", "b", "a+"),
        ("a+", "a+", "a+"),
        ("a", None, "a+"),
        (None, None, None),
        (None, "a", None),
    ],
)
def test_a_checkout_that_changed_meanwhile_is_told(first, last, both):
    """
    The first commit, marked as one from which files differed, unless both times it was the same one.
    """
    assert both == commit_of_all(first, last)
