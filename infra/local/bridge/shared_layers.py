"""Workers of all functions share one unpacked copy of each layer.

AWS: a layer is mounted, read-only, in every container that needs it.

MiniStack: unpacks the whole layer again for every worker, and Python compiles it again for each.
With many workers that takes longer than all the work they do, at their start and at the end, when
it is deleted.
"""

from __future__ import annotations

import hashlib
import inspect
import threading
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from ministack.core import lambda_runtime

from infra.local.errors import EmulatorChangedError

_PLACE: Final = "unpacking of layers"
_UNPACKS: Final = ("with zipfile.ZipFile(lzip) as lzf:", "lzf.extractall(layer_dir)")
_LAYER: Final = "layer_"
_SHARED: Final = "layers"

_lock = threading.Lock()


class SharingZipFile(zipfile.ZipFile):
    """A zip file that unpacks a layer once, and links to it from then on."""

    def extractall(self, path: Any = None, *arguments: Any, **named: Any) -> None:  # noqa: ANN401
        """As the original's, but into a folder `layer_…` come links to what lies there already."""
        target = Path(path) if path is not None else Path.cwd()
        if not target.name.startswith(_LAYER) or self.filename is None:
            super().extractall(path, *arguments, **named)
            return
        digest = hashlib.sha256(Path(self.filename).read_bytes()).hexdigest()[:32]
        # Beside the workers' own folders, so that it goes away with them.
        shared = target.parent.parent / _SHARED / digest
        with _lock:
            if not shared.is_dir():
                fresh = shared.with_suffix(".new")
                super().extractall(fresh, *arguments, **named)
                fresh.rename(shared)
        for entry in shared.iterdir():
            (target / entry.name).symlink_to(entry)


def check() -> None:
    """Refuse a MiniStack that unpacks layers elsewhere.

    Raises:
        EmulatorChangedError: the place is not as it was.
    """
    source = inspect.getsource(lambda_runtime)
    if not all(text in source for text in _UNPACKS):
        raise EmulatorChangedError(_PLACE)


def apply() -> None:
    """Give the module that starts workers a `zipfile` that shares."""
    check()
    shared = {name: getattr(zipfile, name) for name in dir(zipfile) if not name.startswith("__")}
    lambda_runtime.zipfile = SimpleNamespace(**{**shared, "ZipFile": SharingZipFile})
