"""Log files of every shape become request rows, with an account of every line.

Names come from their modules when they are asked for: a function that only keeps the settings of
log sources starts without DuckDB.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tallycast.measurement.logs.detection import detect
    from tallycast.measurement.logs.enrichment import Enrichment, NetworkFacts, pseudonyms_under
    from tallycast.measurement.logs.model import Account, Intake, Limits, LogFormat, LogSource
    from tallycast.measurement.logs.opening import UnreadableLogError
    from tallycast.measurement.logs.reading import read_log
    from tallycast.measurement.logs.relation import (
        file_id,
        quarantine_relation,
        read_logs,
        requests_relation,
    )

__all__ = [
    "Account",
    "Enrichment",
    "Intake",
    "Limits",
    "LogFormat",
    "LogSource",
    "NetworkFacts",
    "UnreadableLogError",
    "detect",
    "file_id",
    "pseudonyms_under",
    "quarantine_relation",
    "read_log",
    "read_logs",
    "requests_relation",
]
_MODULES = {
    "detection": ("detect",),
    "enrichment": ("Enrichment", "NetworkFacts", "pseudonyms_under"),
    "model": ("Account", "Intake", "Limits", "LogFormat", "LogSource"),
    "opening": ("UnreadableLogError",),
    "reading": ("read_log",),
    "relation": ("file_id", "quarantine_relation", "read_logs", "requests_relation"),
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        for module, names in _MODULES.items():
            if name in names:
                return getattr(import_module(f"{__name__}.{module}"), name)
        raise AttributeError(name)
