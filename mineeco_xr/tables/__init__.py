"""Published parameter tables as CSV, each with its source in the folder's README."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@lru_cache(maxsize=64)
def _cached(name: str) -> pd.DataFrame:
    import pandas as pd

    with files(__name__).joinpath(f"{name}.csv").open(encoding="utf-8") as stream:
        return pd.read_csv(stream)


def read_table(name: str) -> pd.DataFrame:
    """Return a published table by its file name without ending.

    Examples
    --------
    >>> read_table("modis_fill_classes")["meaning"].tolist()[4]
    'barren'
    """
    return _cached(name).copy()
