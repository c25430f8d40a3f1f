"""What the resources of sponsorship share: who sees what of it, and how a change is asked for."""

from __future__ import annotations

from copy import copy
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic_core import PydanticUndefined

from tallycast.api.paging import PageOf, encode_cursor
from tallycast.aws.records import LOOKUP
from tallycast.identity.access import GRANTS
from tallycast.identity.model import Role
from tallycast.kernel.schema import Produced
from tallycast.sponsorship.desk import Act
from tallycast.sponsorship.errors import MoneyHiddenError
from tallycast.sponsorship.kinds import of_sponsor
from tallycast.sponsorship.words import ThingId

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tallycast.api.call import Call
    from tallycast.api.paging import PageQuery
    from tallycast.aws.records import Kind, Records, Stored
    from tallycast.identity.model import Principal

M = TypeVar("M", bound=BaseModel)
S = TypeVar("S", bound=BaseModel)
SponsorFilter = Annotated[ThingId | None, Field(description="Of this sponsor alone")]
_MONEY: Final = frozenset({"budget", "rate", "terms"})


class Kept(Produced):
    """What every view of a thing shows beside its facts."""

    id: str
    created_at: datetime
    changed_at: datetime


def kept(stored: Stored[Any]) -> dict[str, Any]:
    """The fields of `Kept`."""
    return {
        "id": stored.id,
        "created_at": stored.created_at,
        "changed_at": stored.changed_at,
    }


def act(call: Call) -> Act:
    """What a request does, as the room knows it."""
    return Act(call.tenant, call.now, call.deed)


def sees_inside(who: Principal) -> bool:
    """Whether somebody sees what is said of sponsors behind their backs: notes, comments, names."""
    return who.role in GRANTS["orders:read"]


def sees_money(who: Principal) -> bool:
    """Whether somebody sees prices; a sponsor's own are all that a sponsor ever reads."""
    return sees_inside(who) or who.role is Role.SPONSOR


def is_own(who: Principal, sponsor_id: str) -> bool:
    """Whether a sponsor's things may be seen: a sponsor sees its own alone."""
    return who.role is not Role.SPONSOR or who.sponsor_id == sponsor_id


def seen(call: Call, records: Records[M], kind: Kind[M], record_id: str) -> Stored[M]:
    """A thing that belongs to a sponsor (`sponsor_id`), for who may see it.

    Raises:
        NotFoundError: (the kind's own) there is none, or it is another sponsor's.
    """
    stored = records.get(call.tenant, record_id)
    if not is_own(call.principal, getattr(stored.document, "sponsor_id", "")):
        raise kind.missing(f"no {kind.name} {record_id} here", id=record_id)
    return stored


def listed(
    call: Call,
    query: PageQuery,
    records: Records[M],
    show: Callable[[Call, Stored[M]], S],
    *,
    sponsor_id: str | None = None,
    keep: Callable[[M], bool] = lambda _: True,
) -> PageOf[S]:
    """A page of things that the lookup index has by sponsor, for who may see them."""
    who = call.principal
    wanted = sponsor_id
    if who.role is Role.SPONSOR:
        if who.sponsor_id is None or sponsor_id not in {None, who.sponsor_id}:
            return PageOf(items=[])
        wanted = who.sponsor_id
    page = records.page(
        call.tenant,
        within=() if wanted is None else of_sponsor(wanted),
        index="listing" if wanted is None else LOOKUP,
        limit=query.limit,
        cursor=query.after(),
        keep=lambda stored: keep(stored.document),
    )
    following = None if page.cursor is None else encode_cursor(page.cursor)
    return PageOf(items=[show(call, each) for each in page.items], next=following)


def changes_of(call: Call, body: BaseModel) -> dict[str, Any]:
    """What a PATCH changes: the fields that it names.

    Raises:
        MoneyHiddenError: a price, from somebody who sees none.
    """
    changes = {name: getattr(body, name) for name in body.model_fields_set}
    refuse_money(call, changes)
    return changes


def refuse_money(call: Call, facts: Mapping[str, Any]) -> None:
    """Insist that who does not see prices sets none.

    Raises:
        MoneyHiddenError: somebody does.
    """
    if sees_money(call.principal):
        return
    for name in sorted(_MONEY & set(facts)):
        raise MoneyHiddenError(
            f"a {call.principal.role.value} does not see prices and cannot set {name}: leave it out"
        )


def change_model(name: str, of: type[BaseModel], *, without: tuple[str, ...] = ()) -> Any:  # noqa: ANN401 - a class
    """The model of a PATCH: each field of a thing's facts, as it must be if it is there at all."""
    fields: dict[str, Any] = {}
    for field_name, info in of.model_fields.items():
        if field_name in without:
            continue
        optional = copy(info)
        optional.default = PydanticUndefined
        optional.default_factory = _absent
        fields[field_name] = (info.annotation, optional)
    made = create_model(
        name, __config__=ConfigDict(frozen=True, extra="forbid"), __module__=__name__, **fields
    )
    made.__doc__ = "What shall be different: fields that are left out stay as they are."
    return made


def _absent() -> None:
    """Stands where a field was left out; `model_fields_set` tells it from null."""
