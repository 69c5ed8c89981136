"""Names: the classes of land cover, the bands, and the attributes of every layer."""

from __future__ import annotations

from typing import Any

import numpy as np

BANDS = ("blue", "green", "red", "nir", "swir1", "swir2")
CLASSES = {
    1: "cropland",
    2: "forest",
    3: "grassland",
    4: "water",
    5: "built_up",
    6: "bare",
    7: "open_pit",
    8: "dump",
    9: "restored_dump",
}
_REFLECTANCE = "surface_bidirectional_reflectance"
ATTRIBUTES: dict[str, dict[str, Any]] = {
    "elevation": {
        "units": "m",
        "long_name": "elevation before mining",
        "standard_name": "surface_altitude",
    },
    "soil_depth": {"units": "mm", "long_name": "depth of the soil"},
    "clay": {
        "units": "percent",
        "long_name": "clay in the soil",
        "standard_name": "mass_fraction_of_clay_in_soil",
    },
    "sand": {
        "units": "percent",
        "long_name": "sand in the soil",
        "standard_name": "mass_fraction_of_sand_in_soil",
    },
    "plant_available_water": {
        "units": "1",
        "long_name": "plant-available water, share of the soil's volume",
    },
    "land_cover": {
        "long_name": "land cover",
        "_FillValue": np.uint8(0),
        "flag_values": np.array(list(CLASSES), dtype="uint8"),
        "flag_meanings": " ".join(CLASSES.values()),
    },
    **{
        band: {
            "units": "1",
            "long_name": f"{band} reflectance of the growing season",
            "standard_name": _REFLECTANCE,
        }
        for band in BANDS
    },
    "thermal": {
        "units": "K",
        "long_name": "land surface temperature of the growing season",
        "standard_name": "surface_temperature",
    },
    "precipitation": {
        "units": "mm yr-1",
        "long_name": "precipitation of the year",
        "standard_name": "lwe_precipitation_rate",
    },
    "temperature": {
        "units": "degC",
        "long_name": "mean air temperature of the year",
        "standard_name": "air_temperature",
    },
    "reference_evapotranspiration": {
        "units": "mm yr-1",
        "long_name": "reference evapotranspiration of the year",
    },
    "npp": {
        "units": "gC m-2 yr-1",
        "long_name": "net primary production",
        "standard_name": "net_primary_productivity_of_biomass_expressed_as_carbon",
    },
    "et": {
        "units": "mm yr-1",
        "long_name": "evapotranspiration",
        "standard_name": "lwe_water_evaporation_rate",
    },
    "wue": {"units": "gC m-2 mm-1", "long_name": "water-use efficiency, npp over et"},
    "vegetation_cover": {
        "units": "1",
        "long_name": "share of the ground that vegetation covers",
        "standard_name": "vegetation_area_fraction",
    },
    "water": {"units": "1", "long_name": "share of the cell that is water"},
    "disturbance_year": {
        "long_name": "year in which the vegetation was lost to a pit, a dump or a building",
        "_FillValue": np.uint16(0),
    },
    "restoration_year": {
        "long_name": "year in which the dump was planted",
        "_FillValue": np.uint16(0),
    },
}
