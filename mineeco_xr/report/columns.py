"""Tables that figures are drawn of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mineeco_xr.errors import ParameterError, SchemaError

if TYPE_CHECKING:
    import pandas as pd


def require_columns(table: pd.DataFrame, wanted: Sequence[str]) -> None:
    """Refuse a table without rows, or without a column that is drawn.

    Raises
    ------
    SchemaError
        If a column is missing.
    ParameterError
        If the table is empty.
    """
    missing = [name for name in wanted if name not in table.columns]
    if missing:
        raise SchemaError(f"the table lacks {missing}; it has {list(table.columns)}.")
    if table.empty:
        raise ParameterError("the table is empty: there is nothing to draw.")
