"""What each function of the identity room is told by its environment."""

from __future__ import annotations

from tallycast.aws.settings import Settings


class MintSettings(Settings):
    """`mint_claims`."""

    core_table: str


class PoolSettings(Settings):
    """`manage_identity`, and the HTTP functions' part in identity."""

    core_table: str
    user_pool_id: str


class AuthorizeSettings(Settings):
    """`authorize`.

    Attributes:
        issuer: of the tokens, `https://cognito-idp.<region>.amazonaws.com/<pool>`.
        app_client_id: the web app's client, the only one that people sign in with.
    """

    core_table: str
    issuer: str
    app_client_id: str
