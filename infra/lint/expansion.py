"""Expand `template.yaml` as CloudFormation would, offline: SAM becomes plain resources."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from samtranslator.translator.transform import transform

from infra.local.template import Tree, read

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]
REGION = "eu-central-1"
_CODE = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
}


class _NoPolicyByName:
    """SAM asks AWS for the ARNs of policies that a template names; ours names none."""

    def load(self) -> dict[str, str]:
        return {}


def expanded(
    path: Path = ROOT / "template.yaml", parameters: Mapping[str, str] | None = None
) -> Tree:
    """The template with every SAM resource made plain CloudFormation.

    State machines are inlined from their files, and code stands under a made-up bucket.
    Parameters, conditions and nested stacks stay as they are.

    Args:
        path: the template.
        parameters: values over the parameters' defaults; SAM reads some of them.

    Raises:
        InvalidDocumentException: SAM refuses the template (samtranslator's own error).
    """
    template = read(path)
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if name := _CODE.get(resource["Type"]):
            properties[name] = f"s3://code/{properties[name]}"
        if resource["Type"] == "AWS::Serverless::StateMachine":
            properties["Definition"] = read(path.parent / properties.pop("DefinitionUri"))
    defaults = {
        name: str(parameter["Default"])
        for name, parameter in template.get("Parameters", {}).items()
        if "Default" in parameter
    }
    with patch.dict(os.environ, {"AWS_DEFAULT_REGION": REGION}):
        plain: dict[str, Any] = transform(
            template, {**defaults, **(parameters or {})}, _NoPolicyByName()
        )
    return plain
