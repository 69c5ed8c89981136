"""Run one of our models: ``python -m benchmarks.peers.invest.run_ours MODEL IN OUT``."""

from __future__ import annotations

import gc


def main() -> None:
    """Import and run."""
    # What is imported stays: to look for cycles in it, over and over, takes a tenth of a second.
    gc.set_threshold(100_000, 50, 100)
    from benchmarks.peers.invest.ours import main as run

    run()


if __name__ == "__main__":
    main()
