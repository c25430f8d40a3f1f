"""A function's settings: a pydantic model read from the environment, once, on first use."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from tallycast.kernel.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Mapping


class SettingsError(PermanentError):
    """The environment lacks a setting, or one has an impossible value."""


class Settings(BaseModel):
    """Base of every settings model: field `core_table` is the variable `CORE_TABLE`.

    A resource name has no default: a function that lacks one must not start.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read every field from its variable; empty variables count as absent.

        Raises:
            SettingsError: which variables are missing or wrong.
        """
        source = os.environ if environment is None else environment
        present = {
            name: value for name in cls.model_fields if (value := source.get(name.upper(), ""))
        }
        try:
            return cls.model_validate(present)
        except ValidationError as error:
            wrong = ", ".join(
                f"{str(item['loc'][0]).upper()} ({item['msg']})" for item in error.errors()
            )
            raise SettingsError(f"settings of the function are wrong: {wrong}") from error
