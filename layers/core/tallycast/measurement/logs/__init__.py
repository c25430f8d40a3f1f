"""Log files of every shape become request rows, with an account of every line."""

from tallycast.measurement.logs.detection import detect
from tallycast.measurement.logs.enrichment import Enrichment, NetworkFacts, pseudonyms_under
from tallycast.measurement.logs.model import Account, Intake, Limits, LogFormat, LogSource
from tallycast.measurement.logs.opening import UnreadableLogError
from tallycast.measurement.logs.reading import read_log
from tallycast.measurement.logs.relation import quarantine_relation, read_logs, requests_relation

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
    "pseudonyms_under",
    "quarantine_relation",
    "read_log",
    "read_logs",
    "requests_relation",
]
