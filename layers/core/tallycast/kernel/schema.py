"""The two kinds of pydantic model at our edges: what we produce and what others send us."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Produced(BaseModel):
    """What we write ourselves (items, messages, events): frozen, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Received(BaseModel):
    """What others send: frozen, unknown fields ignored so that their growth breaks nothing."""

    model_config = ConfigDict(frozen=True, extra="ignore")
