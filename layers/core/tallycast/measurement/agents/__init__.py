"""User agents and referrers: which app, bot, library or browser asked, and on what device."""

from tallycast.measurement.agents.agent_list import AgentList
from tallycast.measurement.agents.errors import BadAgentListError
from tallycast.measurement.agents.loading import (
    built_in,
    built_in_documents,
    load_documents,
    load_folder,
)
from tallycast.measurement.agents.model import Agent, Kind

__all__ = [
    "Agent",
    "AgentList",
    "BadAgentListError",
    "Kind",
    "built_in",
    "built_in_documents",
    "load_documents",
    "load_folder",
]
