"""`make up` says where the page is that shows the APIs, or how to get it."""

from __future__ import annotations

import shutil
import urllib.request
from contextlib import ExitStack

import pytest

from infra import reference_page
from infra.local import cli


@pytest.fixture
def said(monkeypatch):
    def say(*, built, npm):
        monkeypatch.setattr(reference_page, "is_built", lambda: built)
        monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}" if npm else None)
        with ExitStack() as with_us:
            return cli._reference(with_us)

    return say


def test_without_node_it_says_what_to_install(said):
    assert said(built=False, npm=False) == (
        "install Node for the page that shows the APIs, then `make reference`"
    )


def test_with_node_it_says_how_to_build_it(said):
    assert said(built=False, npm=True).startswith("`make reference` builds the page")


@pytest.mark.enable_socket
def test_a_page_that_was_built_is_shown_as_long_as_the_platform_runs(monkeypatch, tmp_path):
    shown = reference_page.shown
    monkeypatch.setattr(reference_page, "is_built", lambda: True)
    monkeypatch.setattr(reference_page, "shown", lambda: shown(tmp_path))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with ExitStack() as with_us:
        address = cli._reference(with_us)
        assert opener.open(f"{address}partner.html", timeout=5).status == 200
    with pytest.raises(OSError, match="refused"):
        opener.open(address, timeout=5)
