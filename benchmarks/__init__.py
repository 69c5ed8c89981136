"""Speed and memory, measured: us and the peer on the same input in one process tree.

Nothing here is a test; run it with ``make bench`` or one module at a time, such as
``python -m benchmarks.peers.trend``. The big cube is ``python -m benchmarks.cube --side 10000``.
"""
