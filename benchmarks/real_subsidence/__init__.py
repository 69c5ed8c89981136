"""Subsidence of real mines, with seams that are assumed."""
