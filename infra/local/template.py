"""Read CloudFormation templates: YAML with the intrinsic functions' short forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from infra.local.errors import TemplateError

if TYPE_CHECKING:
    from pathlib import Path

Tree = dict[str, Any]
"""A template, or a part of it, as JSON knows it."""

_PLAIN = {"Ref", "Condition"}  # the two short forms whose long form has no `Fn::`


class _Loader(yaml.SafeLoader):
    """YAML as CloudFormation reads it: dates stay text, `!Sub x` is `{"Fn::Sub": "x"}`."""


def _value(loader: yaml.SafeLoader, node: yaml.Node) -> object:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    raise TypeError(node)


def _short_form(loader: _Loader, name: str, node: yaml.Node) -> Tree:
    value = _value(loader, node)
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name if name in _PLAIN else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _short_form)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _value)


def parse(text: str, name: str) -> Tree:
    """A YAML or JSON document as a tree; `name` is what errors call it.

    Raises:
        TemplateError: it is neither, or no mapping.
    """
    try:
        tree = yaml.load(text, Loader=_Loader)  # noqa: S506  (a SafeLoader)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        problem = getattr(error, "problem", None) or str(error)
        raise TemplateError(f"{name}{line} is no YAML: {problem}", file=name) from error
    if not isinstance(tree, dict):
        raise TemplateError(f"{name} holds no mapping", file=name)
    return tree


def read(path: Path) -> Tree:
    """The document in a file.

    Raises:
        TemplateError: it is missing or no template.
    """
    try:
        return parse(path.read_text(encoding="utf-8"), path.name)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TemplateError(f"cannot read {path}: {reason}", file=str(path)) from error
