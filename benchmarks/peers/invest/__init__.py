"""Ours and natcap.invest on the same inputs, whole processes from start to exit.

``python -m benchmarks.peers.invest --side 1000`` makes the inputs, runs the models of both, prints
seconds and peak memory, and compares every layer. InVEST may live in another environment: name its
interpreter with ``--invest-python`` or in ``MINEECO_INVEST_PYTHON``.
"""
