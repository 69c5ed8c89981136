"""Names of MODIS files: product, layer, date, tile and when the granule was produced."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mineeco_xr.cube.modis import layer_row
from mineeco_xr.errors import SchemaError

_PRODUCT = r"(?P<product>M[COY]D\d{2}[A-Z0-9]+)"
_GRANULE = re.compile(
    _PRODUCT
    + r"\.A(?P<date>\d{7})\.(?P<tile>h\d{2}v\d{2})\.\d{3}\.(?P<produced>\d{13})(?P<rest>.*)"
)
_APPEEARS = re.compile(_PRODUCT + r"\.\d{3}_(?P<rest>.+)")
_LAYER = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]+(?:_QC)?_500m")


@dataclass(frozen=True)
class Granule:
    """What the name of a MODIS file says.

    Attributes
    ----------
    product : str
        Short name, such as ``"MOD17A3HGF"``.
    layer : str or None
        Such as ``"Npp_500m"``.
    acquired, tile : str or None
        Date (year and day of the year) and tile of a granule.
    produced : str or None
        When it was processed: a later one replaces an earlier one.
    rest : str
        What follows in the name, equal for files of one kind.
    """

    product: str
    layer: str | None
    acquired: str | None
    tile: str | None
    produced: str | None
    rest: str


def parse_granule(name: str) -> Granule | None:
    """Read the name of a MODIS file, as LP DAAC or AppEEARS writes it.

    Parameters
    ----------
    name : str
        Without folders.

    Returns
    -------
    Granule or None
        None for any other name.

    Examples
    --------
    >>> found = parse_granule("MOD17A3HGF.A2001001.h26v04.061.2021249132137_Npp_500m.tif")
    >>> found.layer, found.tile, found.produced
    ('Npp_500m', 'h26v04', '2021249132137')
    >>> parse_granule("MOD16A3GF.061_PET_500m_doy2001001000000_aid0001.tif").layer
    'PET_500m'
    """
    found = _GRANULE.fullmatch(name) or _APPEEARS.fullmatch(name)
    if found is None:
        return None
    parts = found.groupdict()
    layer = _LAYER.search(parts["rest"])
    return Granule(
        product=parts["product"],
        layer=None if layer is None else layer[0],
        acquired=parts.get("date"),
        tile=parts.get("tile"),
        produced=parts.get("produced"),
        rest=parts["rest"],
    )


def files_of_layer(name: str, paths: Sequence[Path], product: str, layer: str | None) -> list[Path]:
    """Return the files of one layer, by their names; files without such a name are kept.

    Parameters
    ----------
    name : str
        Of the variable, for messages.
    paths : sequence of Path
        Files, perhaps of several layers of the product, as AppEEARS delivers them.
    product, layer : str
        As of :func:`mineeco_xr.decode_modis`.

    Returns
    -------
    list of Path
        In the same order.

    Raises
    ------
    SchemaError
        If a file is of another product, or none is of the layer.
    """
    row = layer_row(product, layer)
    kept = []
    for path in paths:
        granule = parse_granule(path.name)
        if granule is not None and granule.product != row["product"]:
            raise SchemaError(
                f"variable {name!r} is declared as {row['product']}, but {path} is named as "
                f"{granule.product}: their scale and fill codes differ. Name the product it is."
            )
        if granule is None or granule.layer in (None, row["layer"]):
            kept.append(path)
    if not kept:
        raise SchemaError(
            f"variable {name!r}: none of {len(paths)} files is of layer {row['layer']!r}; the "
            f"first is {paths[0].name}. Name another with layer=."
        )
    return kept


def latest_generations(paths: Sequence[Path]) -> dict[Path, tuple[str, ...]]:
    """Keep the latest processing of each granule.

    One granule is often served in several generations, which differ in their production time
    alone; taken together they would count twice.

    Parameters
    ----------
    paths : sequence of Path
        Files; those that are no MODIS granules are kept.

    Returns
    -------
    dict of Path to tuple of str
        The files kept, in order, and the names of those that each of them replaces.
    """
    kept: dict[tuple[str | None, ...], list[Path]] = {}
    for number, path in enumerate(paths):
        granule = parse_granule(path.name)
        if granule is None or granule.produced is None:
            kept[(str(number),)] = [path]
            continue
        key = (granule.product, granule.acquired, granule.tile, granule.rest)
        kept.setdefault(key, []).append(path)
    found = {}
    for group in kept.values():
        *earlier, latest = sorted(group, key=_produced)
        found[latest] = tuple(path.name for path in earlier)
    return {path: found[path] for path in paths if path in found}


def _produced(path: Path) -> str:
    granule = parse_granule(path.name)
    return (granule.produced if granule else None) or ""
