"""Zonal statistics: ours and flox on Dask, 1,024 zones, 4000 x 4000."""

from __future__ import annotations

import numpy as np

import mineeco_xr as mx
from benchmarks.measure import best_of, copy_bandwidth, peak_memory, table
from mineeco_xr.testing import with_grid

SIDE, CHUNK = 4000, 1000
OURS = ("count", "mean", "std", "min", "max", "sum", "valid_share", "area")
PEERS = ("count", "nanmean", "nanstd", "nanmin", "nanmax", "nansum")


def main() -> None:
    """Compare on blocky zones."""
    from flox.xarray import xarray_reduce

    rng = np.random.default_rng(0)
    raster = with_grid(rng.normal(10, 3, (SIDE, SIDE)).astype("float32"), name="npp")
    squares = np.add.outer(np.arange(SIDE) // 125 * 32, np.arange(SIDE) // 125) + 1
    ids = np.arange(1, 1025)
    zones = with_grid(squares.astype("int32"), name="zones").assign_attrs(flag_values=ids)
    lazy, lazy_zones = raster.chunk(CHUNK), zones.chunk(CHUNK)

    def ours() -> object:
        return mx.zonal(lazy, lazy_zones, OURS).compute()

    def peer(function: str) -> object:
        return xarray_reduce(lazy, lazy_zones, func=function, expected_groups=ids).compute()

    with peak_memory() as memory:
        mine = best_of(ours)
    their = sum(best_of(lambda f=f: peer(f), 1) for f in PEERS)
    median = best_of(lambda: mx.zonal(lazy, lazy_zones, ["median"]).compute())
    difference = abs(ours()["mean"].values - peer("nanmean").values).max()
    rows = [
        {"what": f"ours, {len(OURS)} statistics (s)", "value": mine},
        {"what": f"flox, {len(PEERS)} statistics one by one (s)", "value": their},
        {"what": "ratio", "value": their / mine},
        {"what": "ours, exact median (s); flox has none across chunks", "value": median},
        {"what": "largest difference of the means", "value": difference},
        {"what": "share of copy bandwidth", "value": SIDE**2 * 8 / mine / copy_bandwidth(2)},
        {"what": "peak (MiB)", "value": memory.total / 2**20},
    ]
    table(f"zonal, {SIDE} x {SIDE} float32, 1,024 zones, chunks of {CHUNK}, threads", rows)


if __name__ == "__main__":
    main()
