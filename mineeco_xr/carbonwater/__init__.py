"""Carbon and water: spectral indices and water-use efficiency."""

from mineeco_xr.carbonwater.aggregate import aggregate_to
from mineeco_xr.carbonwater.clouds import mask_qa
from mineeco_xr.carbonwater.composite import composite
from mineeco_xr.carbonwater.deformation import displacement_series
from mineeco_xr.carbonwater.displacement_rate import annual_displacement, linear_rate
from mineeco_xr.carbonwater.disturbance import disturbance
from mineeco_xr.carbonwater.dominant_driver import dominant_driver
from mineeco_xr.carbonwater.downscale import apply_downscale, downscale
from mineeco_xr.carbonwater.downscale_fit import fit_downscale
from mineeco_xr.carbonwater.downscale_model import DownscaleModel
from mineeco_xr.carbonwater.drivers import drivers
from mineeco_xr.carbonwater.indices import available_indices, indices
from mineeco_xr.carbonwater.interferograms import stack_pairs
from mineeco_xr.carbonwater.landsat import scale_landsat
from mineeco_xr.carbonwater.line_of_sight import los_to_vertical, phase_to_displacement
from mineeco_xr.carbonwater.los_decomposition import decompose_los
from mineeco_xr.carbonwater.mass_error import mass_error
from mineeco_xr.carbonwater.recovery import recovery
from mineeco_xr.carbonwater.temperature import brightness_temperature
from mineeco_xr.carbonwater.tvdi import tvdi
from mineeco_xr.carbonwater.tvdi_edges import tvdi_edges
from mineeco_xr.carbonwater.wue import wue, wue_zonal
from mineeco_xr.carbonwater.wue_spread import wue_spread

__all__ = [
    "DownscaleModel",
    "aggregate_to",
    "annual_displacement",
    "apply_downscale",
    "available_indices",
    "brightness_temperature",
    "composite",
    "decompose_los",
    "displacement_series",
    "disturbance",
    "dominant_driver",
    "downscale",
    "drivers",
    "fit_downscale",
    "indices",
    "linear_rate",
    "los_to_vertical",
    "mask_qa",
    "mass_error",
    "phase_to_displacement",
    "recovery",
    "scale_landsat",
    "stack_pairs",
    "tvdi",
    "tvdi_edges",
    "wue",
    "wue_spread",
    "wue_zonal",
]
