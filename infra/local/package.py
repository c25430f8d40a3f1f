"""Turn a template that points at local folders into one that points at objects in a bucket.

What `sam package` does, for the few properties our templates use: code of functions and layers,
nested stacks, definitions of state machines and APIs, and `AWS::Include`.
"""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from infra.local import archive
from infra.local.errors import TemplateError
from infra.local.template import Tree, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_ARCHIVES = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
}
_DEFINITIONS = {
    "AWS::Serverless::StateMachine": "DefinitionUri",
    "AWS::Serverless::Api": "DefinitionUri",
}
_NESTED = "AWS::CloudFormation::Stack"
_REMOTE = ("s3://", "http://", "https://")


@dataclass(slots=True)
class Bundle:
    """A packaged template and what it points at.

    Attributes:
        template: the template's own key; every other key is found in the template.
        objects: how to make each object's bytes, by key. A key names its content, so an object
            that is in the bucket already need not be made.
    """

    template: str = ""
    objects: dict[str, Callable[[], bytes]] = field(default_factory=dict)


def package(path: Path, *, bucket: str, endpoint: str) -> Bundle:
    """Package the template in a file and, through it, everything it names.

    Raises:
        TemplateError: the template, or something it points at, cannot be read.
    """
    bundle = Bundle()
    bundle.template = _Packager(bundle, bucket, endpoint).template(path)
    return bundle


@dataclass(frozen=True, slots=True)
class _Packager:
    bundle: Bundle
    bucket: str
    endpoint: str

    def template(self, path: Path) -> str:
        """Add a template; its key."""
        tree = copy.deepcopy(read(path))
        base = path.parent
        for name, resource in (tree.get("Resources") or {}).items():
            if isinstance(resource, dict):
                self._resource(name, resource, base)
        for include in _includes(tree):
            location = include.get("Location")
            if _is_local(location):
                include["Location"] = self._s3(self._document(base / str(location)))
        return self._json("template", tree)

    def _resource(self, name: str, resource: Tree, base: Path) -> None:
        kind, properties = resource.get("Type", ""), resource.get("Properties") or {}
        if (key := _ARCHIVES.get(kind)) and _is_local(properties.get(key)):
            by_makefile = (resource.get("Metadata") or {}).get("BuildMethod") == "makefile"
            properties[key] = self._s3(
                self._archive(name, base / properties[key], by_makefile=by_makefile)
            )
        if (key := _DEFINITIONS.get(kind)) and _is_local(properties.get(key)):
            properties[key] = self._s3(self._document(base / properties[key]))
        if kind == _NESTED and _is_local(properties.get("TemplateURL")):
            nested = self.template(base / properties["TemplateURL"])
            properties["TemplateURL"] = f"{self.endpoint}/{self.bucket}/{nested}"

    def _archive(self, name: str, folder: Path, *, by_makefile: bool) -> str:
        if not folder.is_dir():
            raise TemplateError(f"{name} points at {folder}, which is no folder", resource=name)
        files = _layer_files(folder) if by_makefile else archive.files_of(folder)
        if not files:
            raise TemplateError(f"{name} points at {folder}, which is empty", resource=name)
        contents = {entry: path.read_bytes() for entry, path in files.items()}
        key = f"{name}/{archive.fingerprint(contents)}.zip"
        self.bundle.objects[key] = lambda: archive.zipped(contents)
        return key

    def _document(self, path: Path) -> str:
        return self._json(path.name.partition(".")[0], read(path))

    def _json(self, name: str, tree: Tree) -> str:
        data = json.dumps(tree).encode()
        key = f"{name}/{hashlib.sha256(data).hexdigest()[:32]}.json"
        self.bundle.objects[key] = lambda: data
        return key

    def _s3(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"


def _is_local(value: object) -> bool:
    return isinstance(value, str) and not value.startswith(_REMOTE)


def _layer_files(folder: Path) -> dict[str, Path]:
    """What a layer's Makefile would put under `python/`, but for the third-party packages.

    Workers run on this environment's interpreter, where those are installed from the same lock. Of
    a layer that holds nothing else, only the list of its packages is left.
    """
    packages = [path.parent for path in sorted(folder.glob("*/__init__.py"))]
    files: dict[str, Path] = {}
    for found in packages:
        files |= archive.files_of(found, prefix=f"python/{found.name}/")
    pins = folder / "requirements.txt"
    if not files and pins.is_file():
        files["python/requirements.txt"] = pins
    return files


def _includes(node: object) -> Iterator[Tree]:
    """The parameters of every `AWS::Include` in a tree."""
    if isinstance(node, dict):
        transform = node.get("Fn::Transform")
        if isinstance(transform, dict) and transform.get("Name") == "AWS::Include":
            parameters = transform.get("Parameters")
            if isinstance(parameters, dict):
                yield parameters
        for child in node.values():
            yield from _includes(child)
    elif isinstance(node, list):
        for child in node:
            yield from _includes(child)
