"""Functions and template agree: folders, handlers, settings, and what each may import."""

import json
import os
import re
import subprocess
import sys

import pytest

from tallycast.feeds.settings import (
    ManageSettings,
    PollSettings,
    PublishSettings,
    RegistrySettings,
    TickSettings,
)
from tests.support.functions import FUNCTIONS, function
from tests.support.template import ROOT, STAGES, deployment

# Which settings each function's use cases read.
SETTINGS = {
    "schedule_polls": TickSettings,
    "poll_feed": PollSettings,
    "publish_changes": PublishSettings,
    "manage_feeds": ManageSettings,
    "import_feed": RegistrySettings,
}
# What Powertools and the X-Ray SDK read for themselves.
OF_THE_LIBRARIES = re.compile(r"POWERTOOLS_|AWS_")
READERS = ("lxml", "feedparser", "httpcore")
NEVER = ("pandas", "pyarrow", "weasyprint", "chalice", "duckdb", "rich", "click", "yaml")
OURS_NEVER = ("tallycast.cli", "tallycast.demo")
# Without these a feed cannot be fetched or read; the others must start without them.
READING = {"poll_feed", "manage_feeds", "import_feed"}

pytestmark = pytest.mark.xdist_group("functions")  # what each imports is found out once

_IMPORT = """
import importlib.metadata, json, re, sys
sys.path.insert(0, sys.argv[1])
layer = {re.sub("[-_.]+", "-", name).lower() for name in json.loads(sys.argv[2])}
homes = importlib.metadata.packages_distributions()

class OnlyTheLayer:
    def find_spec(self, name, path=None, target=None):
        of = {re.sub("[-_.]+", "-", each).lower() for each in homes.get(name.split(".")[0], [])}
        if of and not of & (layer | {"tallycast"}):
            raise ModuleNotFoundError(f"{name} is not in the layer", name=name)

before = set(sys.modules)
sys.meta_path.insert(0, OnlyTheLayer())
import app
assert callable(app.lambda_handler)
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def layer() -> set[str]:
    """The distributions that the core layer holds."""
    lines = (ROOT / "layers/core/requirements.txt").read_text().splitlines()
    return {line.partition("==")[0] for line in lines if "==" in line and not line.startswith(" ")}


@pytest.fixture(scope="module")
def imported() -> dict[str, set[str]]:
    """The modules that each function imports when it starts with nothing but its layer."""
    found = {}
    for name in FUNCTIONS:
        command = [sys.executable, "-c", _IMPORT, str(ROOT / "functions" / name)]
        environment = {"PATH": os.environ["PATH"], "AWS_DEFAULT_REGION": "eu-central-1"}
        ran = subprocess.run(
            [*command, json.dumps(sorted(layer()))],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, f"{name}: {ran.stderr}"
        found[name] = set(json.loads(ran.stdout))
    return found


def test_every_folder_is_a_function_of_the_template_and_every_function_a_folder():
    assert sorted(deployment().functions) == FUNCTIONS


def test_a_function_is_named_after_its_folder_everywhere():
    for folder, made in deployment().functions.items():
        dashed = folder.replace("_", "-")
        assert made.name == "".join(part.title() for part in folder.split("_"))
        assert made.properties["FunctionName"] == f"tallycast-{dashed}"
        assert made.properties["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == folder
        assert made.properties["Handler"] == "app.lambda_handler"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_handler_is_documented_and_resolves(name):
    told = deployment().functions[name].properties["Environment"]["Variables"]
    with function(name, {key: str(value) for key, value in told.items()}) as made:
        assert callable(made.module.lambda_handler)
        assert made.module.__doc__
        assert made.module.lambda_handler.__doc__


@pytest.mark.parametrize("stage", STAGES)
def test_the_template_tells_every_setting_and_none_that_nobody_reads(stage):
    functions = deployment(stage).functions
    assert set(SETTINGS) == set(functions) == set(FUNCTIONS)
    for name, made in functions.items():
        told = {
            variable: str(value)
            for variable, value in made.properties["Environment"]["Variables"].items()
            if not OF_THE_LIBRARIES.match(variable)
        }
        assert set(told) == {field.upper() for field in SETTINGS[name].model_fields}, name
        SETTINGS[name].from_environment(told)


def test_no_function_reads_the_settings_of_another():
    for name, settings in SETTINGS.items():
        text = (ROOT / "functions" / name / "app.py").read_text()
        [module] = re.findall(r"from tallycast\.feeds\.use_cases\.(\w+) import", text)
        wiring = (ROOT / f"layers/core/tallycast/feeds/use_cases/{module}.py").read_text()
        assert set(re.findall(r"(\w+Settings)\.from_environment", wiring)) == {settings.__name__}


def test_a_function_starts_with_the_layer_alone(imported):
    assert set(imported) == set(FUNCTIONS)
    for name, modules in imported.items():
        heavy = {module for module in modules if module.split(".")[0] in NEVER}
        heavy |= {module for module in modules if module.startswith(OURS_NEVER)}
        assert heavy == set(), name


def test_only_functions_that_read_feeds_import_parsers_and_the_http_client(imported):
    for name, modules in imported.items():
        readers = modules & set(READERS)
        assert readers == (set(READERS) if name in READING else set()), name
