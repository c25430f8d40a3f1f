"""Wiring of `authorize`."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from tallycast.aws import clients
from tallycast.identity.authorizing import Authorizer
from tallycast.identity.directory import Directory
from tallycast.identity.settings import AuthorizeSettings
from tallycast.identity.tokens.keys import KeyStore, jwks_of
from tallycast.kernel.times import utc_now

if TYPE_CHECKING:
    from tallycast.identity.model import Principal


def principal(credential: str) -> Principal:
    """Who is behind a credential just now. Raises: as `Authorizer.principal`."""
    return _authorizer().principal(credential, utc_now())


@cache
def _authorizer() -> Authorizer:
    settings = AuthorizeSettings.from_environment()
    # The local cloud serves the user pool's keys where it serves everything.
    fetch = jwks_of(settings.issuer, os.environ.get("AWS_ENDPOINT_URL"))
    return Authorizer(
        directory=Directory(clients.table(settings.core_table)),
        keys=KeyStore(fetch),
        issuer=settings.issuer,
        app_client_id=settings.app_client_id,
    )
