"""What an operator, or the schedule, can ask about reference data: one message, one answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from tallycast.aws.commands import BadCommandError
from tallycast.kernel.schema import Produced
from tallycast.measurement.reference.activation import Wish
from tallycast.measurement.reference.bundle import built_in_versions
from tallycast.measurement.reference.model import Origin
from tallycast.measurement.reference.refresh import activated

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tallycast.measurement.reference.activation import Activation, Activator
    from tallycast.measurement.reference.events import ReferenceEvent
    from tallycast.measurement.reference.refresh import Refreshed, Refresher
    from tallycast.measurement.reference.store import ReferenceStore


class Refresh(Produced):
    """Fetch every document that has a source. What the schedule sends."""

    command: Literal["refresh"]


class PutDocument(Produced):
    """Take a document that lies under `reference/inbox/` of the bucket into use.

    It is held: the refresher leaves it alone until it is released.
    """

    command: Literal["put"]
    document: str
    key: str = Field(pattern=r"^reference/inbox/[^/].{0,900}$")
    source: str = Field(min_length=1, max_length=1000)
    licence: str = Field(default="", max_length=500)
    hold: bool = True
    may_shrink: bool = False


class UseVersion(Produced):
    """Go back to a version that was in use before, and hold it."""

    command: Literal["use"]
    document: str
    version: str = Field(pattern=r"^\d{4}-\d\d-\d\d-[0-9a-f]{12}$")


class ChangeDocument(Produced):
    """Release a held document, or drop it for the built-in one."""

    command: Literal["release", "drop"]
    document: str


class ShowDocuments(Produced):
    """Which documents are in use, and since when."""

    command: Literal["show"]


Command = Refresh | PutDocument | UseVersion | ChangeDocument | ShowDocuments
COMMAND: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="command")])


class ReferenceDesk:
    """Carries commands out.

    Args:
        tell: puts events on the bus.
        report: is told what came of each document of a refresh.
    """

    def __init__(
        self,
        *,
        store: ReferenceStore,
        activator: Activator,
        refresher: Refresher,
        clock: Callable[[], datetime],
        tell: Callable[[list[ReferenceEvent]], object],
    ) -> None:
        self._store = store
        self._activator = activator
        self._refresher = refresher
        self._clock = clock
        self._tell = tell

    def run(
        self, message: dict[str, Any], report: Callable[[Refreshed], None] = lambda _: None
    ) -> dict[str, Any]:
        """Carry one command out.

        Raises:
            BadCommandError: it is none.
            PermanentError: the document is not taken; the message says why.
        """
        try:
            command = COMMAND.validate_python(message)
        except ValidationError as error:
            raise BadCommandError.of(error) from error
        match command:
            case Refresh():
                return self._refresh(report)
            case PutDocument():
                return self._put(command)
            case UseVersion():
                return self._use(command)
            case ChangeDocument(command="release"):
                return self._answer(self._activator.release(command.document))
            case ChangeDocument():
                return self._dropped(command.document)
            case ShowDocuments():
                return self._show()

    def _refresh(self, report: Callable[[Refreshed], None]) -> dict[str, Any]:
        outcomes = self._refresher.refresh(self._clock())
        rebuilt = self._activator.rebuild()
        for each in outcomes:
            report(each)
        self._tell([each.event for each in outcomes if each.event is not None])
        return {
            "documents": [
                {
                    "document": each.name,
                    "outcome": each.outcome,
                    "version": each.version,
                    "error": each.error and f"{each.error.code}: {each.error.message}",
                }
                for each in outcomes
            ],
            "tables_rebuilt": rebuilt,
        }

    def _put(self, command: PutDocument) -> dict[str, Any]:
        body = self._store.read(command.key)
        origin = Origin(source=command.source, licence=command.licence)
        wish = Wish(by_hand=True, hold=command.hold, may_shrink=command.may_shrink)
        taken = self._activator.take(command.document, body, origin, self._clock(), wish)
        return self._answer(taken)

    def _use(self, command: UseVersion) -> dict[str, Any]:
        document = self._store.document(command.document, command.version)
        body = self._store.body(document)
        wish = Wish(by_hand=True, hold=True, may_shrink=True)
        taken = self._activator.take(command.document, body, document.origin, self._clock(), wish)
        return self._answer(taken)

    def _answer(self, taken: Activation) -> dict[str, Any]:
        if taken.taken == "activated" and taken.document.version != taken.before:
            self._tell([activated(taken, self._clock(), by_hand=True)])
        document = taken.document.model_dump(mode="json")
        return {"outcome": taken.taken, "document": document, "before": taken.before}

    def _dropped(self, name: str) -> dict[str, Any]:
        taken = self._activator.drop(name)
        return {"outcome": "dropped", "document": name, "before": taken.before}

    def _show(self) -> dict[str, Any]:
        manifest = self._store.pointer().manifest
        rows = [
            {"document": name, "version": version, "held": False}
            for name, version in built_in_versions().items()
            if name not in manifest.documents
        ]
        rows += [
            {**active.document.model_dump(mode="json"), "document": name, "held": active.held}
            for name, active in manifest.documents.items()
        ]
        return {"documents": sorted(rows, key=lambda row: str(row["document"]))}
