"""A function behind a gateway learns the address that it was asked by."""

from __future__ import annotations

import pytest

from infra.local.bridge import gateway_addresses
from infra.local.errors import EmulatorChangedError


def event(host):
    return {
        "headers": {"host": host},
        "multiValueHeaders": {"host": [host]},
        "requestContext": {"apiId": "abc", "path": "/live/v1/me"},
    }


def told(host):
    return gateway_addresses.addressed(lambda: event(host))()


def test_a_request_by_path_is_told_with_all_of_its_path():
    made = told("127.0.0.1:4566")
    assert made["requestContext"]["path"] == "/_aws/execute-api/abc/live/v1/me"
    assert made["headers"]["X-Forwarded-Proto"] == "http"
    assert made["multiValueHeaders"]["X-Forwarded-Proto"] == ["http"]


def test_a_request_by_host_is_told_as_it_is():
    made = told("abc.execute-api.localhost:4566")
    assert made["requestContext"]["path"] == "/live/v1/me"


def test_a_place_that_changed_is_refused(monkeypatch):
    monkeypatch.setattr(gateway_addresses, "_MADE", "made otherwise")
    with pytest.raises(EmulatorChangedError, match="events of API gateways"):
        gateway_addresses.check()
