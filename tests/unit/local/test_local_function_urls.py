"""A function's URL hands on what was asked for, byte for byte."""

from __future__ import annotations

import asyncio

import pytest
from ministack import app
from ministack.services import lambda_svc

from infra.local.bridge import function_urls
from infra.local.errors import EmulatorChangedError


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/_aws/lambda-url/abc/e/k/https/h/a%2Fb", "/e/k/https/h/a%2Fb"),
        ("/_aws/lambda-url/abc", "/"),
        ("/_aws/lambda-url/abc/", "/"),
        ("/e/a%20b//c", "/e/a%20b//c"),
    ],
)
def test_the_part_that_names_the_function_here_is_left_out(path, seen):
    assert function_urls.raw(path, "x=%20&y") == (seen, "x=%20&y")


def test_once_applied_the_event_has_the_request_line(monkeypatch):
    async def serve(*_, **__):
        built.append(lambda_svc._build_function_url_event(
            "abc", "0", "eu-west-1", "GET", "/a b/c", {}, b"", {"x": [" "]}
        ))  # fmt: skip

    built = []
    monkeypatch.setattr(app, "_handle_special_data_plane_request", serve)
    monkeypatch.setattr(
        lambda_svc, "_build_function_url_event", lambda_svc._build_function_url_event
    )
    monkeypatch.setattr(function_urls, "check", lambda: None)
    function_urls.apply()
    served = app._handle_special_data_plane_request
    asyncio.run(served(raw_path="/_aws/lambda-url/abc/a%20b%2Fc", raw_query_string="x=%20&&y"))
    asyncio.run(served())
    asked, inside = built
    assert (asked["rawPath"], asked["rawQueryString"]) == ("/a%20b%2Fc", "x=%20&&y")
    assert asked["requestContext"]["http"]["path"] == "/a%20b%2Fc"
    assert inside["rawPath"] == "/a b/c"  # a call that came without a request line


def _other(path):
    """Builds no event."""


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (lambda_svc, "_build_function_url_event"),
        (app, "_handle_special_data_plane_request"),
    ],
)
def test_a_place_that_changed_is_refused(monkeypatch, module, name):
    for place in (None, _other):
        monkeypatch.setattr(module, name, place)
        with pytest.raises(EmulatorChangedError, match=r"function URLs.*make setup"):
            function_urls.check()


def test_the_pinned_version_has_the_places():
    function_urls.check()
