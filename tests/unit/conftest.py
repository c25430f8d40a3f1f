"""Unit tests have no sockets, unless one says that it serves itself over loopback."""

import pytest
from pytest_socket import disable_socket, enable_socket


@pytest.fixture(autouse=True)
def no_sockets(request):
    if "enable_socket" in request.keywords:
        yield
        return
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()
