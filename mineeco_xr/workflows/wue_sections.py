"""Sections of the report on downscaling, phases, disturbance and drivers."""

from __future__ import annotations

import xarray as xr

from mineeco_xr.carbonwater.training import coarse_layer
from mineeco_xr.cube import geobox_of
from mineeco_xr.report import Report, Section, map_figure, overview, series_figure
from mineeco_xr.workflows.output import RunFolder
from mineeco_xr.workflows.wue_config import WueCase
from mineeco_xr.workflows.wue_results import WueResults
from mineeco_xr.workflows.wue_zones import RING

RULES = {
    "bilinear": "spread between the centres of the coarse cells, which leaves no seams",
    "block": "kept per coarse cell, whose fine cells so have its mean",
    "none": "left out",
}
BEYOND = {
    "linear": "Where a predictor lies beyond all training cells, as on bare ground that the "
    "product leaves out, the answer goes on from the edge along a ridge regression. ",
    "model": "",
}
VALIDATIONS = {
    "training": "cells trained on",
    "oob": "trees that have not seen a cell",
    "random": "coarse cells dealt one by one",
    "block": "blocks of coarse cells left out",
    "year": "one year left out",
}
METHODS = {
    "segments": "exact least-squares segments",
    "landtrendr": "LandTrendr",
    "maxdrop": "largest drop between two years",
}


def downscaling(report: Report, results: WueResults, case: WueCase, folder: RunFolder) -> None:
    """Tell how carbon and water came to the grid, and how well."""
    assert results.accuracy is not None
    assert results.importance is not None
    assert results.mass is not None
    spec = case.downscale
    section = report.section("From the coarse products to the grid")
    model = f"A {spec.model}" + (f" of {spec.n_estimators} trees" * (spec.model == "forest"))
    section.text(
        f"{model} learns each product from {', '.join(results.importance['predictor'])}, averaged "
        "over its cells, and is then asked at every fine cell. What its averages leave "
        f"unexplained is {RULES[spec.residual]}. "
        f"{BEYOND[spec.extrapolation]}A ridge regression on the same cells is the baseline. "
        "Cells beside each other are alike, so validation by single cells flatters; "
        "blocks and years left out tell what to expect elsewhere."
    )
    table = results.accuracy.assign(
        validation=results.accuracy["validation"].map(lambda v: VALIDATIONS.get(v, v))
    )
    section.table(table, "Accuracy at the coarse cells, in units of each product.",
                  decimals={"r2": 3, "rmse": 2, "mae": 2, "bias": 2, "rrmse": 3})  # fmt: skip
    section.table(
        results.importance,
        "Importance: growth of the squared error of unseen cells, as a share of the variance, "
        "when a predictor is shuffled.",
        decimals=dict.fromkeys(results.importance.columns[1:], 3),
    )
    section.table(
        results.mass,
        "By how much the means of the fine cells miss the coarse values, before and after the "
        "residual.",
        decimals={"rms": 3, "largest": 2, "bias": 3, "relative": 5},
    )
    _coarse_and_fine(section, results, case, folder)


def _coarse_and_fine(
    section: Section, results: WueResults, case: WueCase, folder: RunFolder
) -> None:
    assert results.coarse is not None
    assert results.sharp is not None
    target = case.wue.npp
    some = results.yearly.loc[results.yearly["cells"] > 0, "time"]
    fine = overview(results.cube[target].sel(time=some.iloc[-1])).compute()
    date = str(fine["time"].values)[:4]
    around = coarse_layer(results.coarse[target], target, geobox_of(fine)).values
    coarse = around.sel(time=fine["time"])
    limits = tuple(float(fine.quantile(q, skipna=True)) for q in (0.02, 0.98))
    for data, name, text in (
        (coarse, "coarse", f"Production of {date} as the product has it, on its own grid."),
        (fine, "downscaled", f"Production of {date} downscaled; zones as lines."),
    ):
        figure = map_figure(
            data.drop_vars("time"),
            label="Net primary production",
            limits=(limits[0], limits[1]),
            zones=results.zones if name == "downscaled" else None,
        )
        section.figure(folder.figure(figure, f"npp_{name}"), text)
    spread = f"{target}_spread"
    if spread in results.sharp:
        figure = map_figure(
            results.sharp[spread].isel(time=-1, drop=True), label="Spread of the trees"
        )
        section.figure(
            folder.figure(figure, "npp_spread"),
            "Standard deviation of the trees' predictions: where they disagree, the model is "
            "unsure. It is smaller than the error, which it does not bound.",
        )
    if "wue_spread" in results.sharp:
        figure = map_figure(
            results.sharp["wue_spread"].isel(time=-1, drop=True), label="Spread of the efficiency"
        )
        section.figure(
            folder.figure(figure, "wue_spread"),
            "What the trees' disagreement on carbon and on water makes of the efficiency of "
            f"{str(results.sharp['time'].values[-1])[:4]}.",
        )


def phases_of_zones(report: Report, results: WueResults, case: WueCase, folder: RunFolder) -> None:
    """Tell the phases of each zone, and how far it has come back."""
    if results.phases is None or results.turns is None:
        return
    assert case.zones is not None
    reference = case.zones.reference or (RING if case.zones.ring is not None else None)
    section = report.section("Decline, recovery, stability")
    section.text(
        "Each zone's series is cut where straight lines fit it best, their number by the Bayesian "
        "information criterion. "
        + (
            f"The efficiency is first divided by that of the zone {reference!r}, which takes out "
            "the weather that both share."
            if reference is not None
            else "Good and poor years of rain are in it too: a reference or a ring around the "
            "zones would take them out."
        )
    )
    # Years as text, so that no comma parts their thousands.
    turns = results.turns.astype(object)
    section.table(turns, "Year in which each zone's decline, recovery and stability begin, "
                  "beside what is known of it.")  # fmt: skip
    if results.turns_seen is not None and case.disturbance is not None:
        section.table(
            results.turns_seen.astype(object),
            f"The same of {case.disturbance.variable}, which is seen at the resolution of the "
            "grid: where a coarse product has no value on bare ground, it dates a turn better.",
        )
    section.table(
        results.phases.astype({"start": object, "end": object}),
        "Phases of the zones. The p of a slope does not count that the breaks were sought.",
        decimals={"slope": 4, "p": 3, "mean": 3, "step": 3, "step_p": 3},
    )
    if results.ring is not None:
        section.table(
            results.ring,
            f"Efficiency of each zone as a share of the {RING}'s: first three and last three "
            "years, lowest year, gain a year since then, and years left to the first share at "
            "that gain.",
            decimals={"first": 1, "lowest": 1, "last": 1, "gain": 2, "years_left": 1},
        )


def change_sections(report: Report, results: WueResults, case: WueCase, folder: RunFolder) -> None:
    """Tell disturbance, recovery and drivers, as far as the case has them."""
    if case.disturbance is not None:
        _disturbance(report, results, case, folder)
    if case.drivers is not None:
        _drivers(report, results, case, folder)


def _disturbance(report: Report, results: WueResults, case: WueCase, folder: RunFolder) -> None:
    assert case.disturbance is not None
    assert results.disturbed is not None
    assert results.agreement is not None
    spec = case.disturbance
    section = report.section("Disturbance and recovery")
    section.text(
        f"The yearly {spec.variable} of each cell is segmented by {METHODS[spec.method]}; the "
        "greatest loss counts, and its year is the first at which it is seen."
    )
    years = results.cube["disturbance_year"].astype("float32")
    years = years.where(years > 0).assign_attrs(units="1", long_name="year of disturbance")
    figure = map_figure(years, label="Year of disturbance", cmap="viridis", zones=results.zones)
    section.figure(folder.figure(figure, "disturbance_year"), "Year of the greatest loss.")
    healed = results.cube["recovery_recovered"]
    if bool(healed.notnull().any().compute()):
        figure = map_figure(
            100 * healed.assign_attrs(units="1"), label="Share recovered (%)", limits=(0.0, 100.0)
        )
        section.figure(
            folder.figure(figure, "recovery"),
            "Share of the loss that has come back at the last date, percent.",
        )
    some = results.disturbed.iloc[:, 1:].sum(axis=1) > 0
    table = results.disturbed[some].reset_index(drop=True)
    table.attrs = results.disturbed.attrs
    section.table(table, "Area by year of disturbance and method.",
                  decimals=dict.fromkeys(table.columns[1:], 1))  # fmt: skip
    if len(results.agreement):
        section.table(
            results.agreement,
            f"Agreement with {METHODS[spec.method]}: cells with a loss in both, and the share of "
            "them with the same year, within a year, and dated earlier by more than one. "
            "LandTrendr fits long declines and so dates a clearing of one year too early.",
            decimals=dict.fromkeys(("same year", "within a year", "earlier"), 1),
        )
        for method in results.agreement["method"]:
            lag = _lag_of(results.cube, method)
            figure = map_figure(
                lag, label="Later than the year above", diverging=True, limits=(-5.0, 5.0)
            )
            section.figure(
                folder.figure(figure, f"disturbance_lag_{method}"),
                f"Where {METHODS[method]} disagrees: years by which it dates a loss later, or, "
                "below zero, earlier.",
            )
    if results.curve is not None:
        figure = series_figure(results.curve, value="mean", label=spec.variable)
        section.figure(
            folder.figure(figure, "recovery_curves"),
            f"Mean {spec.variable} of the zones: loss and recovery.",
        )


def _lag_of(cube: xr.Dataset, method: str) -> xr.DataArray:
    ours = cube["disturbance_year"].astype("float32")
    theirs = cube[f"disturbance_year_{method}"].astype("float32")
    lag = (theirs - ours).where((ours > 0) & (theirs > 0))
    return lag.assign_attrs(units="yr", long_name="difference of years")


def _drivers(report: Report, results: WueResults, case: WueCase, folder: RunFolder) -> None:
    assert case.drivers is not None
    assert results.drivers is not None
    section = report.section("What the efficiency follows")
    kind = "Partial correlation" if case.drivers.method == "partial" else "Pearson's r"
    section.text(
        f"{kind} of efficiency with each factor: over all cells and years together, over the cells "
        "of each year (mean of the years), and over the yearly means. Cells beside each other and "
        "years after each other are alike, so p goes by the effective number of independent "
        "values, and q is adjusted for the number of tests in a table. A correlation is no cause: "
        "what both have a trend in correlates."
    )
    table = results.drivers
    whole = table[table["zone"] == "grid"]
    wide = whole.pivot(index="factor", columns="over", values="r")
    wide = wide.loc[list(dict.fromkeys(whole["factor"])), ["pooled", "space", "time"]]
    section.table(
        wide.reset_index(),
        "Correlation with each factor.",
        decimals=dict.fromkeys(wide.columns, 2),
    )
    section.table(
        table.drop(columns=["p_independent"]),
        "All correlations, with the number of values, the effective number, p by it, and q.",
        decimals={"r": 2, "n": 0, "n_effective": 1, "p": 4, "q": 4},
    )
    figure = map_figure(results.cube["dominant_driver"], label="Dominant driver")
    section.figure(
        folder.figure(figure, "dominant_driver"),
        "Factor that each cell's series follows most, of those with p below 0.05.",
    )


__all__ = ["change_sections", "downscaling", "phases_of_zones"]
