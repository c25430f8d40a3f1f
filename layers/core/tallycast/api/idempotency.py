"""A POST that comes twice is done once: the second gets the first one's reply."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyPersistenceLayerError,
    IdempotencyValidationError,
)

from tallycast.api.problems import BadRequestError
from tallycast.aws import clients
from tallycast.aws.errors import ServiceUnavailableError
from tallycast.kernel.errors import ConflictError, InvalidError

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import DataRecord

KEPT_SECONDS: Final = 86400
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")


class IdempotencyKeyReusedError(InvalidError):
    """The key was used before, with another body."""


class RequestInProgressError(ConflictError):
    """The same request is being worked on at this moment."""


def key_of(headers: dict[str, str] | Any) -> str:  # noqa: ANN401 - any mapping
    """The `Idempotency-Key` of a request.

    Raises:
        BadRequestError: there is none, or it is no sensible one.
    """
    given = str(headers.get("idempotency-key", "")).strip()
    if not _KEY.fullmatch(given):
        raise BadRequestError(
            "a POST needs the header Idempotency-Key: 1 to 255 visible characters that are new for "
            "every new request and the same when it is sent again"
        )
    return given


class Idempotency:
    """Remembers replies of POSTs for a day.

    Args:
        table_name: the idempotency table.
    """

    def __init__(self, table_name: str) -> None:
        self._store = DynamoDBPersistenceLayer(
            table_name=table_name, boto3_client=clients.dynamodb()
        )
        self._config = IdempotencyConfig(
            event_key_jmespath="key",
            payload_validation_jmespath="body",
            raise_on_no_idempotency_key=True,
            expires_after_seconds=KEPT_SECONDS,
            response_hook=_marked,
        )

    def once(
        self,
        key: str,
        body: bytes,
        context: Any,  # noqa: ANN401 - Lambda's
        work: Callable[[], dict[str, Any]],
    ) -> dict[str, Any]:
        """Do the work, or give what it gave when it was done under this key.

        A work that raises is not remembered.

        Args:
            key: names the caller, the route and the caller's key.
            body: what must be the same every time.
            context: of the Lambda, whose time-out ends a lock.
            work: gives a reply as plain JSON.

        Raises:
            IdempotencyKeyReusedError: the body is another.
            RequestInProgressError: the first is still at work.
            ServiceUnavailableError: the memory does not answer.
        """
        self._config.register_lambda_context(context)

        @idempotent_function(  # type: ignore[untyped-decorator]  # Powertools leaves it so
            data_keyword_argument="asked",
            persistence_store=self._store,
            config=self._config,
            key_prefix="api",
        )
        def done(*, asked: dict[str, str]) -> dict[str, Any]:  # noqa: ARG001 - what is compared
            return work()

        asked = {"key": key, "body": hashlib.sha256(body).hexdigest()}
        try:
            return dict(done(asked=asked))
        except IdempotencyValidationError as error:
            raise IdempotencyKeyReusedError(
                "this Idempotency-Key was used with another body: a new request needs a new key"
            ) from error
        except IdempotencyAlreadyInProgressError as error:
            raise RequestInProgressError(
                "the request with this Idempotency-Key is still being worked on: ask again soon"
            ) from error
        except IdempotencyPersistenceLayerError as error:
            raise ServiceUnavailableError("the idempotency table does not answer") from error


def _marked(response: dict[str, Any], idempotent_data: DataRecord) -> dict[str, Any]:  # noqa: ARG001 - its signature
    """Say that a reply was remembered."""
    return {**response, "headers": {**response["headers"], "Idempotency-Replayed": "true"}}
