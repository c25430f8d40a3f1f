"""The platforms that can be connected, as data; what differs from stage to stage is in a secret.

The secret is JSON: `{"callback_url": …, "providers": {"spotify": {"client_id": …, "client_secret":
…}, …}}`. An entry may say anything that `Provider` has, over what is built in, and an entry under
another name is a provider of its own: a hosting platform that speaks OAuth 2.0.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import Field, SecretStr, ValidationError

from tallycast.aws.errors import translated
from tallycast.kernel.errors import NotFoundError, PermanentError
from tallycast.kernel.schema import Produced

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_secretsmanager.client import SecretsManagerClient

HOSTING: Final = "hosting"  # what an entry is built on whose name we do not know
_KEPT_SECONDS: Final = 300.0  # a secret that was changed is known after five minutes


class ProviderNotFoundError(NotFoundError):
    """No such platform can be connected here."""


class BadProvidersError(PermanentError):
    """The secret that names the providers cannot be read."""


class Provider(Produced):
    """A platform and how it speaks OAuth 2.0.

    Attributes:
        authorize_url: where a person is sent to; `parameters` go along.
        token_url: where codes and refresh tokens are exchanged.
        revoke_url: RFC 7009; None where there is no such endpoint.
        pkce: whether codes are bound to a verifier (RFC 7636, S256).
        rotates: whether a refresh token is good for one use, and a new one comes with each.
        client_auth: how the client shows its secret: `basic` in a header, `post` in the body.
        access_seconds: how long an access token lives when the answer does not say.
        refresh_days: how long a refresh token lives, None for until it is revoked or unused.
        removal_url: where a person takes our access away by hand.
    """

    name: str
    title: str
    authorize_url: str = ""
    token_url: str = ""
    revoke_url: str | None = None
    scopes: tuple[str, ...] = ()
    parameters: dict[str, str] = Field(default_factory=dict)
    pkce: bool = True
    rotates: bool = False
    client_auth: Literal["basic", "post"] = "post"
    access_seconds: int = Field(default=3600, ge=60, le=90 * 86400)
    refresh_days: int | None = Field(default=None, ge=1)
    removal_url: str | None = None
    client_id: str = ""
    client_secret: SecretStr = SecretStr("")

    @property
    def usable(self) -> bool:
        """Whether enough is known to connect to it."""
        return bool(self.authorize_url and self.token_url and self.client_id)


PROVIDERS: Final[Mapping[str, Provider]] = {
    provider.name: provider
    for provider in (
        Provider(
            name="spotify",
            title="Spotify",
            authorize_url="https://accounts.spotify.com/authorize",
            token_url="https://accounts.spotify.com/api/token",  # noqa: S106 - an address
            scopes=("user-read-private",),
            rotates=True,
            client_auth="basic",
            removal_url="https://www.spotify.com/account/apps/",
        ),
        Provider(
            name="google",
            title="YouTube (Google)",
            authorize_url="https://accounts.google.com/o/oauth2/v2/auth",
            token_url="https://oauth2.googleapis.com/token",  # noqa: S106 - an address
            revoke_url="https://oauth2.googleapis.com/revoke",
            scopes=(
                "https://www.googleapis.com/auth/youtube.readonly",
                "https://www.googleapis.com/auth/yt-analytics.readonly",
            ),
            # Without these Google gives a refresh token the first time only, or none.
            parameters={"access_type": "offline", "prompt": "consent"},
            removal_url="https://myaccount.google.com/connections",
        ),
        Provider(name=HOSTING, title="Hosting platform", rotates=True),
    )
}


class Directory(Produced):
    """The providers of this stage, and the address that they send people back to.

    Attributes:
        callback_url: as registered at the providers; None for the API's own address.
    """

    providers: dict[str, Provider]
    callback_url: str | None = None

    def get(self, name: str) -> Provider:
        """A provider by name.

        Raises:
            ProviderNotFoundError: there is none, or this stage has no client of it.
        """
        found = self.providers.get(name)
        if found is None or not found.usable:
            known = ", ".join(sorted(each.name for each in self.usable)) or "none"
            raise ProviderNotFoundError(
                f"{name[:40]!r} cannot be connected here; what can be: {known}", provider=name
            )
        return found

    @property
    def usable(self) -> list[Provider]:
        """All that can be connected."""
        return [each for each in self.providers.values() if each.usable]


def directory_of(secret: str) -> Directory:
    """Read the secret's JSON.

    Raises:
        BadProvidersError: what is wrong with it; the message holds nothing of its values.
    """
    try:
        said: dict[str, Any] = json.loads(secret)
        entries = dict(said.get("providers", {}))
        made = {
            name: Provider(**_base(name) | dict(entries.get(name, {})))
            for name in {*PROVIDERS, *entries}
        }
        return Directory(providers=made, callback_url=said.get("callback_url"))
    except ValidationError as error:
        where = ", ".join(".".join(map(str, each["loc"])) for each in error.errors())
        raise BadProvidersError(f"the secret of providers is wrong at {where}") from None
    except (ValueError, TypeError, AttributeError):
        raise BadProvidersError("the secret of providers is no JSON object of objects") from None


def _base(name: str) -> dict[str, Any]:
    provider = PROVIDERS.get(name) or PROVIDERS[HOSTING].model_copy(
        update={"name": name, "title": name.replace("-", " ").title()}
    )
    return provider.model_dump()


class Providers:
    """Reads the directory, and again once it may have changed.

    Args:
        client: of Secrets Manager.
        secret: its ARN.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        client: SecretsManagerClient,
        secret: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._secret = secret
        self._clock = clock
        self._read: tuple[float, Directory] | None = None

    def __call__(self) -> Directory:
        """The directory as it is, or was up to five minutes ago.

        Raises:
            BadProvidersError: the secret cannot be read.
            ServiceUnavailableError: Secrets Manager does not answer.
        """
        if self._read is None or self._clock() - self._read[0] > _KEPT_SECONDS:
            with translated("read the secret of providers"):
                found = self._client.get_secret_value(SecretId=self._secret)
            self._read = self._clock(), directory_of(found["SecretString"])
        return self._read[1]
