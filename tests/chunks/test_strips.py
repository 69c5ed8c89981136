"""Strips: blocks that one worker takes in, and strips that join to one."""

from __future__ import annotations

import importlib
import pickle
import threading

import dask
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import label

from mineeco_xr.chunks import Shelf, join_strips

module = importlib.import_module("mineeco_xr.chunks.strips")


class Segments:
    """Joins runs of equal numbers in a row that is cut into blocks: ends of blocks are known."""

    def __init__(self, budget, log):
        self.budget, self.log = budget, log
        self.ends = {}
        self.parts = None

    def enter(self, key, values, fail=False):
        if fail:
            raise ValueError("a block that fails")
        self.log.append((self, key))
        self.ends[key] = np.asarray(values)

    def give(self, number):
        self.parts = self.parts or sorted(self.ends)
        return None if number >= len(self.parts) else (key := self.parts[number], self.ends[key])

    def take(self, part):
        if part is not None:
            self.ends[part[0]] = part[1]

    def weight(self):
        return len(self.ends)

    def answer(self):
        row = np.concatenate([self.ends[key] for key in sorted(self.ends)])
        return sorted(self.ends), label(row)[1]


def make(budget, parameters):
    return Segments(budget, **parameters)


@given(
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=9),
    threads=st.integers(1, 6),
    seed=st.integers(0, 99),
)
def test_one_strip_has_all_blocks_in_the_end(sizes, threads, seed):
    row = np.random.default_rng(seed).integers(0, 2, sum(sizes))
    parts = np.split(row, np.cumsum(sizes)[:-1])
    lazy = {n: (dask.delayed(part) if n % 2 else part,) for n, part in enumerate(parts)}
    log = []
    with dask.config.set(scheduler="threads", num_workers=threads):
        keys, count = join_strips(make, lazy, parameters={"log": log})
    assert keys == list(range(len(sizes)))
    assert count == label(row)[1]
    assert sorted(key for _, key in log) == keys


def test_blocks_that_follow_each_other_come_into_the_same_strip():
    log = []
    with dask.config.set(scheduler="threads", num_workers=3):
        join_strips(make, {n: ([1],) for n in range(7)}, parameters={"log": log})
    strips = {}
    for strip, key in log:
        strips.setdefault(id(strip), []).append(key)
    assert sorted(strips.values()) == [[0, 1], [2, 3], [4, 5, 6]]


@pytest.mark.parametrize("failing", [0, 4, 8])
def test_an_error_in_a_block_is_raised_and_threads_end(failing):
    before = threading.active_count()
    blocks = {n: ([1], n == failing) for n in range(9)}
    with (
        dask.config.set(scheduler="threads", num_workers=3),
        pytest.raises(ValueError, match="a block that fails"),
    ):
        join_strips(make, blocks, parameters={"log": []})
    assert threading.active_count() == before


def half(item):
    return ("frozen", item[: item.size // 2])


def doubled(frozen):
    return np.repeat(frozen[1], 2)


def test_a_shelf_keeps_the_latest_in_memory_and_writes_what_is_frozen(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    item = np.arange(1000.0)
    shelf = Shelf(2 * item.nbytes, half, doubled)
    for key in "abc":
        shelf.put(key, item)
    assert all(key in shelf for key in "abc")
    assert "d" not in shelf
    assert list(shelf.held) == ["b", "c"]
    assert shelf.__sizeof__() > 2 * item.nbytes
    assert len(list(tmp_path.rglob("*"))) == 2
    copy = pickle.loads(pickle.dumps(shelf))
    assert len(list(tmp_path.rglob("*"))) == 4
    for one in (shelf, copy):
        np.testing.assert_array_equal(one.take("a"), np.repeat(item[:500], 2))
        assert "a" not in one
        assert one.take("a") is None
        assert one.frozen("b")[0] == "frozen"
        np.testing.assert_array_equal(one.take("b"), item)
        assert one.frozen("b") is None
        np.testing.assert_array_equal(one.take("c"), item)
    shelf.put_frozen("e", half(item))
    shelf.close()
    assert "e" not in shelf
    del one, copy
    assert not list(tmp_path.iterdir())
