"""The folder of a run: where each kind of output goes, and the record of the run."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from mineeco_xr.cube.provenance import library_version

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd


def write_geopackage(frame: gpd.GeoDataFrame, path: Path) -> None:
    """Write vectors as a GeoPackage with one layer, named as the file; an older one goes first."""
    path.unlink(missing_ok=True)
    frame.to_file(path, driver="GPKG", layer=path.stem)


@dataclass
class RunFolder:
    """Outputs of a run below one folder.

    Parameters
    ----------
    root : Path
        The folder; made when absent.
    say : callable
        Takes a line for the terminal.
    """

    root: Path
    say: Callable[[str], None]
    seconds: dict[str, float] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)

    @property
    def cube(self) -> Path:
        """The Zarr store of the results."""
        return self.root / "cube.zarr"

    @property
    def layers(self) -> Path:
        """The Zarr store of the yearly layers that explain a coarse product."""
        return self.root / "layers.zarr"

    @property
    def sharp(self) -> Path:
        """The Zarr store of what was downscaled, with its flags."""
        return self.root / "downscaled.zarr"

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Say and time a step."""
        self.say(text)
        begin = time.perf_counter()
        yield
        self.seconds[text] = round(time.perf_counter() - begin, 3)

    def _place(self, kind: str, name: str) -> Path:
        path = self.root / kind / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self.files.append(str(path.relative_to(self.root)))
        return path

    def table(self, frame: pd.DataFrame, name: str) -> pd.DataFrame:
        """Write a table as CSV with units in its headings, and hand it on."""
        units = frame.attrs.get("units", {})
        headed = frame.rename(
            columns={c: f"{c} ({units[c]})" for c in frame.columns if units.get(c, "1") != "1"}
        )
        headed.to_csv(self._place("tables", f"{name}.csv"), index=False, float_format="%.9g")
        return frame

    def figure(self, figure: Any, name: str) -> Any:
        """Write a figure as PNG, and hand it on."""
        from mineeco_xr.report import save_figure

        save_figure(figure, self._place("figures", f"{name}.png"))
        return figure

    def map(self, data: xr.DataArray, name: str) -> None:
        """Write a raster as a Cloud-Optimised GeoTIFF."""
        from mineeco_xr.report import write_cog

        write_cog(data, self._place("maps", f"{name}.tif"))

    def vectors(self, frame: gpd.GeoDataFrame, name: str) -> None:
        """Write vectors as a GeoPackage."""
        path = self._place("vectors", f"{name}.gpkg")
        write_geopackage(frame, path)

    def summary(self) -> list[str]:
        """Return a few lines about the run: outputs, the slowest step, what to know."""
        kinds = Counter(name.split("/")[0] for name in dict.fromkeys(self.files) if "/" in name)
        counted = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        slowest = max(self.seconds, key=lambda step: self.seconds[step])
        stores = [p.name for p in (self.layers, self.sharp, self.cube) if p.exists()]
        lines = [
            f"Written: {', '.join(stores)}, {counted}, report.html, run.json",
            f"Slowest step: {slowest.lower()}, {self.seconds[slowest]:.1f} s",
        ]
        return [*lines, *(f"Note: {note}" for note in self.notes)]

    def record(self, configuration: dict[str, Any], notes: list[str]) -> None:
        """Write ``run.json``: what was run, with what, how long it took, what came out."""
        self.notes = notes
        content = {
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "mineeco_xr": library_version(),
            "configuration": configuration,
            "seconds": self.seconds,
            "notes": notes,
            "files": sorted(self.files),
        }
        pending = self.root / "run.json.pending"
        pending.write_text(json.dumps(content, indent=2, default=str) + "\n")
        os.replace(pending, self.root / "run.json")
