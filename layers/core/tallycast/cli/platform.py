"""The running platform: where it is, and how a command is sent to it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tallycast.kernel.errors import PermanentError

if TYPE_CHECKING:
    from mypy_boto3_lambda.client import LambdaClient

LARGEST_COMMAND = 6_000_000  # bytes; Lambda takes no more in one invocation
LOCAL_STATE = Path(".tallycast") / "local.json"


class NoPlatformError(PermanentError):
    """There is no running platform to talk to, or it does not answer."""


class CommandRefusedError(PermanentError):
    """The platform refused a command; the message is the platform's own."""


@dataclass(frozen=True)
class Platform:
    """One deployed stack: an AWS session and the outputs that name its parts."""

    session: boto3.Session
    outputs: dict[str, str]
    endpoint: str | None = None

    @cached_property
    def _lambda(self) -> LambdaClient:
        return self.session.client(
            "lambda",
            endpoint_url=self.endpoint,
            config=Config(retries={"total_max_attempts": 1}, read_timeout=90),
        )

    def __post_init__(self) -> None:
        _ = self._lambda  # made now, by one thread: making clients is not thread-safe

    def run(self, command: dict[str, Any]) -> dict[str, Any]:
        """Send a command to `manage_feeds` and give its answer.

        Raises: as `_ask`.
        """
        return self._ask("ManageFeeds", command)

    def run_measurement(self, command: dict[str, Any]) -> dict[str, Any]:
        """Send a command to `manage_measurement` and give its answer.

        Raises: as `_ask`.
        """
        return self._ask("ManageMeasurement", command)

    def run_audit(self, command: dict[str, Any]) -> dict[str, Any]:
        """Send a command to `manage_audit` and give its answer.

        Raises: as `_ask`.
        """
        return self._ask("ManageAudit", command)

    def run_identity(self, command: dict[str, Any]) -> dict[str, Any]:
        """Send a command to `manage_identity` and give its answer.

        Raises: as `_ask`.
        """
        return self._ask("ManageIdentity", command)

    def _ask(self, function: str, command: dict[str, Any]) -> dict[str, Any]:
        """Send a command to a function and give its answer.

        Raises:
            CommandRefusedError: the platform says no, and why.
            NoPlatformError: it does not answer, or failed on its own account.
        """
        payload = json.dumps(command, ensure_ascii=False).encode("utf-8", "replace")
        if len(payload) > LARGEST_COMMAND:
            raise CommandRefusedError("too much for one command; split it", bytes=len(payload))
        try:
            answer = self._lambda.invoke(FunctionName=self.outputs[function], Payload=payload)
            reply = json.loads(answer["Payload"].read())
        except (BotoCoreError, ClientError) as error:
            raise NoPlatformError(f"the platform does not answer: {error}") from error
        if answer.get("FunctionError"):
            raise NoPlatformError(
                f"the platform failed: {reply.get('errorType')}: {reply.get('errorMessage')}"
            )
        if "error" in reply:
            refusal = reply["error"]
            raise CommandRefusedError(
                f"{refusal['code']}: {refusal['message']}", refusal=refusal["code"]
            )
        result: dict[str, Any] = reply
        return result


def connect(stack: str | None = None) -> Platform:
    """The stack that is named, else the local cloud that runs from this folder or one above.

    Raises:
        NoPlatformError: neither is there.
    """
    name = stack or os.environ.get("TALLYCAST_STACK")
    return _deployed(name) if name else _local()


def _deployed(name: str) -> Platform:
    session = boto3.Session()
    try:
        found = session.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except (BotoCoreError, ClientError) as error:
        raise NoPlatformError(f"stack {name} cannot be read: {error}") from error
    outputs = {o["OutputKey"]: o["OutputValue"] for o in found.get("Outputs", [])}
    return Platform(session, outputs)


def _local() -> Platform:
    if named := os.environ.get("TALLYCAST_STATE"):
        return _from_state(Path(named))
    here = Path.cwd()
    for folder in (here, *here.parents):
        path = folder / LOCAL_STATE
        if path.is_file():
            return _from_state(path)
    raise NoPlatformError(
        "no platform here: run `make up` for the local one, or name a deployed stack with --stack"
    )


def _from_state(path: Path) -> Platform:
    try:
        state = json.loads(path.read_text())
        session = boto3.Session(
            aws_access_key_id=state["credentials"]["access_key_id"],
            aws_secret_access_key=state["credentials"]["secret_access_key"],
            region_name=state["region"],
        )
        return Platform(session, dict(state["outputs"]), state["endpoint"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NoPlatformError(f"{path} does not describe a running platform: {error!r}") from error
