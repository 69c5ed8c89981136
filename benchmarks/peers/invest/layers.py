"""Which of our layers is which of InVEST's, and how much they may differ."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """A layer of both.

    Attributes
    ----------
    ours : str
        Variable of our cube.
    theirs : str
        Raster in InVEST's workspace.
    kind : {"exact", "absolute", "relative"}
        What ``tolerance`` means; relative differences are to the larger of InVEST's value and
        ``FLOOR`` times the layer's largest value.
    tolerance : float
        Largest difference allowed.
    """

    ours: str
    theirs: str
    kind: str = "exact"
    tolerance: float = 0.0


FLOOR = 1e-6
"""Values below this share of the largest come out of cancellation and have no relative accuracy."""
MIDWAY = "intermediate_outputs"
PIXELS = "output/per_pixel"

LAYERS: dict[str, tuple[Layer, ...]] = {
    "habitat": (
        Layer("degradation", "deg_sum_c.tif", "absolute", 1e-6),
        Layer("habitat_quality", "quality_c.tif", "absolute", 1e-6),
        Layer("habitat_rarity", "rarity_c.tif", "absolute", 1e-6),
    ),
    "routing": (
        Layer("filled", f"{MIDWAY}/pit_filled_dem.tif"),
        Layer("slope", f"{MIDWAY}/slope.tif"),
        Layer("direction", f"{MIDWAY}/flow_direction.tif"),
        Layer("accumulation", f"{MIDWAY}/flow_accumulation.tif"),
        Layer("streams", "stream.tif"),
    ),
    "sediment": (
        Layer("streams", "stream.tif"),
        Layer("ls_factor", f"{MIDWAY}/ls.tif", "relative", 1e-5),
        Layer("connectivity_index", f"{MIDWAY}/ic.tif", "absolute", 1e-5),
        Layer("sdr", f"{MIDWAY}/sdr_factor.tif", "relative", 1e-5),
        Layer("rkls", "rkls.tif", "relative", 1e-5),
        Layer("usle", "usle.tif", "relative", 1e-5),
        Layer("sediment_export", "sed_export.tif", "relative", 1e-5),
        Layer("sediment_deposition", "sed_deposition.tif", "relative", 1e-5),
        Layer("avoided_erosion", "avoided_erosion.tif", "relative", 1e-5),
        Layer("avoided_export", "avoided_export.tif", "relative", 1e-5),
    ),
    "water_yield": (
        Layer("pet", "intermediate/pet.tif"),
        Layer("aet_fraction", f"{PIXELS}/fractp.tif"),
        Layer("aet", f"{PIXELS}/aet.tif"),
        Layer("water_yield", f"{PIXELS}/wyield.tif"),
    ),
    "carbon": (
        Layer("carbon_storage", "c_storage_bas.tif"),
        Layer("carbon_storage_future", "c_storage_alt.tif"),
        Layer("carbon_change", "c_change_bas_alt.tif"),
        Layer("carbon_value", "npv_alt.tif"),
    ),
}
"""``routing`` are the steps of sediment that need only elevations, from our public functions."""

MASKED = ("routing", "sediment")
"""Where InVEST has nothing outside the watersheds, and so must we."""


@dataclass(frozen=True)
class Totals:
    """A table of totals of both.

    Attributes
    ----------
    theirs : str
        File in InVEST's workspace.
    key : str
        Column that names the rows, in both.
    columns : dict of str to str
        InVEST's column of each of ours.
    tolerance : float
        Largest relative difference.
    """

    theirs: str
    key: str
    columns: dict[str, str]
    tolerance: float = 1e-6


TOTALS = {
    "sediment": Totals(
        "watershed_results_sdr.shp",
        "ws_id",
        {
            "usle": "usle_tot",
            "sediment_export": "sed_export",
            "sediment_deposition": "sed_dep",
            "avoided_erosion": "avoid_eros",
            "avoided_export": "avoid_exp",
        },
        1e-5,
    ),
    "water_yield": Totals(
        "output/watershed_results_wyield.csv",
        "ws_id",
        {
            "precipitation": "precip_mn",
            "pet": "PET_mn",
            "aet": "AET_mn",
            "water_yield": "wyield_mn",
            "water_yield_volume": "wyield_vol",
            "consumption": "consum_vol",
            "realised_supply": "rsupply_vl",
            "energy": "hp_energy",
            "net_present_value": "hp_val",
        },
    ),
    "carbon": Totals(
        "raster_values_summary.csv",
        "Filename",
        {"total": "Total"},
    ),
}
TOTALS_FILE, CUBE_FILE = "totals.csv", "ours.zarr"
"""What our side writes into its folder."""
