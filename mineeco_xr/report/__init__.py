"""Figures for a paper, rasters for a GIS, and one self-contained page a run."""
