"""A few items of a DynamoDB table, read without boto3.

A cold container reads them while a listener waits, and boto3 takes longer to import and to make a
client than everything else in the function together (`docs/adr/0019`). One signed POST is all
that is needed; the signature is compared with botocore's in the tests.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

from tallycast.kernel.errors import RetryableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Key = dict[str, str]
WireItem = dict[str, dict[str, Any]]

_TARGET: Final = "DynamoDB_20120810.BatchGetItem"
_CONTENT: Final = "application/x-amz-json-1.0"
_OK: Final = 200


class TableUnreadableError(RetryableError):
    """DynamoDB did not answer, or not with the items; try again later."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Of the function's role."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """As Lambda sets them."""
        return cls(
            environment["AWS_ACCESS_KEY_ID"],
            environment["AWS_SECRET_ACCESS_KEY"],
            environment.get("AWS_SESSION_TOKEN") or None,
        )


def endpoint_of(environment: Mapping[str, str]) -> str:
    """Where DynamoDB answers: as told (the local cloud), else in the function's region."""
    told = environment.get("AWS_ENDPOINT_URL_DYNAMODB") or environment.get("AWS_ENDPOINT_URL")
    if told:
        return told
    region = environment["AWS_REGION"]
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://dynamodb.{region}.{suffix}"


def signed_headers(
    body: bytes, *, host: str, region: str, credentials: Credentials, now: datetime
) -> dict[str, str]:
    """The headers of a POST to `/`, with its Signature Version 4."""
    moment = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {
        "content-type": _CONTENT,
        "host": host,
        "x-amz-date": moment,
        "x-amz-target": _TARGET,
    }
    if credentials.session_token:
        headers["x-amz-security-token"] = credentials.session_token
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{moment[:8]}/{region}/dynamodb/aws4_request"
    what = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{credentials.secret_access_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, what.encode(), "sha256").hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credentials.access_key_id}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    return headers


class ItemReader:
    """Reads items of tables by key, over one connection that is kept.

    Args:
        region: to sign for.
        endpoint: `https://dynamodb.eu-central-1.amazonaws.com`, or the local cloud's address.
        credentials: of the function's role.
        clock: the time, to sign with.
        seconds: the longest that one attempt may take to connect, and to answer.
    """

    def __init__(
        self,
        *,
        region: str,
        endpoint: str,
        credentials: Credentials,
        clock: Callable[[], datetime],
        seconds: float = 1.0,
    ) -> None:
        self._region = region
        self._credentials = credentials
        self._clock = clock
        self._seconds = seconds
        parts = urlsplit(endpoint)
        self._secure = parts.scheme == "https"
        self._host = parts.netloc
        self._connection: http.client.HTTPConnection | None = None

    def read(self, table: str, keys: Sequence[Key]) -> list[WireItem]:
        """The items of a table under these keys in DynamoDB's JSON, in no order; those that exist.

        Raises:
            TableUnreadableError: no answer in time, a refusal, or an answer without all keys.
        """
        wanted = [{name: {"S": value} for name, value in key.items()} for key in keys]
        body = json.dumps({"RequestItems": {table: {"Keys": wanted}}}).encode()
        kept = self._connection is not None
        try:
            return self._asked(table, body)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if not kept:
                raise TableUnreadableError(f"the table does not answer: {error}") from error
        try:  # the connection had been closed at the other end while the container slept
            return self._asked(table, body)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise TableUnreadableError(f"the table does not answer: {error}") from error

    def close(self) -> None:
        """Give the connection up; the next read makes another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _asked(self, table: str, body: bytes) -> list[WireItem]:
        if self._connection is None:
            self._connection = self._connected()
        headers = signed_headers(
            body,
            host=self._host,
            region=self._region,
            credentials=self._credentials,
            now=self._clock(),
        )
        self._connection.request("POST", "/", body, headers)
        reply = self._connection.getresponse()
        text = reply.read()
        if reply.status != _OK:
            # Only the error's name: the message may hold account and role.
            raise TableUnreadableError(
                f"the table refuses: {reply.status} {_error_name(text)}", status=reply.status
            )
        try:
            answer = json.loads(text)
            if answer.get("UnprocessedKeys"):
                raise TableUnreadableError("the table leaves keys unread")
            items: list[WireItem] = answer["Responses"].get(table, [])
        except (ValueError, KeyError, AttributeError) as error:
            raise TableUnreadableError("the table's answer cannot be read") from error
        return items

    def _connected(self) -> http.client.HTTPConnection:
        if self._secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self._host, timeout=self._seconds, context=context)
        return http.client.HTTPConnection(self._host, timeout=self._seconds)


def _error_name(text: bytes) -> str:
    try:
        return str(json.loads(text)["__type"]).rpartition("#")[2][:80]
    except (ValueError, KeyError, TypeError):
        return ""
