"""The local cloud as an object: start it, deploy to it, talk to it, end it."""

from __future__ import annotations

import threading
import time
import urllib.request
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ConnectionError as BotoConnectionError

from infra.local import deploy, emulator, process, stage, template
from infra.local.errors import (
    EmulatorDiedError,
    TemplateError,
    UnknownFunctionError,
)
from infra.local.package import package
from infra.local.progress import Silent, Steps

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from pathlib import Path

    from infra.local.state import Folder, Record

_CONFIG = Config(
    connect_timeout=5,
    read_timeout=65,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=50,
    proxies={},
    s3={"addressing_style": "path"},
)
_LOOK_SECONDS = 0.2


class LocalSession(boto3.Session):
    """A boto3 session of the administrator whose clients all talk to the local cloud."""

    def __init__(self, record: Record) -> None:
        super().__init__(
            aws_access_key_id=record.credentials.access_key_id,
            aws_secret_access_key=record.credentials.secret_access_key,
            region_name=record.region,
        )
        self._endpoint = record.endpoint

    def client(self, service_name: str, **options: Any) -> Any:  # type: ignore[override]  # noqa: ANN401
        """A client of the local cloud; options as boto3 takes them."""
        return super().client(service_name, **self._ours(options))  # type: ignore[call-overload]

    def resource(self, service_name: str, **options: Any) -> Any:  # type: ignore[override]  # noqa: ANN401
        """A resource of the local cloud; options as boto3 takes them."""
        return super().resource(service_name, **self._ours(options))  # type: ignore[call-overload]

    def _ours(self, options: dict[str, Any]) -> dict[str, Any]:
        return {"endpoint_url": self._endpoint, "config": _CONFIG} | options


class LocalCloud:
    """A running local cloud.

    Attributes:
        folder: where it keeps state and logs.
        stage: the template and the parameters it is deployed with.
    """

    def __init__(
        self,
        folder: Folder,
        stage: stage.Stage,
        record: Record,
        child: subprocess.Popen[bytes] | None = None,
        steps: Steps | None = None,
    ) -> None:
        self.folder = folder
        self.stage = stage
        self.record = record
        self.steps = steps or Silent()
        self._child = child
        self._session = LocalSession(record)
        self._clients: dict[str, Any] = {}
        self._client_lock = threading.Lock()

    @property
    def endpoint(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return self.record.endpoint

    @property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs by name."""
        return self.record.outputs

    @property
    def resources(self) -> dict[str, str]:
        """Physical ids by logical id; those of a nested stack as `Nested.Logical`."""
        return self.record.resources

    @property
    def logs_dir(self) -> Path:
        """Where MiniStack's log lies."""
        return self.folder.logs

    def session(self) -> LocalSession:
        """The administrator's boto3 session."""
        return self._session

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        """The administrator's client of a service, made once; safe to share among threads."""
        with self._client_lock:  # making clients is not thread-safe, using them is
            if service not in self._clients:
                self._clients[service] = self._session.client(service)
            return self._clients[service]

    def table(self, name: str) -> Any:  # noqa: ANN401 - boto3 makes its resources at run time
        """A DynamoDB table by its physical name."""
        return self._session.resource("dynamodb").Table(name)

    def environment(self) -> dict[str, str]:
        """What a child process needs in its environment to talk to the local cloud as we do."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.record.credentials.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.record.credentials.secret_access_key,
            "AWS_DEFAULT_REGION": self.record.region,
            "AWS_REGION": self.record.region,
        }

    def deploy(self, parameters: Mapping[str, str] | None = None) -> deploy.Deployed:
        """Bring the stack to what the template says now; parameters add to earlier ones.

        Raises:
            TemplateError: the template, or something it points at, cannot be read.
            DeploymentFailedError: which resource failed first, and why.
            EmulatorDiedError: MiniStack ended meanwhile.
        """
        self.stage = replace(self.stage, parameters={**self.stage.parameters, **(parameters or {})})
        self._refuse_unknown_parameters()
        try:
            with self.steps.step("Packaging functions and layers"):
                bundle = package(self.stage.template, bucket=deploy.BUCKET, endpoint=self.endpoint)
                deploy.upload(self.client("s3"), bundle, self.record.region)
            with self.steps.step(f"Deploying {self.stage.stack_name}"):
                deployed = deploy.deploy(
                    self.client("cloudformation"),
                    self.stage,
                    template_url=f"{self.endpoint}/{deploy.BUCKET}/{bundle.template}",
                    log=self.folder.log,
                )
        except BotoConnectionError as error:
            what = "ended during the deployment"
            raise EmulatorDiedError(
                what, emulator.last_lines(self.folder), self.folder.log
            ) from error
        self._remember(outputs=deployed.outputs, resources=deployed.resources)
        return deployed

    def _refuse_unknown_parameters(self) -> None:
        """As AWS does; MiniStack would take a misspelt parameter without a word."""
        path = self.stage.template
        unknown = sorted(
            set(self.stage.parameters) - set(template.read(path).get("Parameters", {}))
        )
        if unknown:
            raise TemplateError(
                f"{path.name} has no parameter {', '.join(unknown)}", file=str(path)
            )

    def workers(self, function: str) -> list[int]:
        """Process ids of a function's Lambda workers; its name is a logical or physical id."""
        name = self.function_name(function)
        group = self.record.pid or 0
        return [
            found.pid
            for found in process.members(group)
            if f"ministack-lambda-{name}-" in found.command
        ]

    def function_name(self, name: str) -> str:
        """A function's physical name from its logical or physical id.

        Raises:
            UnknownFunctionError: the stack has no such resource.
        """
        if name in self.resources:
            return self.resources[name]
        if name in self.resources.values():
            return name
        known = self.client("lambda").get_paginator("list_functions").paginate()
        names = {entry["FunctionName"] for page in known for entry in page["Functions"]}
        logical = sorted(key for key, value in self.resources.items() if value in names)
        raise UnknownFunctionError(name, logical)

    def refuse(self, service: str, seconds: float) -> int:
        """Have a service (`s3`, `dynamodb`, `sqs` …) refuse the functions for so many seconds.

        0 ends it. The administrator's own calls pass.

        Returns:
            How many calls were refused since the start.
        """
        request = urllib.request.Request(  # noqa: S310  (our own loopback address)
            f"{self.endpoint}/_tallycast/refuse?service={service}&seconds={seconds}",
            method="PUT",
            headers={"x-tallycast-secret": self.record.credentials.secret_access_key},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as reply:
            return int(reply.read())

    def is_running(self) -> bool:
        """Whether MiniStack still runs."""
        if self._child is not None and self._child.poll() is not None:
            return False
        return process.is_ours(self.record.pid, self.record.born)

    def wait(self) -> None:
        """Return when `down` ended the cloud.

        Raises:
            EmulatorDiedError: it ended by itself.
        """
        while self.is_running():
            time.sleep(_LOOK_SECONDS)
        kept = self.folder.read()
        if kept is not None and kept.pid is not None:
            last = emulator.last_lines(self.folder)
            raise EmulatorDiedError("ended by itself", last, self.folder.log)

    def stop(self, *, patience: float = process.PATIENCE_SECONDS) -> bool:
        """End MiniStack and its workers; whether its state was saved.

        Args:
            patience: seconds that it has to save its state, and end by itself.
        """
        saved = True
        if self.record.pid is not None and self.is_running():
            saved = process.stop(self.record.pid, patience=patience)
        elif self.record.pid is not None and process.find(self.record.pid) is None:
            process.end_group(self.record.pid)  # workers that MiniStack left behind
        if self._child is not None:
            if self._child.stdin is not None:
                self._child.stdin.close()
            self._child.wait()
        self.folder.empty_tmp()
        self._remember(pid=None, born=None)
        return saved

    def _remember(self, **changes: object) -> None:
        self.record = self.record.model_copy(update=changes)
        self.folder.write(self.record)
