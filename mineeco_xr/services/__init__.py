"""Ecosystem services: habitat, sediment, water yield, carbon."""

from mineeco_xr.services.carbon import carbon
from mineeco_xr.services.carbon_change import carbon_sequestration, carbon_totals, carbon_value
from mineeco_xr.services.habitat import habitat_quality
from mineeco_xr.services.rarity import habitat_rarity, habitat_rarity_table
from mineeco_xr.services.sediment import sediment
from mineeco_xr.services.sediment_totals import sediment_totals
from mineeco_xr.services.threats import read_threats
from mineeco_xr.services.water_totals import water_yield_totals
from mineeco_xr.services.water_yield import water_yield
from mineeco_xr.services.watersheds import read_watersheds

__all__ = [
    "carbon",
    "carbon_sequestration",
    "carbon_totals",
    "carbon_value",
    "habitat_quality",
    "habitat_rarity",
    "habitat_rarity_table",
    "read_threats",
    "read_watersheds",
    "sediment",
    "sediment_totals",
    "water_yield",
    "water_yield_totals",
]
