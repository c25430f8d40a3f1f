"""What `samconfig.toml` says about the local stage: the stack's name and parameters."""

from __future__ import annotations

import shlex
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from infra.local.errors import TemplateError

if TYPE_CHECKING:
    from pathlib import Path

STAGE = "local"
STACK = "tallycast-local"
REGION = "eu-west-1"


@dataclass(frozen=True, slots=True)
class Stage:
    """How a template is deployed.

    Attributes:
        template: the template's file.
        parameters: values for its parameters.
        tags: put on every resource of the stack.
    """

    template: Path
    stack_name: str = STACK
    region: str = REGION
    parameters: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


def pairs(value: object) -> dict[str, str]:
    """SAM's two ways of writing `Key=Value` pairs: one string, quoted as in a shell, or a list.

    Raises:
        TemplateError: it is neither.
    """
    words = shlex.split(value) if isinstance(value, str) else value
    if not isinstance(words, list):
        raise TemplateError(f"parameter_overrides must be text or a list, not {value!r}")
    found = {}
    for word in words:
        name, equals, text = str(word).partition("=")
        if not equals:
            raise TemplateError(f"parameter_overrides: {word!r} is not Name=Value")
        found[name] = text.strip("\"'")
    return found


def read(root: Path) -> Stage:
    """The local stage of the repository at this root.

    Raises:
        TemplateError: `samconfig.toml` cannot be understood.
    """
    file = root / "samconfig.toml"
    try:
        config: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        config = {}
    except tomllib.TOMLDecodeError as error:
        raise TemplateError(f"samconfig.toml is no TOML: {error}") from error
    stage = config.get(STAGE, {})
    settings = {
        **stage.get("global", {}).get("parameters", {}),
        **stage.get("deploy", {}).get("parameters", {}),
    }
    return Stage(
        template=root / "template.yaml",
        stack_name=settings.get("stack_name", STACK),
        region=settings.get("region", REGION),
        parameters=pairs(settings.get("parameter_overrides", [])),
        tags=pairs(settings.get("tags", [])),
    )
