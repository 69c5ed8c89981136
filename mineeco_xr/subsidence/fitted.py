"""What an inversion found: parameters, how surely, what remains, and the panels that have them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from mineeco_xr.subsidence.checks import check_parameters
from mineeco_xr.subsidence.free_parameters import apply_parameters
from mineeco_xr.subsidence.panels import Panels, read_panels
from mineeco_xr.subsidence.uncertainty import TradeOff


@dataclass(frozen=True, eq=False, repr=False)
class SubsidenceFit:
    """What :func:`mineeco_xr.invert_subsidence` found.

    Attributes
    ----------
    parameters : pandas.DataFrame
        By parameter: ``value``, ``sd`` (standard error), ``low``, ``high`` (bounds), ``at_bound``,
        ``prior_mean`` and ``prior_sd``. Angles in degrees, offsets in metres.
    covariance, correlation : pandas.DataFrame
        Of the parameters, by linear theory and as if there were no bounds.
    residuals : pandas.DataFrame
        By observation: ``name``, ``x``, ``y``, ``kind``, ``time`` and ``since`` where given,
        ``observed``, ``computed``, ``residual`` (observed less computed; m, or m m-1) and
        ``standardised`` (over its standard error).
    vv : float
        Sum of the squared residuals of all displacements, mm2.
    cost : float
        Half the sum of squares that was made least: residuals over their standard error (over 1 mm
        where there is none), after the loss, and deviations from the priors.
    variance_factor : float
        That sum, unhalved, over the degrees of freedom: about 1 where ``sigma`` is right; mm2 where
        none was given.
    condition : float
        Condition number of the derivatives, each scaled to length one.
    trade_offs : tuple of TradeOff
        Parameters that the observations cannot tell apart.
    starts : pandas.DataFrame
        By start: where it ended, ``cost``, ``evaluations``, and whether it ``agrees`` with the
        best.
    warnings : tuple of str
        What was warned of.
    panels : Panels
        The panels with the parameters that were fixed and found.
    values : dict of str to float
        The parameters that were fixed and found.
    """

    parameters: pd.DataFrame
    covariance: pd.DataFrame
    correlation: pd.DataFrame
    residuals: pd.DataFrame
    vv: float
    cost: float
    variance_factor: float
    condition: float
    trade_offs: tuple[TradeOff, ...]
    starts: pd.DataFrame
    warnings: tuple[str, ...]
    panels: Panels
    values: dict[str, float]

    def __repr__(self) -> str:
        """Return the parameters, and how well they fit."""
        agree = int(self.starts["agrees"].sum())
        lines = [
            f"SubsidenceFit: {len(self.residuals)} observations, [vv] = {self.vv:.6g} mm2, "
            f"{agree} of {len(self.starts)} starts agree",
            self.parameters.to_string(float_format="{:.5g}".format),
        ]
        return "\n".join([*lines, *self.warnings])

    def apply(self, panels: Any) -> Panels:
        """Return other panels with these parameters.

        Parameters
        ----------
        panels : GeoDataFrame, DataFrame, str, Path or Panels
            As for :func:`mineeco_xr.read_panels`.

        Returns
        -------
        Panels
            Checked.
        """
        return with_parameters(read_panels(panels), self.values)


def with_parameters(panels: Panels, values: dict[str, float]) -> Panels:
    """Return panels with other parameters, checked.

    Raises
    ------
    ParameterError
        Naming the panel for which one does not do.
    """
    table = apply_parameters(panels.table, values)
    check_parameters(table)
    return replace(panels, table=table)
