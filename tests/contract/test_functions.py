"""Functions and template agree: folders, handlers, settings, and what each may import."""

import json
import os
import re
import subprocess
import sys

import pytest

from tallycast.analytics.settings import ExportTableSettings
from tallycast.api.settings import ApiSettings
from tallycast.aws.settings import Settings
from tallycast.feeds.settings import (
    ManageSettings,
    PollSettings,
    PublishSettings,
    RegistrySettings,
    TickSettings,
)
from tallycast.identity.audit.settings import ManageAuditSettings, SealSettings
from tallycast.identity.settings import AuthorizeSettings, MintSettings, PoolSettings
from tallycast.measurement.lake.settings import CompactSettings
from tallycast.measurement.reference.settings import KeySettings, RefreshSettings
from tallycast.measurement.settings import (
    CountSettings,
    IngestSettings,
    ManageMeasurementSettings,
    ScheduleCountsSettings,
)
from tallycast.measurement.tracking.settings import LearnSettings, ReplaySettings
from tallycast.measurement.tracking.use_cases.track import redirect_with
from tallycast.partners.connections.settings import RefreshConnectionsSettings
from tallycast.partners.settings import (
    QueueWebhooksSettings,
    RequeueWebhooksSettings,
    SendWebhookSettings,
    TakeHookSettings,
)
from tallycast.sponsorship.settings import FlightSettings
from tests.support.functions import FUNCTIONS, function
from tests.support.template import ROOT, STAGES, deployment

# Which settings each function's use cases read.
SETTINGS: dict[str, type[Settings]] = {
    "schedule_polls": TickSettings,
    "poll_feed": PollSettings,
    "publish_changes": PublishSettings,
    "manage_feeds": ManageSettings,
    "import_feed": RegistrySettings,
    "ingest_log": IngestSettings,
    "schedule_counts": ScheduleCountsSettings,
    "count_downloads": CountSettings,
    "compact_lake": CompactSettings,
    "refresh_reference": RefreshSettings,
    "rotate_keys": KeySettings,
    "manage_measurement": ManageMeasurementSettings,
    "learn_hosts": LearnSettings,
    "replay_hits": ReplaySettings,
    "run_flights": FlightSettings,
    "queue_webhooks": QueueWebhooksSettings,
    "send_webhook": SendWebhookSettings,
    "requeue_webhooks": RequeueWebhooksSettings,
    "take_hook": TakeHookSettings,
    "seal_audit": SealSettings,
    "manage_audit": ManageAuditSettings,
    "refresh_connections": RefreshConnectionsSettings,
    "authorize": AuthorizeSettings,
    "mint_claims": MintSettings,
    "manage_identity": PoolSettings,
    "export_table": ExportTableSettings,
    "api": ApiSettings,
    "partner_api": ApiSettings,
}
# The two that answer HTTP are made of every room's use cases; a room reads a part of the settings.
DOORS = ("api", "partner_api")
# A listener waits while this one starts: it reads its environment without pydantic.
REDIRECT = "track_download"
# What Powertools and the X-Ray SDK read for themselves.
OF_THE_LIBRARIES = re.compile(r"POWERTOOLS_|AWS_")
CORE, MEASUREMENT, API = "CoreLayer", "MeasurementLayer", "ApiLayer"
LAYERS = {CORE: "layers/core", MEASUREMENT: "layers/measurement", API: "layers/api"}
# What the second layer is there for, and who needs which of it to start.
ENGINES = {
    "ingest_log": {"duckdb", "re2"},
    "count_downloads": {"duckdb", "re2"},
    "compact_lake": {"duckdb"},
    "export_table": {"duckdb"},
    "refresh_reference": {"re2"},
}
# Without these a document cannot be fetched or a feed read; the others must start without them.
READERS = ("lxml", "feedparser", "httpcore")
READING = {name: set(READERS) for name in ("poll_feed", "manage_feeds", "import_feed")}
READING["refresh_reference"] = {"httpcore"}
READING["send_webhook"] = {"httpcore"}
# They judge addresses as the guard of fetches does, and ask providers of connections for tokens.
READING["api"] = READING["partner_api"] = {"httpcore"}
READING["refresh_connections"] = {"httpcore"}
# Of the third layer: what routes requests, and what verifies tokens.
OF_THE_DOORS = {"chalice", "joserfc"}
HTTP = {"api": {"chalice"}, "partner_api": {"chalice"}, "authorize": {"joserfc"}}
HTTP["refresh_connections"] = set()  # seals tokens with the layer's cryptography

NEVER = ("pandas", "pyarrow", "numpy", "awswrangler", "sqlglot", "weasyprint",
         "rich", "click", "yaml", "moto")  # fmt: skip
OURS_NEVER = ("tallycast.cli", "tallycast.demo")
# All of ours that the redirect is made of: each of them imports the standard library alone.
OF_THE_REDIRECT = {
    "tallycast",
    "tallycast.kernel",
    "tallycast.kernel.errors",
    "tallycast.kernel.keys",
    "tallycast.measurement",
    "tallycast.measurement.lengths",
    "tallycast.measurement.privacy",
    "tallycast.measurement.privacy.addresses",
    "tallycast.measurement.privacy.keys",
    "tallycast.measurement.tracking",
    "tallycast.measurement.tracking.address",
    "tallycast.measurement.tracking.directory",
    "tallycast.measurement.tracking.dynamodb",
    "tallycast.measurement.tracking.hashing",
    "tallycast.measurement.tracking.hit",
    "tallycast.measurement.tracking.keys",
    "tallycast.measurement.tracking.redirect",
    "tallycast.measurement.tracking.shows",
    "tallycast.measurement.tracking.signing",
    "tallycast.measurement.tracking.use_cases",
    "tallycast.measurement.tracking.use_cases.track",
    "tallycast.measurement.tracking.viewer",
}


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


def held_by(layer: str) -> set[str]:
    """The distributions that a layer holds."""
    lines = (ROOT / LAYERS[layer] / "requirements.txt").read_text().splitlines()
    return {line.partition("==")[0] for line in lines if "==" in line and not line.startswith(" ")}


def layers_of(name: str) -> list[str]:
    """The layers that the template gives a function; SAM puts a digest behind their names."""
    refs = deployment().functions[name].properties["Layers"]
    return [
        layer for ref in refs for layer in LAYERS if re.fullmatch(f"{layer}[0-9a-f]{{10}}", ref)
    ]


@pytest.fixture(scope="module")
def imported() -> dict[str, set[str]]:
    """The modules that each function imports when it starts with nothing but its layers."""
    found = {}
    for name in FUNCTIONS:
        held = set().union(*map(held_by, layers_of(name)))
        command = [sys.executable, "-c", _IMPORT, str(ROOT / "functions" / name)]
        environment = {"PATH": os.environ["PATH"], "AWS_DEFAULT_REGION": "eu-central-1"}
        ran = subprocess.run(
            [*command, json.dumps(sorted(held))],
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
    assert {*SETTINGS, REDIRECT} == set(functions) == set(FUNCTIONS)
    for name, made in functions.items():
        told = told_to(made)
        if name == REDIRECT:
            continue
        assert set(told) == {field.upper() for field in SETTINGS[name].model_fields}, name
        SETTINGS[name].from_environment(told)


def told_to(function) -> dict[str, str]:
    """What the template tells a function, without what is for the libraries."""
    return {
        variable: str(value)
        for variable, value in function.properties["Environment"]["Variables"].items()
        if not OF_THE_LIBRARIES.match(variable)
    }


class Watched(dict):
    """An environment that knows what it was asked for."""

    def __init__(self, given):
        super().__init__(given)
        self.asked = set()

    def __getitem__(self, name):
        self.asked.add(name)
        return super().__getitem__(name)

    def get(self, name, default=None):
        self.asked.add(name)
        return super().get(name, default)


@pytest.mark.parametrize("stage", STAGES)
def test_the_redirect_is_told_what_it_reads_and_nothing_else(stage):
    told = told_to(deployment(stage).functions[REDIRECT])
    lambdas_own = {
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }
    environment = Watched({**told, **lambdas_own})
    redirect_with(environment)
    read = {name for name in environment.asked if not OF_THE_LIBRARIES.match(name)}
    assert read == set(told) == {"CORE_TABLE", "PRIVACY_TABLE", "EDGE_SECRET"}
    assert environment.asked >= set(lambdas_own)


def test_no_function_reads_the_settings_of_another():
    for name in FUNCTIONS:
        if name in DOORS:
            continue
        text = (ROOT / "functions" / name / "app.py").read_text()
        [module] = re.findall(r"from (tallycast\.[\w.]*\buse_cases\b[\w.]*) import", text)
        wiring = (ROOT / f"layers/core/{module.replace('.', '/')}.py").read_text()
        read = set(re.findall(r"(\w+Settings)\.from_environment", wiring))
        assert read == ({SETTINGS[name].__name__} if name in SETTINGS else set()), name


def test_a_function_starts_with_its_layers_alone(imported):
    assert set(imported) == set(FUNCTIONS)
    for name, modules in imported.items():
        heavy = {module for module in modules if module.split(".")[0] in NEVER}
        heavy |= {module for module in modules if module.startswith(OURS_NEVER)}
        assert heavy == set(), name


def test_only_functions_that_need_a_further_layer_have_it(imported):
    assert not held_by(CORE) & held_by(MEASUREMENT)
    assert not (held_by(CORE) | held_by(MEASUREMENT)) & held_by(API)
    for name, modules in imported.items():
        wanted = [
            CORE,
            *([MEASUREMENT] if name in ENGINES else []),
            *([API] if name in HTTP else []),
        ]
        assert modules & OF_THE_DOORS == HTTP.get(name, set()), name
        assert layers_of(name) == wanted, name
        assert len(deployment().functions[name].properties["Layers"]) == len(wanted), name
        assert modules & {"duckdb", "re2"} == ENGINES.get(name, set()), name


def test_only_functions_that_fetch_import_parsers_and_the_http_client(imported):
    for name, modules in imported.items():
        assert modules & set(READERS) == READING.get(name, set()), name


def test_the_redirect_is_made_of_the_standard_library_and_these_modules(imported):
    ours = {name for name in imported[REDIRECT] if name.partition(".")[0] == "tallycast"}
    assert ours == OF_THE_REDIRECT
    others = {name.partition(".")[0] for name in imported[REDIRECT]} - {"tallycast", "app"}
    assert others - set(sys.stdlib_module_names) == set()
