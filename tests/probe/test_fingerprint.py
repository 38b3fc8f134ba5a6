"""The fingerprint of a file: what it reads, and what it tells apart."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable
from typing import Any

import pytest

from tasks.probe.fingerprint import fingerprint

BLOCK = 8 * 1024
"""Read in each of three places."""


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def read_of(content: bytes, *, asked: list[tuple[int, int]] | None = None, most: int = 10**9) -> Callable[..., bytes]:
    def read(size: int, offset: int) -> bytes:
        if asked is not None:
            asked.append((size, offset))
        return content[offset : offset + min(size, most)]

    return read


def print_of(content: bytes, **options: Any) -> str:
    return fingerprint(read_of(content, **options), len(content))


def test_a_small_file_is_read_whole_and_at_once():
    """
    One read up to three blocks of 8 KiB.
    """
    for size in (1, 100, BLOCK, 3 * BLOCK):
        asked: list[tuple[int, int]] = []
        print_of(noise(size), asked=asked)

        assert [(size, 0)] == asked


def test_a_large_file_costs_three_short_reads():
    """
    Beginning, middle and end, also of a film of 50 GB.
    """
    asked: list[tuple[int, int]] = []

    fingerprint(lambda size, offset: asked.append((size, offset)) or bytes(size), 50 * 10**9)

    middle = (50 * 10**9 - BLOCK) // 2
    assert [(BLOCK, 0), (BLOCK, middle), (BLOCK, 50 * 10**9 - BLOCK)] == asked


def test_ten_thousand_tiny_files_cost_ten_thousand_reads():
    """
    Every read is a round trip on a network share.
    """
    asked: list[tuple[int, int]] = []

    prints = {print_of(f"film {number}".encode(), asked=asked) for number in range(10_000)}

    assert (10_000, 10_000) == (len(asked), len(prints))


def test_it_is_a_letter_and_blake2b_of_size_and_blocks():
    """
    As another program computes it from the same bytes.
    """
    small, large = noise(1_000), noise(100_000)
    middle = (100_000 - BLOCK) // 2
    blocks = large[:BLOCK] + large[middle : middle + BLOCK] + large[-BLOCK:]

    assert "a" + hashlib.blake2b(b"1000:" + small, digest_size=16).hexdigest() == print_of(small)
    assert "a" + hashlib.blake2b(b"100000:" + blocks, digest_size=16).hexdigest() == print_of(large)


@pytest.mark.parametrize("at", [0, BLOCK - 1, 50_000, 100_000 - BLOCK, 99_999])
def test_a_change_where_it_looks_is_seen(at):
    """
    One bit in the first, middle or last block makes another file of it.
    """
    content = noise(100_000)
    changed = bytearray(content)
    changed[at] ^= 1

    assert print_of(content) != print_of(bytes(changed))


def test_files_of_another_size_are_others():
    """
    Also where all that is read is the same: nothing but zeros.
    """
    sizes = [1, 2, 3 * BLOCK, 3 * BLOCK + 1, 10**6, 10**6 + 1]

    assert len(sizes) == len({print_of(bytes(size)) for size in sizes})


def test_an_answer_in_pieces_is_put_together():
    """
    A network share may give fewer bytes than were asked for.
    """
    for size in (10_000, 100_000):
        assert print_of(noise(size)) == print_of(noise(size), most=1_000)


def test_a_file_that_has_become_shorter_ends_the_reading():
    """
    Its bytes are there no more: the fingerprint is another one, and nothing waits for them.
    """
    content = noise(100_000)

    assert print_of(content) != fingerprint(read_of(content[:60_000]), 100_000)


def test_the_words_of_the_system_come_through():
    """
    A disk that does not answer is for the caller to name.
    """

    def read(*_: int) -> bytes:
        raise OSError(5, os.strerror(5))

    with pytest.raises(OSError, match="Input/output error"):
        fingerprint(read, 100_000)
