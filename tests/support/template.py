"""The whole deployment as it would stand: every stack expanded and resolved for one stage.

References are resolved to readable stand-ins that hold over the borders of stacks: a queue of the
messaging stack is `Messaging/PollQueue`, its ARN `Messaging/PollQueue.Arn`, wherever it is named.
"""

from __future__ import annotations

import pickle
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from infra.lint.expansion import REGION, expanded
from infra.local.stage import pairs
from infra.local.template import read

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = "123456789012"
NO_VALUE = object()
STAGES = ("default", "local", "dev", "prod")
_PLACEHOLDER = re.compile(r"\$\{([^}!]+)\}")


@dataclass(frozen=True)
class Resource:
    """One plain resource with its properties resolved; `id` is `Stack/Name`, or `Name` at the top."""

    id: str
    type: str
    properties: dict[str, Any]
    body: dict[str, Any]

    @property
    def name(self) -> str:
        return self.id.rpartition("/")[2]

    @property
    def tags(self) -> dict[str, str]:
        tags = self.properties.get("Tags", [])
        return {tag["Key"]: tag["Value"] for tag in tags} if isinstance(tags, list) else tags


@dataclass
class Stack:
    """One template with the values of its parameters."""

    template: dict[str, Any]
    parameters: dict[str, Any]
    name: str
    prefix: str = ""
    outputs_of: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def resolve(self, node: Any) -> Any:
        """A part of the template with every intrinsic function evaluated."""
        if isinstance(node, list):
            return [value for part in node if (value := self.resolve(part)) is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            [(name, argument)] = node.items()
            if name == "Ref" or name.startswith("Fn::") or name == "Condition":
                return self._intrinsic(name.removeprefix("Fn::"), argument)
        resolved = {key: self.resolve(value) for key, value in node.items()}
        return {key: value for key, value in resolved.items() if value is not NO_VALUE}

    def _intrinsic(self, name: str, argument: Any) -> Any:
        match name:
            case "Ref":
                return self._ref(argument)
            case "GetAtt":
                parts = argument.split(".", 1) if isinstance(argument, str) else argument
                return self._attribute(*parts)
            case "Sub":
                text = argument if isinstance(argument, str) else argument[0]
                values = {} if isinstance(argument, str) else self.resolve(argument[1])
                return _PLACEHOLDER.sub(lambda m: str(self._named(m[1], values)), text)
            case "Join":
                return argument[0].join(str(part) for part in self.resolve(argument[1]))
            case "Split":
                separator, text = self.resolve(argument)
                return text.split(separator)
            case "Select":
                index, values = argument
                return self.resolve(values)[int(index)]
            case "If":
                return self.resolve(argument[1] if self.holds(argument[0]) else argument[2])
            case "Equals":
                left, right = self.resolve(argument)
                return str(left) == str(right)
            case "Not":
                return not self.resolve(argument)[0]
            case "And":
                return all(self.resolve(argument))
            case "Or":
                return any(self.resolve(argument))
            case "Condition":
                return self.holds(argument)
        raise NotImplementedError(name)

    def holds(self, condition: str) -> bool:
        """Whether a named condition is true."""
        return bool(self.resolve(self.template["Conditions"][condition]))

    def _named(self, name: str, values: Mapping[str, Any]) -> Any:
        name = name.strip()
        if name in values:
            return values[name]
        return self._attribute(*name.split(".", 1)) if "." in name else self._ref(name)

    def _ref(self, name: str) -> Any:
        pseudo = {
            "AWS::Region": REGION,
            "AWS::AccountId": ACCOUNT,
            "AWS::Partition": "aws",
            "AWS::StackName": self.name,
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::NoValue": NO_VALUE,
        }
        if name in pseudo:
            return pseudo[name]
        if name in self.parameters:
            return self.parameters[name]
        assert name in self.template["Resources"], f"{name} is neither parameter nor resource"
        return f"{self.prefix}{name}"

    def _attribute(self, name: str, attribute: str) -> Any:
        if attribute.startswith("Outputs."):
            return self.outputs_of[name][attribute.removeprefix("Outputs.")]
        assert name in self.template["Resources"], f"{name} is no resource"
        stand_in = f"{self.prefix}{name}.{attribute}"
        # Templates take addresses apart, so this one has to look like an address.
        return f"https://{stand_in}/" if attribute == "FunctionUrl" else stand_in

    def outputs(self) -> dict[str, Any]:
        """What the stack puts out."""
        return {
            name: self.resolve(output["Value"])
            for name, output in self.template.get("Outputs", {}).items()
        }

    def resources(self) -> Iterator[Resource]:
        """Every resource that its condition lets stand."""
        for name, body in self.template["Resources"].items():
            if "Condition" in body and not self.holds(body["Condition"]):
                continue
            properties = self.resolve(body.get("Properties", {}))
            yield Resource(f"{self.prefix}{name}", body["Type"], properties, body)

    def broken_rules(self) -> list[str]:
        """Descriptions of the template's own assertions that these parameters break."""
        return [
            assertion["AssertDescription"]
            for rule in self.template.get("Rules", {}).values()
            if self.resolve(rule.get("RuleCondition", {"Fn::Equals": ["", ""]}))
            for assertion in rule["Assertions"]
            if not self.resolve(assertion["Assert"])
        ]


@dataclass(frozen=True)
class Deployment:
    """The application's stack and its nested ones, resolved."""

    stage: str
    root: Stack
    resources: tuple[Resource, ...]
    tags: dict[str, str]

    def of_type(self, *types: str) -> list[Resource]:
        """All resources of some types, in every stack."""
        return [resource for resource in self.resources if resource.type in types]

    def __getitem__(self, id_: str) -> Resource:
        """The resource behind `Stack/Name`, or behind one of its attributes (`Stack/Name.Arn`)."""
        return next(r for r in self.resources if r.id == id_.partition(".")[0])

    @property
    def functions(self) -> dict[str, Resource]:
        """Every Lambda function by the name of its folder."""
        return {
            resource.properties["Code"]["S3Key"].rpartition("/")[2]: resource
            for resource in self.of_type("AWS::Lambda::Function")
        }

    def lifecycle(self, bucket: str) -> dict[str, dict[str, Any]]:
        """The rules by which a bucket forgets, by their ids; all of them are in force."""
        rules = self[bucket].properties["LifecycleConfiguration"]["Rules"]
        assert all(rule["Status"] == "Enabled" for rule in rules)
        return {rule["Id"]: rule for rule in rules}

    def role_of(self, function: Resource) -> Resource:
        """The role that a function works under."""
        return self[function.properties["Role"]]


def deployment(
    stage: str = "default",
    *,
    outputs: Mapping[str, str] | None = None,
    parameters: Mapping[str, str] | None = None,
) -> Deployment:
    """Expand and resolve the template for a stage of `samconfig.toml`.

    Args:
        stage: the stage.
        outputs: real values of nested stacks' outputs, over the stand-ins.
        parameters: values over those of the stage.
    """
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())[stage]["deploy"]["parameters"]
    chosen = {**pairs(config.get("parameter_overrides", "")), **(parameters or {})}
    root = _stack(_expanded(), chosen, name=config["stack_name"])
    found: list[Resource] = []
    for name in _nested_in_order(root.template):
        body = root.template["Resources"][name]["Properties"]
        values = root.resolve(body.get("Parameters", {}))
        path = ROOT / body["TemplateURL"]
        child = _stack(_plain(path), values, name=f"{root.name}-{name}", prefix=f"{name}/")
        found += child.resources()
        made = child.outputs()
        root.outputs_of[name] = {**made, **{k: v for k, v in (outputs or {}).items() if k in made}}
    return Deployment(stage, root, (*root.resources(), *found), pairs(config["tags"]))


def _stack(
    template: dict[str, Any], values: dict[str, Any], *, name: str, prefix: str = ""
) -> Stack:
    declared = template.get("Parameters", {})
    assert set(values) <= set(declared), f"unknown parameters: {set(values) - set(declared)}"
    missing = {n for n, p in declared.items() if "Default" not in p and n not in values}
    assert not missing, f"{name} lacks {missing}"
    defaults = {n: p["Default"] for n, p in declared.items() if "Default" in p}
    return Stack(template, {**defaults, **values}, name, prefix)


def _nested_in_order(template: dict[str, Any]) -> list[str]:
    """Nested stacks, those first whose outputs others take."""

    def takes(text: str, other: str) -> bool:
        return re.search(rf"\b{other}(\.|', ')Outputs\.", text) is not None

    nested = {
        name: str(resource["Properties"].get("Parameters", {}))
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::CloudFormation::Stack"
    }
    ordered: list[str] = []
    while len(ordered) < len(nested):
        ready = [
            name
            for name, text in nested.items()
            if name not in ordered
            and not any(takes(text, other) for other in nested if other not in (name, *ordered))
        ]
        assert ready, "nested stacks wait for each other"
        ordered += ready
    return ordered


@cache
def _expand_once() -> bytes:
    return pickle.dumps(expanded())


def _expanded() -> dict[str, Any]:
    return pickle.loads(_expand_once())  # noqa: S301 (written above)


@cache
def _read_once(path: Path) -> bytes:
    return pickle.dumps(read(path))


def _plain(path: Path) -> dict[str, Any]:
    return pickle.loads(_read_once(path))  # noqa: S301 (written above)
