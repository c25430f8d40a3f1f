"""What counting looks things up in: lists with a version and a date, ours or the operator's.

Names come from their modules when they are asked for: a function that only names documents starts
without the library that user agents are matched with.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tallycast.measurement.reference.bundle import (
        Reference,
        built_in,
        from_documents,
        from_folder,
    )
    from tallycast.measurement.reference.loading import ReferenceCache
    from tallycast.measurement.reference.names import DOCUMENTS

__all__ = [
    "DOCUMENTS",
    "Reference",
    "ReferenceCache",
    "built_in",
    "from_documents",
    "from_folder",
]
_MODULES = {
    "bundle": ("Reference", "built_in", "from_documents", "from_folder"),
    "loading": ("ReferenceCache",),
    "names": ("DOCUMENTS",),
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        for module, names in _MODULES.items():
            if name in names:
                return getattr(import_module(f"{__name__}.{module}"), name)
        raise AttributeError(name)
