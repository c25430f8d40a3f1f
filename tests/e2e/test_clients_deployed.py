"""Clients that a generator makes of the OpenAPI documents work against the deployed platform."""

from __future__ import annotations

import importlib
import pkgutil
import re
import shutil
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import yaml

from infra.local.doors import Door
from tallycast.identity.access import scopes_of
from tallycast.identity.model import Role
from tests.e2e.house import a_campaign, a_house, a_key, an_order
from tests.support.cloud import wait_until
from tests.support.template import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

PACKAGES = {"tallycast_api": "openapi.yaml", "tallycast_partner_api": "openapi-partner.yaml"}
SECONDS = 20


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """What `make client` wrote, importable; and what it said."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed: the documented command cannot be run")
    folder = tmp_path_factory.mktemp("client")
    # Without setting this very environment up again, whatever the age of its lock file.
    # Told by a make around it, make would say where it is.
    command = [
        "make",
        "--no-print-directory",
        "--assume-old=.venv/.ready",
        "client",
        f"CLIENT={folder}",
    ]
    ran = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    sys.path.insert(0, str(folder))
    yield SimpleNamespace(folder=folder, ran=ran)
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.partition(".")[0] in PACKAGES]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def house(steady):
    return a_house(steady, f"generated-{int(time.time())}")


def client_of(package, door):
    """An authenticated client of a door; no proxy stands between."""
    return importlib.import_module(package).AuthenticatedClient(
        base_url=door.url, token=door.token, httpx_args={"trust_env": False}
    )


@pytest.fixture(scope="module")
def api(generated, house):
    """The operations and models that the test needs, and a client of the owner's."""
    package = "tallycast_api"
    operations = {
        name: importlib.import_module(f"{package}.api.{place}.{name}")
        for place, name in (
            ("me", "show_me"),
            ("sponsors", "create_sponsor"),
            ("sponsors", "list_sponsors"),
            ("sponsors", "show_sponsor"),
            ("sponsors", "change_sponsor"),
        )
    }
    models = importlib.import_module(f"{package}.models")
    return SimpleNamespace(client=client_of(package, house.door()), models=models, **operations)


def made(api, name, key):
    body = api.models.NewSponsor(name=name, category="mattresses")
    return api.create_sponsor.sync_detailed(client=api.client, body=body, idempotency_key=key)


def test_the_generator_understands_all_of_both_documents(generated):
    assert generated.ran.returncode == 0, generated.ran.stdout + generated.ran.stderr
    said = generated.ran.stdout.splitlines()
    assert said == [f"Generating {generated.folder}/{package}" for package in PACKAGES]
    assert generated.ran.stderr == ""


@pytest.mark.parametrize("package", PACKAGES)
def test_everything_generated_can_be_imported_and_every_operation_is_there(generated, package):
    found = importlib.import_module(package)
    modules = [
        importlib.import_module(each.name)
        for each in pkgutil.walk_packages(found.__path__, f"{package}.")
    ]
    callable_ones = {
        each.__name__.rpartition(".")[2] for each in modules if hasattr(each, "sync_detailed")
    }
    text = (ROOT / "infra" / PACKAGES[package]).read_text()
    document = yaml.load(text, Loader=yaml.CSafeLoader)
    operations = {
        operation["operationId"]
        for path in document["paths"].values()
        for operation in path.values()
    }
    assert callable_ones == operations


def test_a_generated_client_reads_who_it_is(api, house):
    me = api.show_me.sync(client=api.client)
    assert (me.tenant, me.role, me.kind) == (house.tenant, "owner", "person")


def test_a_generated_client_creates_once_under_one_key(api):
    first, second = made(api, "Once", "once-1"), made(api, "Once", "once-1")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.parsed.id == second.parsed.id
    assert second.headers["idempotency-replayed"] == "true"
    other = made(api, "Another", "once-1")
    assert isinstance(other.parsed, api.models.Problem)
    assert (other.status_code, other.parsed.code) == (422, "idempotency-key-reused")


def test_a_generated_client_walks_through_a_list(api):
    ids = {made(api, f"Listed {n}", f"listed-{n}").parsed.id for n in range(3)}

    def walked():
        found, cursor = [], {}
        while True:
            page = api.list_sponsors.sync(client=api.client, limit=2, **cursor)
            assert len(page.items) <= 2
            found += [each.id for each in page.items]
            if page.next_ is None:
                return found
            cursor = {"cursor": page.next_}

    wait_until(lambda: ids <= set(walked()), SECONDS, "the index to follow")
    found = walked()
    assert len(found) == len(set(found)) > 2


def test_a_generated_client_changes_the_version_it_read_and_no_other(api):
    sponsor = made(api, "Changing", "changing-1").parsed
    read = api.show_sponsor.sync_detailed(sponsor.id, client=api.client)
    etag = read.headers["etag"]

    def changed(if_match, **facts):
        body = api.models.SponsorChange(**facts)
        return api.change_sponsor.sync_detailed(
            sponsor.id, client=api.client, body=body, if_match=if_match
        )

    good = changed(etag, website="https://changing.example")
    assert good.status_code == 200
    assert (good.parsed.website, good.parsed.name) == ("https://changing.example", "Changing")
    late = changed(etag, name="Too late")
    assert isinstance(late.parsed, api.models.Problem)
    assert (late.status_code, late.parsed.status, late.parsed.code) == (412, 412, "stale")
    wrong = changed(good.headers["etag"], name="")
    assert isinstance(wrong.parsed, api.models.Problem)
    assert (wrong.status_code, wrong.parsed.code) == (422, "fields-invalid")
    assert [each.pointer for each in wrong.parsed.errors] == ["/name"]
    kept = api.show_sponsor.sync(sponsor.id, client=api.client)
    assert (kept.name, kept.website) == ("Changing", "https://changing.example")


def test_a_partner_reads_its_campaign_with_the_other_generated_client(api, house):
    sponsor = made(api, "Advertised", "advertised-1").parsed
    post = house.door().post
    order = post("/v1/orders", an_order(sponsor.id))
    campaign = post("/v1/campaigns", a_campaign(sponsor.id, order["id"]))
    key = a_key(house, "partner", Role.PARTNER, sorted(scopes_of(Role.PARTNER)))
    package = "tallycast_partner_api"
    client = client_of(package, house.door(key, partner=True))
    show = importlib.import_module(f"{package}.api.campaigns.show_campaign")
    found = show.sync(campaign["id"], client=client)
    assert (found.id, found.sponsor_id, found.status) == (campaign["id"], sponsor.id, "draft")
    assert str(found.flight.starts_on) == campaign["flight"]["starts_on"]
    missing = show.sync_detailed("cmp_of_nobody", client=client)
    assert (missing.status_code, missing.parsed.code) == (404, "campaign-not-found")


def test_the_example_of_the_documentation_works(generated, house, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/api.md").read_text(), re.DOTALL)
    [example] = [each for each in blocks if "from tallycast_api import" in each]
    door = Door.of(house.cloud)
    given = {"API": door.url, "TOKEN": house.owner}
    exec(example, given)  # noqa: S102 - our own words
    assert given["made"].name == "Nordlicht"
    assert given["page"].items
