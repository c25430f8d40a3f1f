"""Webhooks in: hooks that providers call, and the messages that came."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from tallycast.api.call import Reply
from tallycast.api.paging import PageOf, PageQuery, encode_cursor, page_of
from tallycast.api.problems import BadRequestError, UnauthenticatedError
from tallycast.api.routes import Routes
from tallycast.partners.hooks.model import (
    HookMessageNotFoundError,
    HookMessageStatus,
    HookNotFoundError,
    TooManyHooksError,
)
from tallycast.partners.hooks.schemes import (
    Scheme,
    SignatureMalformedError,
    SignatureWrongError,
)
from tallycast.partners.use_cases.hook_routes import door, messages, registry
from tallycast.partners.webhooks.signing import BadSecretError

if TYPE_CHECKING:
    from tallycast.api.call import Call
    from tallycast.aws.records import Stored
    from tallycast.partners.hooks.model import Hook, Message

hooks = Routes("hooks", "Where providers send their webhooks to, and what came.")
receiving = Routes("receiving", "What providers call; their signature is who they are.")

Name = Annotated[str, Field(min_length=1, max_length=100, description="For people")]
Secret = Annotated[
    str,
    Field(
        min_length=8,
        max_length=200,
        description="The provider's signing secret; left out, one is made for you to give to it",
    ),
]


class HookSignatureMalformedError(BadRequestError):
    """The headers that the provider signs with are missing or cannot be read."""


class HookSignatureWrongError(UnauthenticatedError):
    """The signature is of another secret or another body, or it is too old."""


class NewHook(BaseModel):
    """A hook to be made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    scheme: Scheme = Field(description="How the provider signs")
    secret: Secret | None = None


class HookChange(BaseModel):
    """What to change of a hook; what is left out stays."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name | None = None
    enabled: bool | None = Field(default=None, description="Whether it takes messages")


class NewHookSecret(BaseModel):
    """The secret to be used from now on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    secret: Secret | None = None


class HookView(BaseModel):
    """A hook."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    scheme: Scheme
    enabled: bool
    path: str = Field(description="Where the provider sends to, on the partner API's host")
    old_secret_until: datetime | None = Field(
        description="Until when messages signed with the secret before the newest are taken, too"
    )
    created_at: datetime
    changed_at: datetime


class HookWithSecretView(HookView):
    """A hook with its newest secret, which is shown this once."""

    secret: str


class HookMessageView(BaseModel):
    """One message of a provider."""

    model_config = ConfigDict(frozen=True)

    id: str
    hook_id: str
    provider_id: str | None = Field(description="What the provider calls it")
    type: str | None = Field(description="Kind of message, by the provider's name for it")
    content_type: str
    size: int = Field(description="Bytes of the body")
    status: HookMessageStatus
    reason: str | None = Field(description="Why it is in quarantine")
    received_at: datetime


class HookAccepted(BaseModel):
    """A message is promised to be kept."""

    model_config = ConfigDict(frozen=True)

    id: str
    duplicate: bool = Field(description="It came before; this changed nothing")


class HookMessageQuery(PageQuery):
    """Which messages."""

    status: HookMessageStatus | None = None


@receiving.post(
    "/v1/hooks/{hook_id}",
    scope=None,
    status=202,
    body=bytes,
    returns=HookAccepted,
    raises=(HookNotFoundError, HookSignatureMalformedError, HookSignatureWrongError),
)
def receive_hook(call: Call, hook_id: str, body: bytes) -> HookAccepted:
    """Take a provider's message in.

    The signature is checked over the body as it came, of whatever type. The same message again is
    answered the same and kept once.
    """
    try:
        message, fresh = door().receive(hook_id, call.headers, body, call.now)
    except SignatureMalformedError as error:
        raise HookSignatureMalformedError(error.message) from error
    except SignatureWrongError as error:
        raise HookSignatureWrongError(error.message) from error
    return HookAccepted(id=message.id, duplicate=not fresh)


@hooks.post(
    "/v1/hooks",
    scope="webhooks:write",
    body=NewHook,
    returns=HookWithSecretView,
    versioned=True,
    idempotent=True,  # the reply holds a secret, which must not be remembered
    raises=(BadSecretError, TooManyHooksError),
)
def create_hook(call: Call, body: NewHook) -> Reply:
    """Make a hook for a provider to call; the reply shows its secret, this once."""
    made = registry().create(
        call.tenant, body.name, body.scheme, body.secret, now=call.now, deed=call.deed
    )
    return _with_secret(made.stored, made.secret, call.now, location=True)


@hooks.get("/v1/hooks", scope="webhooks:read", query=PageQuery, returns=PageOf[HookView])
def list_hooks(call: Call, query: PageQuery) -> PageOf[HookView]:
    """List hooks, the oldest first."""
    page = registry().page(call.tenant, limit=query.limit, cursor=query.after())
    return page_of(page, lambda stored: _hook(stored, call.now))


@hooks.get(
    "/v1/hooks/{hook_id}",
    scope="webhooks:read",
    returns=HookView,
    versioned=True,
    raises=(HookNotFoundError,),
)
def show_hook(call: Call, hook_id: str) -> Reply:
    """Show a hook."""
    stored = registry().get(call.tenant, hook_id)
    return Reply(_hook(stored, call.now), version=stored.version)


@hooks.patch(
    "/v1/hooks/{hook_id}",
    scope="webhooks:write",
    body=HookChange,
    returns=HookView,
    versioned=True,
    raises=(HookNotFoundError,),
)
def change_hook(call: Call, hook_id: str, body: HookChange) -> Reply:
    """Change a hook's name, or whether it takes messages."""
    stored = registry().get(call.tenant, hook_id)
    call.if_match(stored)
    changes = body.model_dump(exclude_unset=True, exclude_none=True)
    after = registry().change(stored, changes, call.now, call.deed)
    return Reply(_hook(after, call.now), version=after.version)


@hooks.delete(
    "/v1/hooks/{hook_id}",
    scope="webhooks:write",
    versioned=True,
    raises=(HookNotFoundError,),
)
def remove_hook(call: Call, hook_id: str) -> None:
    """Remove a hook; what came to it stays for its 90 days."""
    stored = registry().get(call.tenant, hook_id)
    call.if_match(stored)
    registry().remove(stored, call.now, call.deed)


@hooks.post(
    "/v1/hooks/{hook_id}/rotate-secret",
    scope="webhooks:write",
    status=200,
    body=NewHookSecret,
    returns=HookWithSecretView,
    versioned=True,
    idempotent=True,  # the reply holds a secret, which must not be remembered
    raises=(HookNotFoundError, BadSecretError),
)
def rotate_hook_secret(call: Call, hook_id: str, body: NewHookSecret) -> Reply:
    """Use another secret; messages signed with the one before are taken for 24 hours more."""
    stored = registry().get(call.tenant, hook_id)
    made = registry().rotate(stored, body.secret, call.now, call.deed)
    return _with_secret(made.stored, made.secret, call.now)


@hooks.get(
    "/v1/hooks/{hook_id}/messages",
    scope="webhooks:read",
    query=HookMessageQuery,
    returns=PageOf[HookMessageView],
    raises=(HookNotFoundError,),
)
def list_hook_messages(
    call: Call, hook_id: str, query: HookMessageQuery
) -> PageOf[HookMessageView]:
    """List what came to a hook, the newest first; it is kept for 90 days."""
    registry().get(call.tenant, hook_id)
    page = messages().page(
        call.tenant, hook_id, query.status, limit=query.limit, cursor=query.after()
    )
    following = None if page.cursor is None else encode_cursor(page.cursor)
    return PageOf(items=[_message(each) for each in page.items], next=following)


@hooks.get(
    "/v1/hooks/{hook_id}/messages/{message_id}",
    scope="webhooks:read",
    returns=HookMessageView,
    raises=(HookMessageNotFoundError,),
)
def show_hook_message(call: Call, hook_id: str, message_id: str) -> HookMessageView:
    """Show a message."""
    return _message(messages().get(call.tenant, hook_id, message_id))


def _with_secret(
    stored: Stored[Hook], secret: str, now: datetime, *, location: bool = False
) -> Reply:
    shown = HookWithSecretView(**_hook(stored, now).model_dump(), secret=secret)
    where = f"/v1/hooks/{stored.id}" if location else None
    return Reply(shown, version=stored.version, location=where)


def _hook(stored: Stored[Hook], now: datetime) -> HookView:
    hook = stored.document
    ending = [each.until for each in hook.secrets if each.until and each.is_live(now)]
    return HookView(
        id=stored.id,
        name=hook.name,
        scheme=hook.scheme,
        enabled=hook.enabled,
        path=f"/v1/hooks/{stored.id}",
        old_secret_until=ending[0] if ending else None,
        created_at=stored.created_at,
        changed_at=stored.changed_at,
    )


def _message(message: Message) -> HookMessageView:
    facts: dict[str, Any] = message.model_dump(include=set(HookMessageView.model_fields))
    return HookMessageView(**facts)
