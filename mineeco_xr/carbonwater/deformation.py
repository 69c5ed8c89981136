"""Cumulative displacement at dates, from displacements between pairs of dates."""

from __future__ import annotations

import numpy as np
import xarray as xr

from mineeco_xr.carbonwater.interferograms import (
    Network,
    gradient_within,
    network_of,
    reference_offsets,
    trusted,
)
from mineeco_xr.carbonwater.line_of_sight import require_wavelength
from mineeco_xr.chunks import Reduced, pointwise
from mineeco_xr.cube.grid import geobox_of, require_same_grid
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.cube.units import unit_factor, units_of
from mineeco_xr.errors import ParameterError, SchemaError, UnitError

MIN_COHERENCE = 0.3
INCOMPLETE = ("nodata", "minimum_norm")
STATUS = ("no_pairs", "disconnected", "minimum_norm", "complete")


def displacement_series(
    pairs: xr.DataArray,
    *,
    coherence: xr.DataArray | None = None,
    min_coherence: float = MIN_COHERENCE,
    mask: xr.DataArray | None = None,
    wavelength: float | None = None,
    reference_point: tuple[float, float] | None = None,
    reference_size: int = 3,
    incomplete: str = "nodata",
) -> xr.Dataset:
    """Turn displacements between pairs of dates into one series of displacement a pixel.

    Parameters
    ----------
    pairs : xarray.DataArray
        Displacement of each pair from its reference to its secondary date, mm or another length:
        dims ``(pair, y, x)``, coordinates ``reference`` and ``secondary`` along ``pair``, as
        :func:`mineeco_xr.stack_pairs` makes them. NaN is nodata.
    coherence : xarray.DataArray, optional
        Of the same pairs, 0 to 1; a pixel of a pair below ``min_coherence`` is left out.
    min_coherence : float
        Default 0.3; 0.2 to 0.4 are usual.
    mask : xarray.DataArray, optional
        True (not zero) where nothing is to be believed, such as ponded water; with or without
        ``pair``.
    wavelength : float, optional
        Metres; leaves out a pixel of a pair that differs from one of its four neighbours by a
        quarter of the wavelength or more, half a fringe, beyond which unwrapping is ambiguous.
    reference_point : tuple of float, optional
        ``x, y`` of stable ground, in the grid's coordinates: the median of the trusted pixels
        around it is taken off each pair. Default none: the pairs are referenced already.
    reference_size : int
        Cells a side of that neighbourhood, odd. Default 3.
    incomplete : {"nodata", "minimum_norm"}
        What becomes of a pixel whose pairs do not connect all dates: nodata; or the solution with
        the least velocities (Berardino et al. 2002), which bridges gaps smoothly, and is a guess
        there.

    Returns
    -------
    xarray.Dataset
        ``displacement`` (mm, dims ``(time, y, x)``: cumulative since the first date, where it is 0;
        float32 for float32 pairs), ``closure`` (mm, root mean square of what the pairs leave over),
        ``rank`` (of the pixel's network; one less than the dates when complete), ``pairs`` (used)
        and ``status`` (0 no pairs, 1 disconnected, 2 minimum norm, 3 complete). Lazy when an input
        is.

    Raises
    ------
    SchemaError
        If dates are missing, reversed or repeated, the coherence is of other pairs, or the pairs do
        not connect all dates (unless ``incomplete`` is ``"minimum_norm"``), naming them.
    UnitError
        If the pairs are no lengths, such as phase in radians.
    GridMismatch
        If layers are not on one grid, or the reference point lies outside it.
    ParameterError
        If a parameter is out of its range.
    DataError
        When it is computed: if a pair has no trusted pixel at the reference point.

    Notes
    -----
    With ``s_k`` the displacement at date ``k``, each pair says ``s_j - s_i = d``; the pixel's own
    pairs are solved by least squares, all with equal weight. A plain chain of pairs gives their
    cumulative sum, and a closure of 0, since nothing is over. The rank is counted on the network.
    Numbers equal those of a pseudo-inverse to 1e-9 mm.

    Pointwise, with ``pair`` whole: bit-identical for any chunking. The gradient test crosses chunks
    by a halo of one cell, the reference by a reduction of its window.

    References
    ----------
    Berardino, P. et al. (2002). A new algorithm for surface deformation monitoring based on small
    baseline differential SAR interferograms. IEEE TGRS 40, 2375-2383.

    Examples
    --------
    >>> import numpy as np
    >>> from mineeco_xr.testing import with_grid
    >>> from mineeco_xr.carbonwater import stack_pairs
    >>> layers = [with_grid(np.array([[d]]), units="mm") for d in (-5.0, -7.0, -13.0)]
    >>> dates = [("2018-01-06", "2018-01-18"), ("2018-01-18", "2018-01-30"),
    ...          ("2018-01-06", "2018-01-30")]
    >>> found = displacement_series(stack_pairs(layers, dates))
    >>> found["displacement"].values.ravel().round(3), found["closure"].item()
    (array([  0.   ,  -5.333, -12.667]), 0.333...)
    """
    if incomplete not in INCOMPLETE:
        raise ParameterError(f"incomplete is {incomplete!r}: choose from {INCOMPLETE}.")
    if not 0 <= min_coherence <= 1:
        raise ParameterError(f"min_coherence is {min_coherence}: give a number from 0 to 1.")
    network = network_of(pairs)
    geobox_of(pairs)
    if incomplete == "nodata":
        _require_connected(network)
    data = as_float(pairs.drop_vars(["reference", "secondary"])).transpose("pair", "y", "x")
    factor = _millimetres(pairs)
    tests: list[tuple[xr.DataArray, float | None]] = []
    if coherence is not None:
        tests.append((_same_pairs(coherence, pairs, "coherence"), float(min_coherence)))
    if mask is not None:
        tests.append((_same_pairs(mask, pairs, "mask"), None))
    if wavelength is not None:
        require_wavelength(wavelength)
        tests.append((gradient_within(data, 250.0 * wavelength / factor), 1.0))
    data = trusted(data, *tests).assign_attrs(pairs.attrs)
    offsets: Reduced | None = None
    if reference_point is not None:
        offsets = reference_offsets(data, network, reference_point, reference_size)
    parts = pointwise(
        _series_block,
        data,
        dtype="float64",
        core_dim="pair",
        outputs=network.epochs.size + 3,
        shared=offsets,
        parameters={
            "network": network,
            "factor": factor,
            "minimum_norm": incomplete == "minimum_norm",
        },
    )
    inputs = {str(pairs.name or "pairs"): pairs}
    inputs |= {} if coherence is None else {"coherence": coherence}
    return finalize(
        _described(parts, network, data, incomplete),
        function="displacement_series",
        parameters={
            "min_coherence": None if coherence is None else min_coherence,
            "mask": None if mask is None else str(mask.name or "mask"),
            "wavelength": wavelength,
            "reference_point": reference_point,
            "reference_size": reference_size,
            "incomplete": incomplete,
        },
        inputs=inputs,
    )


def _require_connected(network: Network) -> None:
    parts = network.parts()
    if len(parts) > 1:
        shown = "; ".join(
            ", ".join(str(date)[:10] for date in part[:3]) + (", ..." if part.size > 3 else "")
            for part in parts[:4]
        )
        raise SchemaError(
            f"the pairs fall into {len(parts)} groups of dates that no pair connects: {shown}. "
            "Bring a pair between them, take one group, or pass incomplete='minimum_norm'."
        )


def _millimetres(pairs: xr.DataArray) -> float:
    name = str(pairs.name or "pairs")
    found = units_of(pairs, expected="mm", name=name)
    try:
        return unit_factor(found, "mm", name=repr(name))
    except UnitError as error:
        raise UnitError(
            f"{error} Displacements are wanted: turn phase into them with phase_to_displacement."
        ) from error


def _same_pairs(layer: xr.DataArray, pairs: xr.DataArray, name: str) -> xr.DataArray:
    """Return a layer that is on the grid and of the same pairs, without coordinates of its own."""
    require_same_grid({str(pairs.name or "pairs"): pairs, name: layer})
    extra = [dim for dim in layer.dims if dim not in ("pair", "y", "x")]
    if extra or (name == "coherence" and "pair" not in layer.dims):
        raise SchemaError(f"{name!r} has dims {layer.dims}: it must have those of the pairs.")
    if "pair" in layer.dims:
        if layer.sizes["pair"] != pairs.sizes["pair"]:
            raise SchemaError(
                f"{name!r} has {layer.sizes['pair']} pairs and the stack {pairs.sizes['pair']}."
            )
        if not {"reference", "secondary"} - set(layer.coords):
            own, expected = network_of(layer), network_of(pairs)
            wrong = [
                pair
                for pair in range(pairs.sizes["pair"])
                if own.label(pair) != expected.label(pair)
            ]
            if wrong:
                raise SchemaError(
                    f"{name!r} holds the pair {own.label(wrong[0])} where the stack holds "
                    f"{expected.label(wrong[0])}: put its pairs in the same order."
                )
    layer = layer if layer.dtype == bool or name == "mask" else as_float(layer)
    dims = [dim for dim in ("pair", "y", "x") if dim in layer.dims]
    coords = {key: pairs.coords[key] for key in ("y", "x")}
    return xr.DataArray(layer.transpose(*dims).data, dims=dims, coords=coords)


def _series_block(
    pairs: np.ndarray,
    *,
    network: Network,
    factor: float,
    minimum_norm: bool,
    shared: np.ndarray | None = None,
) -> np.ndarray:
    from mineeco_xr.kernels.pair_inversion import invert_pairs

    values = pairs.astype("float64")
    if shared is not None:
        values -= shared.reshape(-1, *(1,) * (values.ndim - 1))
    values *= factor
    days = (network.epochs - network.epochs[0]) / np.timedelta64(1, "D")
    return invert_pairs(values, network.first, network.second, days, minimum_norm=minimum_norm)


def _described(
    parts: tuple[xr.DataArray, ...], network: Network, pairs: xr.DataArray, incomplete: str
) -> xr.Dataset:
    count, dtype = network.epochs.size, pairs.dtype
    time = xr.DataArray(network.epochs, dims="time", coords={"time": network.epochs}, name="time")
    displacement = xr.concat(parts[:count], time).astype(dtype)
    rank, used, closure = parts[count:]
    solved = 2 if incomplete == "minimum_norm" else 1
    complete = rank == count - 1
    status = (used > 0) * (complete * (3 - solved) + solved)
    sign = pairs.attrs.get("sign_convention", "that of the pairs")
    found = {
        "displacement": displacement.assign_attrs(
            units="mm",
            long_name="displacement since the first date",
            sign_convention=sign,
        ),
        "closure": closure.astype(dtype).assign_attrs(
            units="mm", long_name="root mean square residual of the pairs"
        ),
        "rank": _counted(rank, "rank of the network of pairs"),
        "pairs": _counted(used, "pairs used"),
        "status": status.astype("uint8").assign_attrs(
            units="1",
            long_name="how the pixel was solved",
            flag_values=np.arange(len(STATUS), dtype="uint8"),
            flag_meanings=" ".join(STATUS),
            _FillValue=np.uint8(255),
        ),
    }
    return xr.Dataset(found)


def _counted(layer: xr.DataArray, text: str) -> xr.DataArray:
    return layer.astype("uint16").assign_attrs(
        units="1", long_name=text, _FillValue=np.uint16(65535)
    )
