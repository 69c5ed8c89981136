"""What each departure from InVEST changes, on the synthetic landscape of the comparison.

``python -m benchmarks.conventions --side 1000 --folder FOLDER`` prints the figures of the table in
``docs/services.md``.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import mineeco_xr as mx
from benchmarks.measure import table
from benchmarks.peers.invest.inputs import make_inputs
from benchmarks.peers.invest.parameters import (
    HALF_SATURATION,
    SEASONALITY,
    SEDIMENT,
    THREATS,
    stream_threshold,
)


def _habitat(ds: xr.Dataset, folder: Path, **options: Any) -> xr.Dataset:
    given: dict[str, Any] = {
        "threats": {name: ds[name] for name in THREATS},
        "threat_table": folder / "threats.csv",
        "sensitivity": folder / "sensitivity.csv",
        "half_saturation": HALF_SATURATION,
    }
    return mx.habitat_quality(ds["lulc"], **(given | options)).compute()


def _on_habitat(found: xr.Dataset) -> dict[str, float]:
    degradation, quality = found["degradation"], found["habitat_quality"]
    habitat = quality.where(degradation > 0)
    return {
        "largest D": float(degradation.max()),
        "mean D": float(degradation.mean()),
        "mean Q": float(quality.mean()),
        "mean Q where D > 0": float(habitat.mean()),
    }


def habitat(ds: xr.Dataset, folder: Path) -> None:
    """Print the effects on habitat quality."""
    weak = {name: ds[name] for name in THREATS} | {"mines": (ds["mines"] == 1) * np.float32(0.25)}
    none = {name: ds[name] for name in THREATS} | {"mines": xr.zeros_like(ds["mines"])}
    corner = ds.isel(y=slice(100), x=slice(100))
    bare = {name: xr.zeros_like(corner[name]) for name in THREATS}
    runs = {
        "as it is": _habitat(ds, folder),
        "mines of 0.25": _habitat(ds, folder, threats=weak),
        "mines of 0.25, invest": _habitat(ds, folder, threats=weak, convention="invest"),
        "without mines": _habitat(ds, folder, threats=none),
        "without mines, invest": _habitat(ds, folder, threats=none, convention="invest"),
        "100 x 100 without threats": _habitat(corner, folder, threats=bare),
        "100 x 100 without threats, invest": _habitat(
            corner, folder, threats=bare, convention="invest"
        ),
        **{
            f"{rule}, k {k}": _habitat(ds, folder, rule=rule, half_saturation=k)
            for rule in ("nearest", "accumulate", "convolution", "sum")
            for k in (HALF_SATURATION, "half_max")
        },
    }
    table("habitat", [{"run": name, **_on_habitat(found)} for name, found in runs.items()])


def sediment(ds: xr.Dataset, folder: Path) -> None:
    """Print the effects on sediment."""
    rows = []
    for method in ("mfd", "d8"):
        for name, options in {
            "corrected": {},
            "pixels": {"flow_length": "pixels"},
            "invest": {"convention": "invest"},
        }.items():
            found = mx.sediment(
                ds["dem"],
                ds["lulc"],
                ds["erosivity"],
                ds["erodibility"],
                folder / "sediment.csv",
                threshold=stream_threshold(ds.sizes["x"]),
                method=method,
                borselli_k=SEDIMENT["k_param"],
                borselli_ic0=SEDIMENT["ic_0_param"],
                sdr_max=SEDIMENT["sdr_max"],
                l_max=SEDIMENT["l_max"],
                **options,
            )[["usle", "sdr", "sediment_export", "sediment_deposition", "streams"]].compute()
            land = found["streams"] == 0
            rows.append(
                {
                    "run": f"{method}, {name}",
                    "streams": int((found["streams"] == 1).sum()),
                    "mean SDR": float(found["sdr"].where(land).mean()),
                    "soil loss t": float(found["usle"].sum()) * 0.09,
                    "export t": float(found["sediment_export"].sum()) * 0.09,
                    "deposition t": float(found["sediment_deposition"].sum()) * 0.09,
                }
            )
    table("sediment", rows)


def water(ds: xr.Dataset, folder: Path) -> None:
    """Print what the two curves of evapotranspiration give."""
    rows = []
    for budyko in ("fu", "zhang2001"):
        found = mx.water_yield(
            ds["lulc"],
            ds["precipitation"],
            ds["evapotranspiration"],
            ds["soil_depth"],
            ds["available_water"],
            biophysical=folder / "water.csv",
            seasonality=SEASONALITY,
            budyko=budyko,
        )["water_yield"].compute()
        rows.append({"curve": budyko, "mean mm": float(found.mean()), "sd mm": float(found.std())})
    table("water yield", rows)


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", type=int, default=1000)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = make_inputs(options.folder or Path(temporary), options.side, "plain")
        ds = mx.open_cube(folder / "cube.zarr")
        for part in (habitat, sediment, water):
            part(ds, folder)


if __name__ == "__main__":
    main()
