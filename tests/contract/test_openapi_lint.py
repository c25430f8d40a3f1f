"""Spectral, with the rules of `.spectral.yaml`, finds nothing in the OpenAPI documents."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.node import installed
from tests.support.template import ROOT

DOCUMENTS = ("infra/openapi.yaml", "infra/openapi-partner.yaml")
OURS = sorted(
    name
    for name, rule in yaml.safe_load((ROOT / ".spectral.yaml").read_text())["rules"].items()
    if isinstance(rule, dict)
)
# Everything that a rule of ours is against.
SPOILT = {
    "openapi": "3.1.0",
    "info": {"title": "Spoilt", "version": "1"},
    "paths": {
        "/v1/theThings": {
            "post": {
                "operationId": "makeThing",
                "tags": ["one", "two"],
                "summary": "Make a thing.",
                "security": [],
                "parameters": [{"name": "Idempotency-Key", "in": "header", "required": False}],
                "responses": {
                    "201": {"description": "Done", "headers": {}},
                    "400": {"description": "No", "content": {"application/json": {}}},
                },
            },
            "patch": {
                "operationId": "change_thing",
                "tags": ["one"],
                "summary": "Change a thing",
                "security": [{"key": []}],
                "parameters": [],
                "requestBody": {"content": {"application/json": {}, "text/csv": {}}},
                "responses": {"200": {"description": "Done"}},
            },
        }
    },
    "components": {"schemas": {"Thing": {"type": "object", "properties": {"itsName": {}}}}},
}


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    """What Spectral says of the two documents, and of one in which everything is wrong."""
    spoilt = tmp_path_factory.mktemp("spoilt") / "openapi.yaml"
    spoilt.write_text(yaml.safe_dump(SPOILT))
    program = installed() / "node_modules/.bin/spectral"
    ran = subprocess.run(
        [program, "lint", "--format", "json", "--quiet", *DOCUMENTS, spoilt],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 1, ran.stderr
    found = json.loads(ran.stdout)
    assert all(Path(each["source"]).is_absolute() for each in found)
    return [(Path(each["source"]), each["code"], each["path"]) for each in found], spoilt


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_linter_of_others_finds_nothing_in_a_document(findings, document):
    found, _ = findings
    assert [(code, path) for source, code, path in found if source == ROOT / document] == []


@pytest.mark.parametrize("rule", OURS)
def test_a_rule_of_ours_finds_what_it_is_against(findings, rule):
    found, spoilt = findings
    assert rule in {code for source, code, _ in found if source == spoilt}
