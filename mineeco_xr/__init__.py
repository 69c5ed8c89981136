"""mineeco_xr."""
