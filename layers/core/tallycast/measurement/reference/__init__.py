"""What counting looks things up in: lists with a version and a date, ours or the operator's."""

from tallycast.measurement.reference.bundle import Reference, built_in, from_documents, from_folder
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
