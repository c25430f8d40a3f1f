"""What those who use connections are told by their environment."""

from __future__ import annotations

from tallycast.aws.settings import Settings


class ConnectionsSettings(Settings):
    """Of everything that uses connections.

    `connections_secret` is the ARN of the secret that names the providers; `fetch_allow_list`
    opens loopback addresses, on a laptop.
    """

    core_table: str
    secrets_key: str
    connections_secret: str
    fetch_allow_list: str = ""


class RefreshConnectionsSettings(ConnectionsSettings):
    """`refresh_connections`."""
