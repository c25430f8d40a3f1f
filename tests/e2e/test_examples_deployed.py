"""Every example of the documentation works on the deployed platform, as it stands there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time

import pytest

from infra.local.doors import Door
from tests.e2e.house import a_campaign, a_house, an_order
from tests.support.cloud import call
from tests.support.template import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

HELPER = "field() {"
MARK = "\x1e"
SECONDS = 120
PROBLEM = {"type", "title", "status", "code"}


def examples(page):
    return re.findall(r"^```sh\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)


PAGES = {page.stem: examples(page) for page in sorted((ROOT / "docs").glob("*.md"))}
PAGES = {name: found for name, found in PAGES.items() if found}
[FIELD] = [each for found in PAGES.values() for each in found if each.startswith(HELPER)]


@pytest.fixture(scope="module")
def environment(steady):
    """What the pages say is given: addresses and credentials; and a campaign to read about.

    Nothing of a proxy stands in it.
    """
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed: the examples cannot be run")
    house = a_house(steady, f"reader-{int(time.time())}")
    other, owner = f"{house.tenant}-2", f"owner@{house.tenant}.example"
    begun = {"command": "bootstrap", "tenant": other, "owner": owner}
    answer, failed = call(steady, "ManageIdentity", begun)
    assert not failed, answer
    assert "error" not in answer, answer
    post = house.door().post
    sponsor = post("/v1/sponsors", {"name": "Known already", "category": "sofas"})
    order = post("/v1/orders", an_order(sponsor["id"]))
    post("/v1/campaigns", a_campaign(sponsor["id"], order["id"]))
    return {
        "PATH": os.environ["PATH"],
        "API": Door.of(steady).url,
        "PARTNER_API": Door.of(steady, "PartnerApi").url,
        "TOKEN": house.owner,
        "OTHER_TENANT": other,
        "SIGN_IN": steady.endpoint,
    }


def documents(text):
    """The JSON documents that a text consists of."""
    decoder, found, rest = json.JSONDecoder(), [], text.strip()
    while rest:
        document, end = decoder.raw_decode(rest)
        found.append(document)
        rest = rest[end:].strip()
    return found


def ran(blocks, environment, folder):
    """What each block printed, run one after the other by one shell, as far as it came."""
    script = "".join(f"{block}printf '{MARK}'\n" for block in blocks)
    shell = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    *done, rest = shell.stdout.split(MARK)
    at = blocks[len(done)] if shell.returncode else ""
    assert shell.returncode == 0, f"{at}\n{rest}\n{shell.stderr}"
    assert len(done) == len(blocks)
    return done


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page_work_in_their_order(environment, tmp_path, page):
    blocks = [each for each in PAGES[page] if each != FIELD]
    printed = [documents(text) for text in ran([FIELD, *blocks], environment, tmp_path)[1:]]
    said = [document for found in printed for document in found]
    assert said, "no example shows an answer"
    assert [each for each in said if each.keys() >= PROBLEM] == []


def test_an_example_that_is_refused_does_not_pass(environment, tmp_path):
    """So that the test above cannot pass for a wrong reason."""
    refused = 'curl -sS --fail-with-body "$API/v1/me"\n'
    with pytest.raises(AssertionError, match="unauthenticated"):
        ran([FIELD, refused], environment, tmp_path)
    piped = 'id=$(curl -sS --fail-with-body "$API/v1/me" | field id)\n'
    with pytest.raises(AssertionError, match="401"):
        ran([FIELD, piped], environment, tmp_path)


def test_the_pages_that_people_begin_with_have_examples():
    assert {"api", "webhooks", "identity", "analytics"} <= set(PAGES)
    plain = [line for found in PAGES.values() for each in found for line in each.splitlines()]
    calls = [line for line in plain if "curl " in line]
    assert len(calls) > 15
