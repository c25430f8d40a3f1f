"""Which port the local cloud listens on: the given one, the one it had before, or any free one."""

from __future__ import annotations

import socket

from infra.local.errors import BadPortError, PortTakenError

HOST = "127.0.0.1"
VARIABLE = "TALLYCAST_PORT"
HIGHEST = 65_535


def is_free(port: int) -> bool:
    """Whether nothing listens on this port of the loopback address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Without it a port that was closed a moment ago counts as taken for a minute.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def any_free() -> int:
    """A port of the loopback address that the system says is free now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def parse(text: str | None) -> int | None:
    """The port in an environment variable; None when it is unset or empty.

    Raises:
        BadPortError: it is no port.
    """
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= HIGHEST:
        raise BadPortError(text, VARIABLE)
    return int(text)


def choose(given: int | None, remembered: int | None) -> int:
    """The port to start on.

    Addresses of queues hold the port, and functions keep those addresses in their environment:
    a kept state cannot move to another port.

    Raises:
        PortTakenError: another program listens there, or the kept state is bound to another port.
    """
    if remembered is not None:
        if given not in (None, remembered):
            raise PortTakenError.moved(remembered, given, VARIABLE)
        if not is_free(remembered):
            raise PortTakenError.remembered(remembered)
        return remembered
    if given is not None:
        if not is_free(given):
            raise PortTakenError.given(given, VARIABLE)
        return given
    return any_free()
