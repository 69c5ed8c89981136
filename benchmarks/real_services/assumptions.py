"""What the models need and the data do not tell: every number here is an assumption."""

from __future__ import annotations

import pandas as pd

from mineeco_xr.tables import read_table

UNDISTURBED, ACTIVE, YOUNG, OLD = 1, 2, 3, 4
"""Land cover of Mud River: forest, mine, reclaimed up to 5 years ago, reclaimed before."""

COVER = pd.DataFrame(
    {
        "lucode": [UNDISTURBED, ACTIVE, YOUNG, OLD],
        "name": ["undisturbed forest", "active mine", "reclaimed 1-5 yr", "reclaimed > 5 yr"],
        "usle_c": [0.003, 0.9, 0.1, 0.02],
        "usle_p": [1.0, 1.0, 1.0, 1.0],
    }
)
"""C of dense forest after Wischmeier and Smith (1978), of bare ground nearly 1; thin grass, then
grass with shrubs, in between. No practice reduces the loss."""

ERODIBILITY = {UNDISTURBED: 0.032, ACTIVE: 0.045, YOUNG: 0.045, OLD: 0.045}
"""The two constants of ``climate_soil_STANDIN_30m``, by the class of the year: in the file itself
the soil of 1984 is that of 2016."""

HECTARES_OF_A_STREAM = 9.0
"""Land above from which on there is a stream: 100 cells of 30 m."""

ECOSYSTEMS = {
    3: ("forest", "Forest land"),
    4: ("savanna", "Thinning woodland"),
    6: ("floodable forest", "Forest land"),
    9: ("plantation", "Other woodland"),
    11: ("wetland", "Marshland"),
    12: ("grassland", "High coverage grassland"),
    15: ("pasture", "Arid land"),
    24: ("urban", "Town land"),
    30: ("mine", "Other construction land"),
    33: ("water", "River"),
    39: ("soybean", "Arid land"),
    41: ("other crops", "Arid land"),
}
"""MapBiomas code: short name, and the class of the Yellow River table whose numbers it takes.
Pasture is cleared forest here and counts as farmland, not as grassland."""

FARMING, URBAN, MINE = (15, 39, 41), 24, 30
THREATS = ("mining", "roads_other_construction", "urban_rural", "arable")

CARBON = pd.DataFrame(
    [
        (3, 194.0, 72.0, 60.0, 2.1),
        (4, 30.0, 12.0, 60.0, 1.0),
        (6, 78.0, 29.0, 86.0, 2.1),
        (9, 27.0, 10.0, 60.0, 2.1),
        (11, 21.0, 8.0, 86.0, 0.0),
        (12, 7.0, 11.0, 60.0, 0.0),
        (15, 2.9, 4.7, 58.0, 0.0),
        (24, 0.0, 0.0, 30.0, 0.0),
        (30, 0.0, 0.0, 20.0, 0.0),
        (33, 0.0, 0.0, 0.0, 0.0),
        (39, 5.0, 0.0, 29.0, 0.0),
        (41, 5.0, 0.0, 29.0, 0.0),
    ],
    columns=["lucode", "c_above", "c_below", "c_soil", "c_dead"],
)
"""t of carbon per ha. Above ground of forests, wetland and grassland: 0.47 times the mean of the
biomass map in cells of 960 m of that class (forest 414 Mg/ha in 23,765 cells); below: 0.37 times
that, of grassland 1.6 times; soil, litter, pasture and crops after the defaults of IPCC (2006,
volume 4) for the wet tropics; savanna, urban and mine are guesses."""

CARBON_VALUE = {"price": 43.0, "discount_rate": 7.0, "price_change": 0.0}


def sensitivities() -> pd.DataFrame:
    """Return suitability and sensitivity of the MapBiomas classes, those of the Yellow River."""
    rows = read_table("yellow_river_habitat_sensitivity").set_index("level2")
    found = rows.loc[[name for _, name in ECOSYSTEMS.values()], ["suitability", *THREATS]]
    found = found.rename(columns={"suitability": "habitat"}).reset_index(drop=True)
    found.insert(0, "lucode", list(ECOSYSTEMS))
    return found


def threats() -> pd.DataFrame:
    """Return the threats of the Yellow River with distances in metres, as InVEST takes them."""
    found = read_table("yellow_river_habitat_threats")
    found["max_dist"] = found.pop("max_distance_km") * 1000
    return found
