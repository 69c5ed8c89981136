"""Figures of the real landscapes, as PNG."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import xarray as xr

if TYPE_CHECKING:
    from benchmarks.real_services.mud_river import Catchment, Run

mpl.use("Agg")

COVERS = {
    "forest": "#2b6a3f",
    "mine": "#7a1f1f",
    "reclaimed 1-5 yr": "#e0c060",
    "reclaimed > 5 yr": "#9ccc7a",
}
"""In the order of the codes."""
SHOWN = (1985, 2003, 2022)


def _panel(axes: Any, raster: xr.DataArray, title: str, **options: Any) -> Any:
    x, y = raster["x"].values / 1000, raster["y"].values / 1000
    shown = axes.imshow(raster.values, extent=(x[0], x[-1], y[-1], y[0]), **options)
    axes.set_title(title, fontsize=9, loc="left")
    axes.tick_params(labelsize=7)
    return shown


def mud_river(
    catchment: Catchment,
    runs: dict[Run, xr.Dataset],
    basins: pd.DataFrame,
    folder: Path,
) -> None:
    """Write maps before and after mining."""
    import matplotlib.pyplot as plt
    from matplotlib.colors import ListedColormap, LogNorm
    from matplotlib.patches import Patch

    inside = runs["post", 2016]["ls_factor"].notnull()
    box = {}
    for dim, other in (("y", "x"), ("x", "y")):
        cells = np.flatnonzero(inside.any(other))
        box[dim] = slice(cells[0], cells[-1] + 1)
    before, after = (runs[run].isel(box) for run in (("pre", 1984), ("post", 2016)))
    figure, axes = plt.subplots(1, 4, figsize=(14, 4.6), layout="constrained")
    cover = catchment.cover(2016).where(inside).isel(box)
    colours = ListedColormap(list(COVERS.values()))
    _panel(axes[0], cover, "land cover 2016", cmap=colours, vmin=0.5, vmax=4.5)
    patches = [Patch(color=colour, label=name) for name, colour in COVERS.items()]
    axes[0].legend(handles=patches, fontsize=7, loc="lower left", frameon=False)
    scale = LogNorm(0.01, 30)
    for part, found, title in ((axes[1], before, "before"), (axes[2], after, "after")):
        export = found["sediment_export"].clip(0.01)
        shown = _panel(part, export, f"sediment export, {title}", cmap="magma_r", norm=scale)
    figure.colorbar(shown, ax=axes[1:3], label="t ha$^{-1}$ yr$^{-1}$", shrink=0.8)
    frame = catchment.basins.set_index("ws_id").join(basins)
    frame.plot(
        "change",
        ax=axes[3],
        cmap="OrRd",
        legend=True,
        edgecolor="grey",
        linewidth=0.4,
        legend_kwds={"label": "t yr$^{-1}$", "shrink": 0.8},
    )
    axes[3].set_title("change by basin", fontsize=9, loc="left")
    axes[3].set_axis_off()
    figure.savefig(folder / "mud_river_maps.png", dpi=110)
    plt.close(figure)


def overview(folder: Path) -> None:
    """Write the figure of the docs from the yearly tables of both landscapes."""
    import matplotlib.pyplot as plt

    years = pd.read_csv(folder / "mud_river" / "export_by_year.csv", index_col="year")
    figure, (axes, other) = plt.subplots(1, 2, figsize=(9, 2.8), layout="constrained")
    for terrain, label in (("pre", "before"), ("post", "after")):
        axes.plot(years.index, years[f"terrain {terrain}"] / 1000, label=f"terrain {label} mining")
    axes.set(ylabel="sediment export, 1000 t yr$^{-1}$", ylim=(0, 290), title="Mud River")
    right = axes.twinx()
    right.fill_between(years.index, years["active mine km2"], color="grey", alpha=0.25, lw=0)
    right.set(ylabel="active mine, km$^2$ (grey)", ylim=(0, None))
    axes.legend(fontsize=8, loc="upper left")
    years = pd.read_csv(folder / "amapa" / "basin_by_year.csv", index_col="year")
    other.plot(years.index, years["quality"], label="whole basin")
    other.plot(years.index, years["quality near mines"], label="within 10 km of a mine")
    other.set(ylabel="mean habitat quality", title="Amapa")
    right = other.twinx()
    right.fill_between(years.index, years["mining"], color="grey", alpha=0.25, lw=0)
    right.set(ylabel="mines, km$^2$ (grey)", ylim=(0, None))
    other.legend(fontsize=8, loc="lower left")
    figure.savefig(folder / "real_services.png", dpi=90)
    plt.close(figure)


def amapa(cube: xr.Dataset, table: pd.DataFrame, near: np.ndarray, folder: Path) -> None:
    """Write maps of three years around the mines, and the series of quality and carbon."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, len(SHOWN), figsize=(12, 7.6), layout="constrained")
    for column, year in enumerate(SHOWN):
        found = cube.sel(time=str(year)).squeeze("time")
        top = _panel(
            axes[0, column], found["habitat_quality"], f"habitat quality {year}",
            cmap="YlGn", vmin=0, vmax=1,
        )  # fmt: skip
        low = _panel(
            axes[1, column], found["degradation"].where(near), f"degradation near mines {year}",
            cmap="inferno_r", vmin=0, vmax=float(cube["degradation"].max()),
        )  # fmt: skip
    figure.colorbar(top, ax=axes[0], shrink=0.8)
    figure.colorbar(low, ax=axes[1], shrink=0.8)
    figure.savefig(folder / "amapa_maps.png", dpi=100)
    plt.close(figure)

    figure, axes = plt.subplots(1, 3, figsize=(12, 3), layout="constrained")
    for part, names, label in (
        (axes[0], ["quality", "quality near mines"], "mean habitat quality"),
        (axes[1], ["mining", "farming"], "area, km$^2$"),
        (axes[2], ["carbon Mt"], "carbon, Mt"),
    ):
        for name in names:
            part.plot(table.index, table[name], label=name)
        part.set(ylabel=label)
        part.legend(fontsize=8)
    figure.savefig(folder / "amapa_years.png", dpi=100)
    plt.close(figure)
