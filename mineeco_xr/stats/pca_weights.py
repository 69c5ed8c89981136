"""Weights of layers from the principal components of their correlation matrix."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from mineeco_xr.chunks import Reduced, reduce_blocks
from mineeco_xr.cube.grid import layer_of, require_same_grid
from mineeco_xr.cube.nodata import as_float
from mineeco_xr.cube.provenance import finalize
from mineeco_xr.errors import ParameterError, SchemaError

VARIANTS = ("absolute", "signed", "communality")
CANCELLED = 1e-9
"""A sum below this share of the sum of magnitudes is 0 but for rounding."""
SLAB = 1 << 16
"""Cells taken together, so that a block is never copied whole."""
FIELDS = {
    "weight": (("layer",), "weight of each layer"),
    "eigenvalue": (("component",), "eigenvalues of the correlation matrix"),
    "explained": (("component",), "share of the variance of each component"),
    "retained": (("component",), "whether the component was kept"),
    "loading": (("layer", "component"), "correlation of layer and component"),
    "communality": (("layer",), "share of each layer's variance in the kept components"),
    "correlation": (("layer", "other"), "correlation of layers"),
    "kmo": ((), "Kaiser-Meyer-Olkin measure of sampling adequacy"),
    "bartlett_chi2": ((), "Bartlett's test of sphericity, chi square"),
    "bartlett_df": ((), "Bartlett's test of sphericity, degrees of freedom"),
    "bartlett_p": ((), "Bartlett's test of sphericity, p"),
    "n": ((), "cells in which all layers are valid"),
}


def pca_weights(
    ds: xr.Dataset, *, retain: str | float = "kaiser", variant: str = "absolute"
) -> xr.Dataset:
    """Weight the layers of a cube by principal component analysis, as is usual with SPSS.

    Parameters
    ----------
    ds : xarray.Dataset
        At least two numeric variables with ``y`` and ``x``, of the same dims on one grid; others,
        such as scalars, are not looked at. A cell in which any layer is nodata is left out; all
        dates count together. Units do not matter: the layers are standardised.
    retain : "kaiser" or float
        Which components are kept: those with an eigenvalue above 1, or as many as it takes to
        explain this share of the variance, such as 0.85. At least one.
    variant : {"absolute", "signed", "communality"}
        What the score of a layer is: the sum over the kept components of ``|v_ik| l_k``, of
        ``v_ik l_k``, each divided by the sum of ``l_k``; or its communality, ``sum_k a_ik^2``.

    Returns
    -------
    xarray.Dataset
        Float64: ``weight`` (dim ``layer``; scores divided by their sum), ``eigenvalue``,
        ``explained`` and ``retained`` (dim ``component``), ``loading`` (layer, component),
        ``communality``, ``correlation`` (layer, other), ``kmo``, ``bartlett_chi2``,
        ``bartlett_df``, ``bartlett_p`` and ``n``. Lazy when the layers are.

    Raises
    ------
    GridMismatch
        If the layers are not on one grid.
    SchemaError
        If there are fewer than two layers, or their dims differ.
    ParameterError
        If ``retain`` or ``variant`` is out of range; when computed, if a layer is constant, fewer
        than three cells are valid in all layers, or signed scores cancel.

    Notes
    -----
    With eigenvalues ``l_k`` and eigenvectors ``v_k`` of the correlation matrix, a loading is
    ``a_ik = v_ik sqrt(l_k)``; signs are such that the loadings of a component sum to a positive
    number, or, where they cancel, so that the first of the largest is positive. A signed score can
    be negative: such layers run against the others, and are better reversed first
    (``normalise(direction="negative")``). ``KMO = sum r^2 / (sum r^2 + sum q^2)``
    off the diagonal, with partial correlations ``q``; Bartlett's chi square is
    ``-(n - 1 - (2 p + 5) / 6) ln det R`` with ``p (p - 1) / 2`` degrees of freedom. Where a layer
    is a combination of others, KMO is NaN and chi square infinite. Crosses chunks by a reduction
    to means and co-moments (Chan, Golub and LeVeque 1983), one pass: equal to 1e-12 for any
    chunking.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from mineeco_xr.testing import with_grid
    >>> rng = np.random.default_rng(0)
    >>> common = rng.normal(size=(40, 40))
    >>> services = xr.Dataset({
    ...     name: with_grid(common * share + rng.normal(size=(40, 40)))
    ...     for name, share in [("habitat", 2.0), ("soil", 1.0), ("water", 1.0)]
    ... })
    >>> pca_weights(services)["weight"].to_series().round(2).to_dict()
    {'habitat': 0.35, 'soil': 0.32, 'water': 0.33}
    """
    if variant not in VARIANTS:
        raise ParameterError(f"variant {variant!r} is unknown: choose from {VARIANTS}.")
    if isinstance(retain, str):
        known = retain == "kaiser"
    else:
        number = isinstance(retain, int | float | np.integer | np.floating)
        known = number and not isinstance(retain, bool) and 0 < retain <= 1
    if not known:
        raise ParameterError(f"retain is {retain!r}: give 'kaiser' or a share above 0, up to 1.")
    layers = _layers(ds)
    reduced = reduce_blocks(
        _partial_comoments,
        _merge_comoments,
        *layers.values(),
        finish=partial(_analysed, names=tuple(layers), retain=retain, variant=variant),
    )
    result = _as_dataset(reduced, list(layers))
    if all(layer.chunks is None for layer in layers.values()):
        result = result.compute()
    return finalize(
        result,
        function="pca_weights",
        parameters={"retain": retain, "variant": variant},
        inputs={name: ds[name] for name in layers},
    )


def _layers(ds: xr.Dataset) -> dict[str, xr.DataArray]:
    found = {
        str(name): layer_of(ds, str(name))
        for name, layer in ds.data_vars.items()
        if {"y", "x"} <= set(layer.dims) and layer.dtype.kind in "fiu"
    }
    if len(found) < 2:
        raise SchemaError(
            f"the cube has {len(found)} numeric layers with y and x, {list(found)}: weights need "
            "at least two."
        )
    require_same_grid(found)
    dims = next(iter(found.values())).dims
    ordered = [dim for dim in dims if dim not in ("y", "x")] + ["y", "x"]
    for name, layer in found.items():
        if set(layer.dims) != set(dims):
            raise SchemaError(
                f"{name!r} has dims {layer.dims} where {dims} were expected: select a date, or "
                "choose the layers with ds[[...]]."
            )
    return {
        name: as_float(layer).transpose(*ordered).drop_vars("spatial_ref", errors="ignore")
        for name, layer in found.items()
    }


Comoments = tuple[int, np.ndarray, np.ndarray]


def _partial_comoments(*blocks: np.ndarray, shared: None) -> Comoments:
    rows = [block.reshape(-1) for block in blocks]
    found: Comoments = (0, np.zeros(len(rows)), np.zeros((len(rows), len(rows))))
    for start in range(0, rows[0].size, SLAB):
        slab = np.stack([row[start : start + SLAB] for row in rows]).astype("float64")
        slab = slab[:, np.isfinite(slab).all(axis=0)]
        if slab.shape[1]:
            mean = slab.mean(axis=1)
            apart = slab - mean[:, None]
            found = _together(found, (slab.shape[1], mean, apart @ apart.T))
    return found


def _merge_comoments(parts: list[Comoments]) -> Comoments:
    merged = parts[0]
    for part in parts[1:]:
        merged = _together(merged, part)
    return merged


def _together(left: Comoments, right: Comoments) -> Comoments:
    count = left[0] + right[0]
    if count == 0:
        return left
    apart = right[1] - left[1]
    mean = left[1] + apart * (right[0] / count)
    between = np.outer(apart, apart) * (left[0] * (right[0] / count))
    return count, mean, left[2] + right[2] + between


def _analysed(
    merged: Comoments,
    shared: None,
    *,
    names: tuple[str, ...],
    retain: str | float,
    variant: str,
) -> dict[str, np.ndarray]:
    count, mean, comoment = merged
    if count < 3:
        raise ParameterError(
            f"only {count} cells are valid in all of {list(names)}: a correlation needs 3."
        )
    spread = np.sqrt(np.diag(comoment))
    # A constant layer may seem to spread by rounding, which is below this share of its values.
    still = spread <= 1e-14 * np.sqrt(count) * np.abs(mean)
    if still.any():
        constant = [name for name, fixed in zip(names, still, strict=True) if fixed]
        raise ParameterError(
            f"{constant} are constant over the {count} cells valid in all layers and correlate "
            "with nothing: leave them out."
        )
    correlation = comoment / np.outer(spread, spread)
    np.fill_diagonal(correlation, 1.0)
    eigenvalue, vector = np.linalg.eigh(correlation)
    eigenvalue, vector = np.maximum(eigenvalue[::-1], 0.0), vector[:, ::-1]
    vector = vector * _signs(vector)
    explained = eigenvalue / eigenvalue.sum()
    retained = _retained(eigenvalue, explained, retain)
    loading = vector * np.sqrt(eigenvalue)
    kept = np.where(retained, eigenvalue, 0.0)
    communality = (loading**2)[:, retained].sum(axis=1)
    score = {
        "absolute": np.abs(vector) @ kept / kept.sum(),
        "signed": vector @ kept / kept.sum(),
        "communality": communality,
    }[variant]
    if abs(score.sum()) <= CANCELLED * np.abs(score).sum():
        against = [name for name, own in zip(names, score, strict=True) if own < 0]
        raise ParameterError(
            f"the signed scores of {list(names)} cancel, and weights would divide by 0: reverse "
            f"{against}, which run against the others, with normalise(direction='negative'), or "
            "use variant='absolute'."
        )
    return {
        "weight": score / score.sum(),
        "eigenvalue": eigenvalue,
        "explained": explained,
        "retained": retained.astype("float64"),
        "loading": loading,
        "communality": communality,
        "correlation": correlation,
        **_adequacy(correlation, eigenvalue, count),
        "n": np.array(float(count)),
    }


def _signs(vector: np.ndarray) -> np.ndarray:
    """Return the sign of each column's sum or, where that is rounding, of its largest entry."""
    size, total = np.abs(vector), vector.sum(axis=0)
    first = np.argmax(size >= size.max(axis=0) * (1 - CANCELLED), axis=0)
    largest = np.take_along_axis(vector, first[None, :], axis=0)[0]
    decisive = np.where(np.abs(total) <= CANCELLED * size.sum(axis=0), largest, total)
    return np.where(decisive < 0, -1.0, 1.0)


def _retained(eigenvalue: np.ndarray, explained: np.ndarray, retain: str | float) -> np.ndarray:
    if isinstance(retain, str):
        kept = eigenvalue > 1
        kept[0] = True
        return kept
    before = np.cumsum(explained) - explained
    return before < retain - 1e-12


def _adequacy(correlation: np.ndarray, eigenvalue: np.ndarray, count: int) -> dict[str, Any]:
    """Kaiser-Meyer-Olkin measure and Bartlett's test of sphericity."""
    from scipy.special import gammaincc

    size = correlation.shape[0]
    off = ~np.eye(size, dtype=bool)
    kmo, chi2 = np.nan, np.inf
    if eigenvalue[-1] > 1e-13 * eigenvalue[0]:
        inverse = np.linalg.inv(correlation)
        scale = np.sqrt(np.outer(np.diag(inverse), np.diag(inverse)))
        plain, own = (correlation[off] ** 2).sum(), ((inverse / scale)[off] ** 2).sum()
        kmo = plain / (plain + own) if plain + own > 0 else np.nan
        determinant = np.log(eigenvalue).sum()
        chi2 = max(0.0, -(count - 1 - (2 * size + 5) / 6) * determinant)
    df = size * (size - 1) / 2
    return {
        "kmo": np.array(kmo),
        "bartlett_chi2": np.array(chi2),
        "bartlett_df": np.array(df),
        "bartlett_p": np.array(gammaincc(df / 2, chi2 / 2)),
    }


def _as_dataset(reduced: Reduced, names: list[str]) -> xr.Dataset:
    sizes = dict.fromkeys(("layer", "other", "component"), len(names))
    variables = {}
    for field, (dims, text) in FIELDS.items():
        shape = tuple(sizes[dim] for dim in dims)
        data = reduced.to_array(partial(_pick, field=field), shape, "float64")
        attrs = {"units": "1", "long_name": text}
        variables[field] = xr.DataArray(data, dims=dims, attrs=attrs)
    coords = {"layer": names, "other": names, "component": np.arange(1, len(names) + 1)}
    return xr.Dataset(variables, coords=coords)


def _pick(found: dict[str, np.ndarray], *, field: str) -> np.ndarray:
    return found[field]
