"""An unfinished store on disk: its place, its marks of finished blocks, its identity."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from mineeco_xr.errors import ParameterError

_ROOT = "zarr.json"
_HIDDEN = "zarr.json.pending"


class PartialStore:
    """The folder ``<path>.partial`` in which a store grows until it is whole.

    It holds the store, a file a finished block, and ``run.json`` with the fingerprint of the run.

    Parameters
    ----------
    path : Path
        Where the finished store will be.
    fingerprint : str
        Identity of what is written.
    total : int
        Number of blocks.
    """

    def __init__(self, path: Path, fingerprint: str, total: int) -> None:
        self.root = path.with_name(path.name + ".partial")
        self.fingerprint = fingerprint
        self.total = total

    @classmethod
    def attach(cls, root: str) -> PartialStore:
        """Return the handle that a worker needs to write and mark a block."""
        handle = cls.__new__(cls)
        handle.root = Path(root)
        return handle

    @staticmethod
    def progress_of(path: Path) -> tuple[int, int] | None:
        """Return finished and total blocks of an unfinished store of ``path``, if there is one."""
        root = path.with_name(path.name + ".partial")
        try:
            total = json.loads((root / "run.json").read_text())["total"]
        except (OSError, ValueError, KeyError):
            return None
        return len(list((root / "done").iterdir())), int(total)

    @property
    def store(self) -> Path:
        """The growing Zarr store."""
        return self.root / "store"

    def begin(self, *, resume: bool, overwrite: bool = False) -> bool:
        """Prepare the folder; return whether the store must be laid out anew.

        Parameters
        ----------
        resume : bool
            Go on where the same write stopped.
        overwrite : bool
            Drop an unfinished write of something else.

        Raises
        ------
        ParameterError
            If the folder holds an unfinished write of something else and ``resume`` is asked for.
        """
        record = self._record()
        if record is not None and resume and self.store.exists():
            if record["fingerprint"] == self.fingerprint:
                return False
            if not overwrite:
                raise ParameterError(
                    f"{self.root} holds an unfinished write of something else (other inputs, "
                    "parameters or version): drop it with resume=False or overwrite=True "
                    "(--no-resume or --overwrite on the command line), or write to another path."
                )
        if self.root.exists():
            shutil.rmtree(self.root)
        self.root.mkdir(parents=True)
        (self.root / "done").mkdir()
        return True

    def _record(self) -> dict | None:
        try:
            return json.loads((self.root / "run.json").read_text())
        except (OSError, ValueError):
            return None

    def hide_root(self) -> None:
        """Take the root metadata away, so that no reader opens the store; then say what it is."""
        os.replace(self.store / _ROOT, self.store / _HIDDEN)
        text = json.dumps({"fingerprint": self.fingerprint, "total": self.total})
        pending = self.root / "run.json.pending"
        pending.write_text(text)
        os.replace(pending, self.root / "run.json")

    def show_root(self) -> None:
        """Put the root metadata back; harmless when it is there."""
        if (self.store / _HIDDEN).exists():
            os.replace(self.store / _HIDDEN, self.store / _ROOT)

    def _mark(self, block: tuple[int, int]) -> Path:
        return self.root / "done" / f"{block[0]}.{block[1]}"

    def is_done(self, block: tuple[int, int]) -> bool:
        """Whether a block was written to its end."""
        return self._mark(block).exists()

    def mark_done(self, block: tuple[int, int]) -> None:
        """Mark a block; called after its last byte is written."""
        self._mark(block).touch()

    def publish(self, path: Path) -> None:
        """Move the whole store to its place, in exchange for what stood there."""
        retired = self.root / "retired"
        (self.root / "run.json").unlink(missing_ok=True)
        if path.exists():
            os.replace(path, retired)
        os.replace(self.store, path)
        shutil.rmtree(self.root)
