"""Accounts of people and app clients of machines, in the Cognito user pool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tallycast.aws.errors import translated
from tallycast.identity.access import RESOURCE_SERVER
from tallycast.kernel.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_cognito_idp.client import CognitoIdentityProviderClient
    from mypy_boto3_cognito_idp.type_defs import AttributeTypeTypeDef

_MACHINE_TOKEN_MINUTES: Final = 60


class EmailRefusedError(InvalidError):
    """The user pool takes no account with this e-mail address."""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody's account; `username` is the `sub` of its tokens."""

    username: str
    email: str


@dataclass(frozen=True, slots=True)
class AppClient:
    """A machine's way in. Its secret is shown once: we keep it nowhere."""

    client_id: str
    secret: str


class Accounts:
    """The user pool, as far as we change it."""

    def __init__(self, client: CognitoIdentityProviderClient, user_pool_id: str) -> None:
        self._client = client
        self._pool = user_pool_id

    def account(self, email: str) -> Account:
        """The account of an e-mail address; made when there is none.

        Cognito writes to a new one with a password that is good for a week.

        Raises:
            EmailRefusedError: Cognito does not take the address.
            ServiceUnavailableError: Cognito is busy.
        """
        attributes: list[AttributeTypeTypeDef] = [
            {"Name": "email", "Value": email},
            {"Name": "email_verified", "Value": "true"},
        ]
        refused = self._client.exceptions
        with translated("make an account"):
            try:
                made = self._client.admin_create_user(
                    UserPoolId=self._pool,
                    Username=email,
                    UserAttributes=attributes,
                    DesiredDeliveryMediums=["EMAIL"],
                )
                return _account(made["User"].get("Attributes", []), email)
            except refused.InvalidParameterException as error:
                raise EmailRefusedError(f"no account can be made for {email!r}") from error
            except refused.UsernameExistsException:
                known = self._client.admin_get_user(UserPoolId=self._pool, Username=email)
                return _account(known.get("UserAttributes", []), email)

    def sign_out(self, username: str) -> None:
        """End every sign-in of an account: no refresh token of it is good any more."""
        with translated("sign out"):
            self._client.admin_user_global_sign_out(UserPoolId=self._pool, Username=username)

    def new_client(self, name: str, scopes: Sequence[str]) -> AppClient:
        """An app client that gets tokens with these scopes by `client_credentials`."""
        with translated("make an app client"):
            made = self._client.create_user_pool_client(
                UserPoolId=self._pool,
                ClientName=name,
                GenerateSecret=True,
                AllowedOAuthFlowsUserPoolClient=True,
                AllowedOAuthFlows=["client_credentials"],
                AllowedOAuthScopes=[f"{RESOURCE_SERVER}/{scope}" for scope in scopes],
                AccessTokenValidity=_MACHINE_TOKEN_MINUTES,
                TokenValidityUnits={"AccessToken": "minutes"},
            )["UserPoolClient"]
        return AppClient(made["ClientId"], made["ClientSecret"])

    def drop_client(self, client_id: str) -> None:
        """End an app client; one that is gone already is fine."""
        with translated("delete an app client"):
            try:
                self._client.delete_user_pool_client(UserPoolId=self._pool, ClientId=client_id)
            except self._client.exceptions.ResourceNotFoundException:
                return


def _account(attributes: Sequence[AttributeTypeTypeDef], email: str) -> Account:
    [username] = [each["Value"] for each in attributes if each["Name"] == "sub"]
    return Account(username, email)
