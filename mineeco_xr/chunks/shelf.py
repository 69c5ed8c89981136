"""Shelf: objects by key, the latest used in memory, the others in files."""

from __future__ import annotations

import pickle
import shutil
import sys
import tempfile
import weakref
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

Key = Any


def _same(item: Any) -> Any:
    return item


class Shelf:
    """Objects by key, of which so many bytes stay in memory.

    Parameters
    ----------
    budget : int
        Bytes that the objects in memory may take together; one of them may take more.
    freeze, thaw : callable
        Plain module-level functions: ``freeze(item)`` is what is written of an object, any object
        that can be pickled, and ``thaw`` makes the object of it again.

    Notes
    -----
    The files lie in the folder of the Dask worker this runs on, or else where temporary files do.
    They are removed by :meth:`close`, or when the shelf is no longer used. A pickled shelf holds
    all its objects.
    """

    def __init__(
        self,
        budget: int,
        freeze: Callable[[Any], Any] = _same,
        thaw: Callable[[Any], Any] = _same,
    ) -> None:
        self.budget, self.freeze, self.thaw = budget, freeze, thaw
        self.held: OrderedDict[Key, tuple[Any, int]] = OrderedDict()
        self.files: dict[Key, Path] = {}
        self.folder: Path | None = None
        self.bytes = 0
        self.written = 0

    def __contains__(self, key: Key) -> bool:
        return key in self.held or key in self.files

    def take(self, key: Key) -> Any:
        """Return an object and forget it; None when there is none."""
        if key in self.held:
            item, size = self.held.pop(key)
            self.bytes -= size
            return item
        frozen = self.frozen(key)
        path = self.files.pop(key, None)
        if path is not None:
            path.unlink()
        return None if frozen is None else self.thaw(frozen)

    def frozen(self, key: Key) -> Any:
        """Return what is or would be written of an object, and keep it; None when there is none."""
        if key in self.held:
            return self.freeze(self.held[key][0])
        path = self.files.get(key)
        if path is None:
            return None
        with path.open("rb") as file:
            return pickle.load(file)

    def put(self, key: Key, item: Any) -> None:
        """Keep an object; the longest unused ones are written when memory does not suffice."""
        from dask.sizeof import sizeof

        size = sizeof(item)
        self.held[key] = item, size
        self.bytes += size
        while self.bytes > self.budget and len(self.held) > 1:
            oldest, (item, size) = self.held.popitem(last=False)
            self.bytes -= size
            self.put_frozen(oldest, self.freeze(item))

    def put_frozen(self, key: Key, frozen: Any) -> None:
        """Keep on disk what :meth:`frozen` returned."""
        if self.folder is None:
            self.folder = Path(tempfile.mkdtemp(prefix="mineeco-", dir=_worker_folder()))
            weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self.written += 1
        path = self.folder / str(self.written)
        with path.open("wb") as file:
            pickle.dump(frozen, file, protocol=5)
        self.files[key] = path

    def close(self) -> None:
        """Forget all objects and remove their files."""
        self.held.clear()
        self.files.clear()
        self.bytes = 0
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    def __sizeof__(self) -> int:
        return object.__sizeof__(self) + self.bytes

    def __getstate__(self) -> dict[str, Any]:
        written = {key: path.read_bytes() for key, path in self.files.items()}
        return {**self.__dict__, "files": {}, "folder": None, "pickled": written}

    def __setstate__(self, fields: dict[str, Any]) -> None:
        written = fields.pop("pickled")
        self.__dict__.update(fields)
        for key, content in written.items():
            self.put_frozen(key, pickle.loads(content))


def _worker_folder() -> str | None:
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        return str(distributed.get_worker().local_directory)
    except ValueError:
        return None
