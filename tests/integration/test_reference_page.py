"""The page that shows the two APIs is built from the repository and needs nobody else's host."""

import re
import shutil
import subprocess
import urllib.request

import pytest
import yaml

from infra import reference_page

pytestmark = pytest.mark.enable_socket

PAGES = {"index.html": "openapi.yaml", "partner.html": "openapi-partner.yaml"}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder that `make reference` makes."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed: Redoc, which the page is made with, cannot be fetched")
    return reference_page.build(tmp_path_factory.mktemp("reference"))


@pytest.fixture(scope="module")
def served(built):
    with reference_page.shown(built) as address:
        yield address


def got(address):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(address, timeout=10) as reply:
        return reply.read().decode(), reply.headers


def directives(policy):
    return {name: sources for name, *sources in (each.split() for each in policy.split(";"))}


@pytest.mark.parametrize("page", PAGES)
def test_everything_that_a_page_names_lies_beside_it(served, page):
    text, _ = got(served + page)
    named = re.findall(r'(?:src|href|data-document)="([^"]+)"', text)
    assert PAGES[page] in named
    beside = [each for each in named if each != "data:,"]
    assert all(re.fullmatch(r"[\w.-]+", each) for each in beside)
    for each in beside:
        assert got(served + each)[0]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_may_load_and_run_nothing_but_what_lies_beside_it(served, page):
    text, headers = got(served + page)
    [own] = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    sent = headers["Content-Security-Policy"]
    assert directives(sent) == {**directives(own), "frame-ancestors": ["'none'"]}
    allowed = directives(own)
    assert (allowed["default-src"], allowed["script-src"]) == (["'none'"], ["'self'"])
    every = {source for sources in allowed.values() for source in sources}
    assert every <= {"'none'", "'self'", "'unsafe-inline'", "data:", "blob:"}
    assert [name for name in allowed if "'unsafe-inline'" in allowed[name]] == ["style-src"]
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", text) == []


def test_the_documents_shown_are_those_of_today(built, served):
    for name in PAGES.values():
        (built / name).write_text("of yesterday")
    reference_page.assemble(built)
    for name in PAGES.values():
        assert got(served + name)[0] == (reference_page.ROOT / "infra" / name).read_text()


@pytest.mark.parametrize("page", PAGES)
def test_a_browser_that_reaches_no_other_host_shows_every_operation(served, page, tmp_path):
    found = [path for path in map(shutil.which, BROWSERS) if path]
    if not found:
        pytest.skip("there is no Chromium to look at the page with")
    ran = subprocess.run(
        [
            found[0],
            *QUIET,
            f"--user-data-dir={tmp_path}",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            "--enable-logging=stderr",
            "--virtual-time-budget=15000",
            "--dump-dom",
            served + page,
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    document = yaml.load(
        (reference_page.ROOT / "infra" / PAGES[page]).read_text(), Loader=yaml.CSafeLoader
    )
    shown = ran.stdout
    operations = {
        operation["operationId"]: f"tag/{operation['tags'][0].replace(' ', '-')}/operation"
        for path in document["paths"].values()
        for operation in path.values()
    }
    missing = [name for name, place in operations.items() if f'"{place}/{name}"' not in shown]
    assert missing == [], ran.stderr
    groups = [group["name"] for group in document["x-tagGroups"]]
    assert [name for name in groups if f">{name}<" not in shown] == []
    assert [line for line in ran.stderr.splitlines() if "CONSOLE" in line] == []


def test_every_operation_stands_under_a_heading_of_ours():
    for name in PAGES.values():
        document = yaml.load(
            (reference_page.ROOT / "infra" / name).read_text(), Loader=yaml.CSafeLoader
        )
        grouped = [tag for group in document["x-tagGroups"] for tag in group["tags"]]
        assert sorted(grouped) == sorted(tag["name"] for tag in document["tags"])
        assert "More" not in {group["name"] for group in document["x-tagGroups"]}, (
            "give the new tag its place in `GROUPS`"
        )
