"""Numba kernels on NumPy blocks: one algorithm a file, no Dask, no xarray.

Kernels are compiled with ``nogil=True, cache=True`` and are serial: Dask owns the parallelism. Each
is wrapped in a plain module-level function, which is what Dask may be handed; a numba dispatcher
has a token that differs from process to process.
"""
