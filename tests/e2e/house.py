"""A tenant on the deployed platform with a credential for every role, and things of its own."""

from __future__ import annotations

import base64
import json
import time
import urllib.request
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from infra.local.doors import Door
from infra.local.signing_in import set_password, sign_in
from tallycast.identity.access import scopes_of
from tallycast.identity.model import Role
from tests.support.cloud import call

if TYPE_CHECKING:
    from infra.local.cloud import LocalCloud

PASSWORD = "Correct-horse-battery-9"


@dataclass
class House:
    """A tenant of the API.

    Attributes:
        keys: an API key with every scope of its role, by role.
        narrow: a key of the owner's role that may only say who it is.
        ids: things of the tenant, by the name of the path parameter that they stand for.
    """

    cloud: LocalCloud
    tenant: str
    owner: str = ""
    keys: dict[Role, str] = field(default_factory=dict)
    narrow: str = ""
    ids: dict[str, str] = field(default_factory=dict)

    def door(self, credential: str | None = None, *, partner: bool = False) -> Door:
        """A door, by default with the owner's token."""
        made = Door.of(self.cloud, "PartnerApi" if partner else "Api")
        return made.with_(self.owner if credential is None else credential)


def a_house(cloud: LocalCloud, tenant: str) -> House:
    """Begin a tenant as an operator does, sign its owner in, and make a key for every role."""
    email = f"owner@{tenant}.example"
    for command in (
        {"command": "bootstrap", "tenant": tenant, "owner": email},
        {"command": "plan", "tenant": tenant, "plan": "network"},
    ):
        answer, failed = call(cloud, "ManageIdentity", command)
        assert not failed, answer
        assert "error" not in answer, answer
    set_password(cloud, email, PASSWORD)
    house = House(cloud, tenant, sign_in(cloud, email, PASSWORD).access_token)
    house.narrow = a_key(house, "narrow", Role.OWNER, ["me:read"])
    return house


def a_key(house: House, name: str, role: Role, scopes: list[str], **more: str) -> str:
    """An API key."""
    body = {"name": name, "role": role.value, "scopes": scopes, **more}
    return str(house.door().post("/v1/api-keys", body)["key"])


def furnish(house: House) -> House:
    """A key of every role, and one of everything that a tenant can have."""
    post = house.door().post
    sponsor = post("/v1/sponsors", {"name": f"secret-{house.tenant}", "category": "mattresses"})
    for role in Role:
        more = {"sponsor_id": sponsor["id"]} if role is Role.SPONSOR else {}
        house.keys[role] = a_key(house, role.value, role, sorted(scopes_of(role)), **more)
    note = post(f"/v1/sponsors/{sponsor['id']}/notes", {"text": "They like mornings."})
    agency = post("/v1/agencies", {"name": "Media Mond"})
    order = post("/v1/orders", an_order(sponsor["id"]))
    post(f"/v1/orders/{order['id']}/sign", {"signed_by": "Ida"})
    campaign = post("/v1/campaigns", a_campaign(sponsor["id"], order["id"]))
    creative = post(
        f"/v1/campaigns/{campaign['id']}/creatives",
        {"name": "Mornings", "kind": "script", "text": "Wake up."},
    )
    code = post("/v1/codes", {"code": "NIGHT10", "campaign_id": campaign["id"]})
    link = post(
        "/v1/links",
        {"slug": "night", "target": "https://nordlicht.example", "campaign_id": campaign["id"]},
    )
    invitation = post("/v1/invitations", {"email": "bo@elsewhere.example", "role": "analyst"})
    client = post("/v1/clients", {"name": "ad server", "scopes": ["me:read"]})
    webhook = post("/v1/webhooks", {"url": "https://partner.example/hook"})
    order_told = {
        "kind": "purchase",
        "occurred_at": datetime.now(UTC).isoformat(),
        "order_number": "4711",
        "discount_code": "NIGHT10",
        "ip": "203.0.113.7",
    }
    told = post("/v1/conversions", {"sponsor_id": sponsor["id"], "events": [order_told]})
    report = post("/v1/reports", {"campaign_id": campaign["id"]})
    house.ids |= {
        "conversion_id": told["results"][0]["conversion_id"],
        "report_id": report["id"],
        "sponsor_id": sponsor["id"],
        "note_id": note["id"],
        "agency_id": agency["id"],
        "order_id": order["id"],
        "campaign_id": campaign["id"],
        "creative_id": creative["id"],
        "code_id": code["id"],
        "link_id": link["id"],
        "invitation_id": invitation["id"],
        "client_id": client["client_id"],
        "webhook_id": webhook["id"],
        "key_id": house.door().get("/v1/api-keys")["items"][0]["id"],
        "person_id": house.door().get("/v1/me")["subject"],
        "number": "1",
        "day": "2026-11-01",
    }
    return house


def an_order(sponsor_id: str, **facts: Any) -> dict[str, Any]:
    """An insertion order."""
    price = {"kind": "cpm", "price": {"amount": 2500, "currency": "EUR"}}
    return {"number": "IO-1", "sponsor_id": sponsor_id, "terms": {"rate": price}, **facts}


def a_campaign(sponsor_id: str, order_id: str, **facts: Any) -> dict[str, Any]:
    """A campaign that runs from yesterday on."""
    today = datetime.now(UTC).date()
    flight = {
        "starts_on": str(today - timedelta(days=1)),
        "ends_on": str(today + timedelta(days=20)),
    }
    known = {"name": "Better nights", "sponsor_id": sponsor_id, "order_id": order_id}
    return {**known, "flight": flight, "approval_required": False, **facts}


def minted(cloud: LocalCloud, token: str, **changes: Any) -> str:
    """A token like this one with other claims, signed by the user pool's own key."""
    key, kid = pool_key(cloud)
    header, claims = parts(token)
    assert header["kid"] == kid
    return jwt.encode({"alg": "RS256", "kid": kid}, {**claims, **changes}, key)


def forged(token: str, **changes: Any) -> str:
    """The same signed by a key of somebody else's, under the pool's key id."""
    header, claims = parts(token)
    key = RSAKey.generate_key(2048)
    return jwt.encode({"alg": "RS256", "kid": header["kid"]}, {**claims, **changes}, key)


def expired(cloud: LocalCloud, token: str) -> str:
    """A token that was good an hour ago."""
    now = int(time.time())
    return minted(cloud, token, iat=now - 7200, auth_time=now - 7200, exp=now - 3600)


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, unchecked."""
    header, claims, _ = (part + "=" * (-len(part) % 4) for part in token.split("."))
    return tuple(json.loads(base64.urlsafe_b64decode(part)) for part in (header, claims))


def pool_key(cloud: LocalCloud) -> tuple[RSAKey, str]:
    """The key that the local user pool signs access tokens with, and its id."""
    name = f"{cloud.outputs['UserPoolId']}-access.pem"
    [path] = Path(cloud.folder.root).rglob(name)
    key = RSAKey.import_key(path.read_bytes())
    address = f"{cloud.endpoint}/{cloud.outputs['UserPoolId']}/.well-known/jwks.json"
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address) as reply:
        published = json.load(reply)["keys"]
    [kid] = [each["kid"] for each in published if each["n"] == key.as_dict()["n"]]
    return key, kid
