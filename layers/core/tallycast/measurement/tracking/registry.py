"""What people do with show keys: register, rotate, disable, sign, ban, switch off.

A show's own item (`TENANT#…#SHOW#…`, `TRACKING`) knows its keys, hosts and secrets; the item of
each key repeats what the redirect needs, so that the redirect reads one item. Hosts are only ever
added, in whatever order, so that feeds being read and people at work do not undo each other.
"""

from __future__ import annotations

import base64
import secrets as randomness
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from boto3.dynamodb.conditions import Attr

from tallycast.aws.errors import ConditionFailedError, translated
from tallycast.kernel.errors import PermanentError, RetryableError
from tallycast.kernel.times import to_text
from tallycast.measurement.tracking import keys
from tallycast.measurement.tracking.address import canonical_authority
from tallycast.measurement.tracking.hosts import hosts_of
from tallycast.measurement.tracking.links import signed
from tallycast.measurement.tracking.shows import ACTIVE, BANNED, DISABLED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from mypy_boto3_dynamodb.service_resource import Table

MOST_KEYS: Final = 10
MOST_HOSTS: Final = 200
SECRET_BYTES: Final = 32
_LIVE_SECRETS: Final = 2


class UnknownShowKeyError(PermanentError):
    """There is no such show key, or it belongs to another show."""


class ShowNotTrackedError(PermanentError):
    """The show has no show key yet; register it first."""


class TooManyShowKeysError(PermanentError):
    """The show has as many keys as a show may have; the old ones go on working."""


class TooManyHostsError(PermanentError):
    """The feed names more hosts than a show may have; hosts beyond them are not redirected to."""


class ShowBeingChangedError(RetryableError):
    """Somebody else changed the show's tracking at the same moment; try again."""


class NotAHostError(PermanentError):
    """What was given is no host name."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A new show key. It is shown once: only its SHA-256 is stored."""

    show_key: str
    digest: str
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tracking:
    """How a show is tracked: digests of its keys, hosts of its feed, whether it is recorded."""

    tenant: str
    show_id: str
    keys: tuple[str, ...]
    hosts: tuple[str, ...]
    state: str


@dataclass(frozen=True, slots=True)
class TrackingRegistry:
    """Show keys in the `core` table."""

    table: Table
    clock: Callable[[], datetime]
    entropy: Callable[[int], bytes] = randomness.token_bytes

    def register(self, tenant: str, show_id: str) -> Registered:
        """Make a show key. A show may have several; older ones go on working.

        Raises:
            TooManyShowKeysError: the show has `MOST_KEYS` already.
        """
        show_key = "shk_" + _text_of(self.entropy(32))
        digest = keys.key_digest(show_key)
        try:
            show = self._update(
                keys.show_tracking(tenant, show_id),
                "SET kind = :kind, tenant = :tenant, show_id = :show,"
                " #state = if_not_exists(#state, :active),"
                " secrets = if_not_exists(secrets, :secrets) ADD #keys :keys",
                {
                    ":kind": "tracking",
                    ":tenant": tenant,
                    ":show": show_id,
                    ":active": ACTIVE,
                    ":secrets": [_text_of(self.entropy(SECRET_BYTES))],
                    ":keys": {digest},
                },
                Attr("keys").not_exists() | Attr("keys").size().lt(MOST_KEYS),
            )
        except ConditionFailedError:
            raise TooManyShowKeysError(
                f"the show has {MOST_KEYS} keys; disable what is not needed", show_id=show_id
            ) from None
        self._publish(digest, show, created_at=to_text(self.clock()))
        return Registered(show_key, digest, tuple(sorted(show.get("hosts", ()))))

    def get(self, tenant: str, show_id: str) -> Tracking:
        """How a show is tracked.

        Raises:
            ShowNotTrackedError: it never was.
        """
        show = self._show(tenant, show_id)
        return Tracking(
            tenant=tenant,
            show_id=show_id,
            keys=tuple(sorted(show["keys"])),
            hosts=tuple(sorted(show.get("hosts", ()))),
            state=str(show["state"]),
        )

    def rotate(self, tenant: str, show_id: str) -> None:
        """Give the show a new signing secret; paths signed under the one before stay good."""
        show = self._show(tenant, show_id)
        kept = list(show["secrets"])[: _LIVE_SECRETS - 1]
        fresh = [_text_of(self.entropy(SECRET_BYTES)), *kept]
        unchanged = Attr("secrets").eq(show["secrets"])
        try:
            self._change(tenant, show_id, "SET secrets = :value", fresh, unchanged)
        except ConditionFailedError:
            raise ShowBeingChangedError(
                "the secret was rotated just now", show_id=show_id
            ) from None

    def disable(self, tenant: str, show_id: str) -> None:
        """Stop recording a show. Its listeners are redirected as before."""
        self._change(tenant, show_id, "SET #state = :value", DISABLED)

    def enable(self, tenant: str, show_id: str) -> None:
        """Record a show again. A ban stays."""
        self._change(tenant, show_id, "SET #state = :value", ACTIVE)

    def sign(self, tenant: str, show_id: str, *, base: str, show_key: str, url: str) -> str:
        """An address that is redirected to although the show's feed does not name its host.

        Raises:
            ShowNotTrackedError: the show has no key.
            UnknownShowKeyError: the key is not the show's.
            NotRedirectableError: why the redirect would refuse the address.
        """
        show = self._show(tenant, show_id)
        if keys.key_digest(show_key) not in show["keys"]:
            raise UnknownShowKeyError("this is no key of the show", show_id=show_id)
        secret = base64.urlsafe_b64decode(str(show["secrets"][0]) + "=")
        return signed(base, show_key, secret, url, hosts=show.get("hosts", ()))

    def learn(self, tenant: str, show_id: str, urls: Iterable[str]) -> frozenset[str]:
        """Let the show's listeners through to the hosts of these enclosures, from now on.

        A show without a key keeps them for the day when it gets one.

        Returns:
            The hosts that the addresses name.

        Raises:
            TooManyHostsError: the show has `MOST_HOSTS`.
        """
        hosts = frozenset().union(*map(hosts_of, urls))
        if not hosts:
            return hosts
        try:
            show = self._update(
                keys.show_tracking(tenant, show_id),
                "SET kind = :kind, tenant = :tenant, show_id = :show ADD hosts :hosts",
                {
                    ":kind": "tracking",
                    ":tenant": tenant,
                    ":show": show_id,
                    ":hosts": set(hosts),
                },
                Attr("hosts").not_exists() | Attr("hosts").size().lt(MOST_HOSTS),
            )
        except ConditionFailedError:
            if hosts <= set(self._item(keys.show_tracking(tenant, show_id)).get("hosts", ())):
                return hosts
            raise TooManyHostsError(
                f"the feed names more than {MOST_HOSTS} hosts", tenant=tenant, show_id=show_id
            ) from None
        for digest in show.get("keys", ()):
            # Hosts alone: what else the show says may be older than what the key says already.
            self._update(keys.show_key(digest), "ADD hosts :hosts", {":hosts": set(hosts)})
        return hosts

    def ban_key(self, show_key: str, *, banned: bool = True) -> None:
        """Refuse a show key, or lift the ban: the platform's decision, not the tenant's.

        Raises:
            UnknownShowKeyError: there is no such key.
        """
        key = keys.show_key(keys.key_digest(show_key))
        item = self._item(key)
        if "tenant" not in item:
            raise UnknownShowKeyError("there is no such show key")
        state = BANNED if banned else self.get(str(item["tenant"]), str(item["show_id"])).state
        self._update(key, "SET #state = :value", {":value": state})

    def ban_host(self, host: str, *, banned: bool = True) -> None:
        """Refuse a host and everything below it for every show, or lift the ban.

        Raises:
            NotAHostError: it is none, or it has a port.
        """
        name = canonical_authority(host.strip().removesuffix("."), "https")
        if name is None or (":" in name and not name.endswith("]")):
            raise NotAHostError("give a host name without scheme, port and path", host=host)
        verb = "ADD" if banned else "DELETE"
        self._update(keys.policy(), f"{verb} banned_hosts :hosts", {":hosts": {name}})

    def switch(
        self,
        *,
        recording: Literal["on", "off"] | None = None,
        redirecting: Literal["on", "off"] | None = None,
    ) -> None:
        """The kill switches, for the whole platform; they hold within a minute.

        `recording` off redirects listeners and records nothing. `redirecting` off refuses them.
        """
        for name, value in (("recording", recording), ("redirecting", redirecting)):
            if value is not None:
                self._update(keys.policy(), f"SET {name} = :value", {":value": value})

    def _show(self, tenant: str, show_id: str) -> dict[str, Any]:
        show = self._item(keys.show_tracking(tenant, show_id))
        if not show.get("keys"):
            raise ShowNotTrackedError("the show has no show key; register it", show_id=show_id)
        return show

    def _item(self, key: dict[str, str]) -> dict[str, Any]:
        with translated("read how a show is tracked"):
            return dict(self.table.get_item(Key=key, ConsistentRead=True).get("Item", {}))

    def _change(
        self,
        tenant: str,
        show_id: str,
        expression: str,
        value: object,
        condition: Any = None,  # noqa: ANN401 - boto3's conditions have no common type
    ) -> None:
        """Change the show, then each of its keys."""
        self._show(tenant, show_id)
        key = keys.show_tracking(tenant, show_id)
        changed = self._update(key, expression, {":value": value}, condition)
        for digest in changed["keys"]:
            self._publish(digest, changed)

    def _publish(self, digest: str, show: dict[str, Any], created_at: str | None = None) -> None:
        """Bring the item of a key up to what its show says; a ban of the key stays."""
        expression = "SET kind = :kind, tenant = :tenant, show_id = :show, secrets = :secrets"
        values: dict[str, Any] = {
            ":kind": "tracking_key",
            ":tenant": show["tenant"],
            ":show": show["show_id"],
            ":secrets": show["secrets"],
        }
        if created_at:
            expression += ", created_at = :created"
            values[":created"] = created_at
        if show.get("hosts"):
            expression += " ADD hosts :hosts"
            values[":hosts"] = set(show["hosts"])
        key = keys.show_key(digest)
        self._update(key, expression, values)
        try:
            self._update(
                key,
                "SET #state = :value",
                {":value": show["state"]},
                Attr("state").not_exists() | Attr("state").ne(BANNED),
            )
        except ConditionFailedError:
            return

    def _update(
        self,
        key: dict[str, str],
        expression: str,
        values: dict[str, Any],
        condition: Any = None,  # noqa: ANN401 - boto3's conditions have no common type
    ) -> dict[str, Any]:
        names = {"#state": "state", "#keys": "keys"}
        asked: dict[str, Any] = {
            "Key": key,
            "UpdateExpression": expression,
            "ExpressionAttributeValues": values,
            "ReturnValues": "ALL_NEW",
        }
        used = {name: real for name, real in names.items() if name in expression}
        if used:
            asked["ExpressionAttributeNames"] = used
        if condition is not None:
            asked["ConditionExpression"] = condition
        with translated("write how a show is tracked"):
            return dict(self.table.update_item(**asked).get("Attributes", {}))


def _text_of(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")
