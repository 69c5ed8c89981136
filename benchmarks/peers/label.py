"""Patches: ours and dask-image on Dask, scikit-image in memory, on a mask of winding patches."""

from __future__ import annotations

import argparse
import time

import numpy as np

import mineeco_xr as mx
from benchmarks.measure import best_of, copy_bandwidth, peak_memory, table
from mineeco_xr.testing import with_grid


def scene(side: int, share: float) -> np.ndarray:
    """Return a smooth random mask of which ``share`` is true."""
    from scipy.ndimage import gaussian_filter

    noise = np.random.default_rng(0).normal(size=(side, side)).astype("float32")
    smooth = gaussian_filter(noise, 3)
    return smooth > np.quantile(smooth[::7, ::7], 1 - share)


def main() -> None:
    """Compare on a mask that is true on a third of the cells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=4000, help="cells a side of the raster")
    parser.add_argument("--chunk", type=int, default=1000, help="cells a side of a chunk")
    options = parser.parse_args()
    side, chunk = options.side, options.chunk
    mask = scene(side, 0.35)
    lazy = with_grid(mask, name="mask").chunk(chunk)
    begin = time.perf_counter()
    built = mx.label(lazy)
    building = time.perf_counter() - begin

    with peak_memory() as memory:
        mine = best_of(built.compute)
    labels = built.compute()
    patches = best_of(lambda: mx.patches(labels.chunk(chunk)), 1)
    rows = [
        {"what": "ours (s)", "value": mine},
        {"what": "ours (ns a cell of wall time)", "value": mine / side**2 * 1e9},
        {"what": "patches found", "value": int(labels.max())},
        {"what": "ours, table of the patches (s)", "value": patches},
        # Two reads of the mask and one write of labels.
        {"what": "share of copy bandwidth", "value": side**2 * 6 / mine / copy_bandwidth(2)},
        {"what": "peak (MiB)", "value": memory.total / 2**20},
        {"what": "tasks", "value": len(built.__dask_graph__())},
        {"what": "building the graph (s)", "value": building},
    ]
    rows += _dask_image(lazy, labels.values, mine) + _scikit_image(mask, labels.values)
    table(f"label, {side} x {side} mask, 8-connected, chunks of {chunk}, threads", rows)


def _dask_image(lazy: object, ours: np.ndarray, mine: float) -> list[dict[str, object]]:
    try:
        from dask_image.ndmeasure import label
    except ImportError:
        return [{"what": "dask-image is not installed", "value": "-"}]

    def peer() -> np.ndarray:
        return label(lazy.data, structure=np.ones((3, 3)))[0].compute()

    their = best_of(peer, 1)
    found = peer()
    pairs = np.unique(np.stack([found.ravel(), ours.ravel()]), axis=1)
    one_to_one = pairs.shape[1] == found.max() + 1 == ours.max() + 1
    return [
        {"what": "dask-image (s)", "value": their},
        {"what": "ratio to dask-image", "value": their / mine},
        {"what": "the same patches, numbered otherwise", "value": str(one_to_one)},
    ]


def _scikit_image(mask: np.ndarray, ours: np.ndarray) -> list[dict[str, object]]:
    try:
        from skimage.measure import label
    except ImportError:
        return [{"what": "scikit-image is not installed", "value": "-"}]
    their = best_of(lambda: label(mask, connectivity=2), 1)
    wrong = np.count_nonzero(label(mask, connectivity=2) != ours)
    return [
        {"what": "scikit-image, in memory, 1 thread (s)", "value": their},
        {"what": "cells that differ from scikit-image", "value": wrong},
    ]


if __name__ == "__main__":
    main()
