"""moto without the work that every test would do anew to no end."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import botocore.session
import botocore.useragent
import yaml
from botocore.loaders import create_loader
from cryptography.hazmat.primitives.asymmetric import rsa
from moto.cloudformation import models as stacks
from moto.cloudformation.utils import yaml_tag_constructor
from moto.core import responses
from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb import models
from moto.dynamodb.models import Table

_private_key = cache(rsa.generate_private_key)
_models_of_services = cache(create_loader)
_methods_of = cache(responses.method_names_from_class)
_sanitized = cache(botocore.useragent.sanitize_user_agent_string_component)
_serialize_structure = BaseJSONSerializer._serialize_type_structure


class _Loader(yaml.CLoader):
    """What moto reads templates with, by libyaml."""


_Loader.add_multi_constructor("", yaml_tag_constructor)


@cache
def _read(template: str) -> bytes:
    return pickle.dumps(yaml.load(template, Loader=_Loader))  # noqa: S506 (our own templates)


def _parse_template(template: str) -> Any:
    return pickle.loads(_read(template))  # noqa: S301 (written above)


@contextmanager
def quick_moto() -> Iterator[None]:
    """Read models of services and templates once, make one key, copy what can change.

    For each write of a transaction moto copies the whole table, down to the last value; once is
    enough, and the items with their attributes, as a write replaces whole values. A key that nobody
    uses need not be made anew for every table, and moto gives every test a session of its own,
    which would read botocore's big models anew. For each call it looks for all methods of a
    service, and botocore spells its user agent again.
    """
    transact = models.DynamoDBBackend.transact_write_items
    copies: dict[int, Table] = {}

    def copied(thing: Any) -> Any:
        if not isinstance(thing, Table):
            return copy.deepcopy(thing)
        if id(thing) not in copies:
            copies[id(thing)] = _copied(thing)
        return copies[id(thing)]

    def transact_with_one_copy(*given: Any) -> None:
        copies.clear()
        transact(*given)

    with ExitStack() as stack:
        for where, name, what in (
            (models, "copy", SimpleNamespace(copy=copy.copy, deepcopy=copied)),
            (models.DynamoDBBackend, "transact_write_items", transact_with_one_copy),
            (rsa, "generate_private_key", _private_key),
            (stacks.Stack, "parse_template", staticmethod(_parse_template)),
            (botocore.session, "create_loader", _models_of_services),
            (responses, "method_names_from_class", _methods_of),
            (BaseJSONSerializer, "_serialize_type_structure", _serialize),
            (botocore.useragent, "sanitize_user_agent_string_component", _sanitized),
        ):
            stack.enter_context(patch.object(where, name, what))
        yield


def _serialize(self: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
    """A value of DynamoDB has one type; moto would ask it for all ten, each by several names."""
    if shape.name != "AttributeValue" or not isinstance(value, dict):
        _serialize_structure(self, serialized, value, shape, key)
        return
    serialized[key] = made = {}
    for name, held in value.items():
        self._serialize(made, held, shape.members[name], name)


def _copied(table: Table) -> Table:
    made = copy.copy(table)
    made.items = table.items.copy()
    for key, held in table.items.items():
        made.items[key] = (
            {name: _item(each) for name, each in held.items()}
            if isinstance(held, dict)
            else _item(held)
        )
    return made


def _item(item: Any) -> Any:
    made = copy.copy(item)
    made.attrs = item.attrs.copy()
    return made
