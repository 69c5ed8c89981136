"""Rounds: blocks run until nothing crosses their borders."""

from __future__ import annotations

import importlib
import threading
import time

import dask
import numpy as np
import pytest
from scipy.ndimage import binary_propagation

from mineeco_xr.chunks import finish_tiles, rounds, tile_inputs
from mineeco_xr.chunks.progress import count_runs
from mineeco_xr.testing import with_grid

module = importlib.import_module("mineeco_xr.chunks.rounds")


def flood(state, messages, window):
    """Flood the passable cells of a block from its ring; reply with the flooded border."""
    wet = np.zeros(window.shape, bool) if state is None else state
    for cells in messages:
        wet = wet | cells
    full = binary_propagation(wet, mask=(window > 0) | wet)
    full[[0, -1]] = wet[[0, -1]]
    full[:, [0, -1]] = wet[:, [0, -1]]
    return full, full


class Flood:
    """Tells neighbours what is wet along the common border."""

    def __init__(self, passable, side):
        self.lazy = with_grid(passable).chunk(side)
        self.side = side
        self.inputs = tile_inputs(self.lazy, depth=1, fill=0)
        self.wet, self.runs = {}, []

    def route(self, key, window):
        self.runs.append(key)
        self.wet[key] = window
        messages = {}
        for a, b, mine, ring in (
            (-1, 0, np.s_[1, 1:-1], np.s_[-1, 1:-1]),
            (1, 0, np.s_[-2, 1:-1], np.s_[0, 1:-1]),
            (0, -1, np.s_[1:-1, 1], np.s_[1:-1, -1]),
            (0, 1, np.s_[1:-1, -2], np.s_[1:-1, 0]),
        ):
            other = (key[0] + a, key[1] + b)
            if other in self.inputs:
                cells = np.zeros(self.inputs[other][0].compute().shape, bool)
                cells[ring] = window[mine]
                known = self.wet.get(other)
                if known is None or (cells[ring] & ~known[ring]).any():
                    messages[other] = (len(self.runs), cells)
        return {key: item for key, item in messages.items() if item[1].any()}

    def solve(self):
        start = np.zeros(self.inputs[0, 0][0].compute().shape, bool)
        start[1, 1] = True
        rounds(flood, self.inputs, {(0, 0): (0.0, start)}, self.route)
        found = np.zeros(self.lazy.shape, bool)
        for (i, j), window in self.wet.items():
            rows, columns = i * self.side, j * self.side
            inner = window[1:-1, 1:-1]
            found[rows : rows + inner.shape[0], columns : columns + inner.shape[1]] = inner
        return found


def serpentine(side):
    passable = np.ones((side, side), "uint8")
    for number, row in enumerate(range(2, side, 3)):
        passable[row] = 0
        passable[row, -1 if number % 2 == 0 else 0] = 1
    return passable


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("memory", [1, 2**29])
def test_a_winding_way_is_followed_to_its_end(threads, memory, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "RESIDENT_BYTES", memory)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    passable = serpentine(29)
    scheduler = "synchronous" if threads == 1 else "threads"
    with dask.config.set(scheduler=scheduler, num_workers=threads):
        found = Flood(passable, 7).solve()
    expected = binary_propagation(np.eye(1, 29 * 29, dtype=bool).reshape(29, 29), mask=passable > 0)
    assert expected.sum() == passable.sum()
    np.testing.assert_array_equal(found, expected)
    assert not list(tmp_path.iterdir())


def test_blocks_that_nothing_reaches_never_run():
    passable = np.ones((20, 20), "uint8")
    passable[5] = 0
    flood = Flood(passable, 10)
    flood.solve()
    assert {key[0] for key in flood.runs} == {0}


def note(state, messages, delay):
    time.sleep(delay)
    if delay > 0.1:
        raise ValueError("a block that fails")
    return (state or 0) + len(messages), (state or 0) + len(messages)


def test_messages_wait_together_and_the_urgent_run_first():
    order = []

    def route(key, total):
        order.append((key, total))
        return {"c": (1.0, None), "b": (0.5, None)} if key == "a" and total == 1 else {}

    blocks = {"a": (0.0,), "b": (0.0,), "c": (0.0,)}
    rounds(note, blocks, {"a": (0.0, None), "c": (9.0, None)}, route)
    assert order == [("a", 1), ("b", 1), ("c", 2)]


def test_an_error_in_a_block_is_raised_and_threads_end():
    before = threading.active_count()
    with (
        dask.config.set(scheduler="threads", num_workers=2),
        pytest.raises(ValueError, match="a block that fails"),
    ):
        rounds(note, {1: (0.01,), 2: (0.2,)}, {1: (0, None), 2: (0, None)}, lambda *_: {})
    assert threading.active_count() == before


def test_progress_counts_runs(capsys):
    with count_runs("cost distance", show=True) as tell:
        tell(3)
        tell(0)
    assert "cost distance: 2 runs, 0 wait" in capsys.readouterr().err


def double(window, *, answer, place):
    return {
        "twice": 2 * window[1:-1, 1:-1] + answer,
        "row": window[1:-1, 1:-1] * 0 + place.index[0],
    }


def test_tiles_are_finished_by_what_each_was_answered():
    values = np.arange(30.0).reshape(5, 6)
    lazy = with_grid(values).chunk({"y": 3, "x": 4})
    answers = {(i, j): 100 * i + j for i in range(2) for j in range(2)}
    dtypes = {"twice": "float64", "row": "uint8"}
    found = finish_tiles(double, answers, lazy, dtypes=dtypes, depth=1)
    expected = 2 * values + np.add.outer(np.repeat([0, 100], [3, 2]), np.repeat([0, 1], [4, 2]))
    np.testing.assert_array_equal(found["twice"].compute(), expected)
    assert found["row"].dtype == np.uint8
    assert found["row"].compute().values[:, 0].tolist() == [0, 0, 0, 1, 1]
    memory = finish_tiles(double, {(0, 0): 7}, with_grid(values), dtypes=dtypes, depth=1)
    np.testing.assert_array_equal(memory["twice"], 2 * values + 7)
