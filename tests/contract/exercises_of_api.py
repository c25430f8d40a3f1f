"""Everything that the two doors do to AWS, in a scene that has all they need."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from standardwebhooks import Webhook

from tallycast.identity.access import scopes_of
from tallycast.identity.model import Role
from tests.contract import exercises_of_identity as identity
from tests.contract.exercises_of_analytics import EXPORT, ask, counted, exports
from tests.support.api import ApiClient, a_principal
from tests.support.connected import put_secret
from tests.support.functions import Function
from tests.support.oauth_provider import oauth_provider
from tests.support.origin import feed, item
from tests.support.scene import DAILY, NOW, SHOW, TENANT

PRICE = {"kind": "cpm", "price": {"amount": 2500, "currency": "EUR"}}
EPISODES = ((1, "Nov 2025"), (4, "Jan 2026"))  # the fourth is of the fifth
DAYS = "first=2026-01-01&last=2026-01-05"


@dataclass(frozen=True)
class Handled:
    """A door's app behind the function's own handler."""

    door: Function

    @property
    def routes(self):
        return self.door.module.app.routes

    def __call__(self, event, _):
        return self.door(event)


def good(answer):
    """The answer's body; every call of these exercises has to work."""
    assert answer.status < 400, answer
    return answer.json() if answer.text.startswith("{") else None


def order(client):
    """A sponsor's signed order."""
    sponsor = good(client.post("/v1/sponsors", {"name": "Nordlicht", "category": "mattresses"}))
    terms = {"rate": PRICE, "separation": True, "exclusive_categories": ["mattresses"]}
    facts = {"number": "IO-1", "sponsor_id": sponsor["id"], "terms": terms}
    made = good(client.post("/v1/orders", facts))
    return good(client.post(f"/v1/orders/{made['id']}/sign", {"signed_by": "Ida"}))


def sell(client, order):
    """A campaign with a spot: booked, changed, read and cancelled."""
    today = NOW.date()
    flight = {"starts_on": str(today), "ends_on": str(today + timedelta(days=9))}
    campaign = {
        "name": "Nights",
        "sponsor_id": order["sponsor_id"],
        "order_id": order["id"],
        "flight": flight,
        "approval_required": False,
    }
    campaign = good(client.post("/v1/campaigns", campaign))
    path = f"/v1/campaigns/{campaign['id']}"
    spot = {"show_id": SHOW, "booked_downloads": 1000}
    [newest, *_] = good(client.get(f"/v1/shows/{SHOW}/episodes"))["items"]
    in_episode = {**spot, "position": "mid", "episode_id": newest["episode_id"]}
    good(client.post(f"{path}/spots", in_episode))
    good(client.post(f"{path}/spots", {**spot, "position": "pre", "insertion": "dai", **flight}))
    code = good(client.post("/v1/codes", {"code": "NIGHT", "campaign_id": campaign["id"]}))
    for step in ("propose", "book"):
        good(client.post(f"{path}/{step}"))
    good(client.get(f"{path}/delivery"))
    good(client.get(f"/v1/spots?show_id={SHOW}"))
    for offer in (f"inventory?{DAYS}", "media-kit"):
        good(client.get(f"/v1/shows/{SHOW}/{offer}"))
    good(client.get("/v1/campaigns"))
    assert client.post(f"{path}/book", key="twice").status == 409
    tell_of_an_order(client, campaign["sponsor_id"])
    made = good(client.post("/v1/reports", {"campaign_id": campaign["id"]}))
    good(client.get(f"/v1/reports/{made['id']}"))
    good(client.get(f"/v1/reports?campaign_id={campaign['id']}"))
    etag = client.get(f"/v1/codes/{code['id']}").etag
    assert client.delete(f"/v1/codes/{code['id']}", if_match=etag).status == 204
    good(client.post(f"{path}/cancel", {"reason": "an exercise"}))
    assert client.post(f"{path}/book").status == 409


def tell_of_an_order(client, sponsor_id):
    """A conversion from an address, by a code, told twice and read; before it one whose month's
    key has to be made."""
    event = {
        "kind": "purchase",
        "occurred_at": NOW.isoformat(),
        "order_number": "4711",
        "discount_code": "NIGHT",
        "ip": "203.0.113.7",
    }
    earlier = (NOW - timedelta(days=200)).isoformat()
    old = {**event, "order_number": "4710", "occurred_at": earlier}
    for _ in range(2):
        good(client.post("/v1/conversions", {"sponsor_id": sponsor_id, "events": [old, event]}))
    [found, _] = good(client.get(f"/v1/conversions?sponsor_id={sponsor_id}"))["items"]
    assert found["evidence"] == "code"
    good(client.get(f"/v1/conversions/{found['id']}"))


def read_numbers(client):
    """Charts of a counted day, and an export that is asked for and one that is done."""
    for chart in (
        f"/v1/downloads?{DAYS}",
        f"/v1/downloads/rolling?{DAYS}",
        f"/v1/shows/{SHOW}/ages",
        "/v1/shows",
        "/v1/audience/listeners?every=month&" + DAYS,
    ):
        client.get(chart)
    good(client.get(f"/v1/downloads?{DAYS}&show_id={SHOW}"))
    wanted = {"table": "downloads", "format": "csv", "first": "2026-01-01", "last": "2026-01-05"}
    good(client.post("/v1/exports", wanted))


def fetch_an_export(stage, client):
    """The file of an export that is done, by its link."""
    ask(stage)
    store = exports(stage)
    found = store.get(TENANT, EXPORT)
    made = found.document.model_copy(
        update={"state": "done", "ended_at": NOW, "expires_at": NOW + timedelta(days=1)}
    )
    store.put(store.replacement(found, made, NOW))
    link = good(client.get(f"/v1/exports/{EXPORT}"))["link"]
    answer = client.as_(None).get(link[link.index("/v1/") :])
    assert answer.status == 302, answer


def be_told(client):
    """A webhook: made, pinged, its deliveries read, replayed, changed and removed."""
    hook = good(client.post("/v1/webhooks", {"url": "https://partner.example/hook"}, key=None))
    path = f"/v1/webhooks/{hook['id']}"
    good(client.post(f"{path}/ping"))
    [delivery] = good(client.get(f"{path}/deliveries"))["items"]
    good(client.get(f"{path}/deliveries/{delivery['id']}"))
    for step in ("disable", "enable"):
        client.post(f"{path}/{step}")
    client.post(f"{path}/deliveries/{delivery['id']}/replay")
    good(client.get(f"{path}/deliveries?status=pending"))
    since = (NOW - timedelta(days=1)).isoformat()
    good(client.post(f"{path}/replay", {"since": since}))
    good(client.post(f"{path}/rotate-secret", key=None))
    assert client.delete(path, if_match=client.get(path).etag).status == 204


def listen(client):
    """A hook: made, told something twice, removed."""
    hook = good(client.post("/v1/hooks", {"name": "shop", "scheme": "standard"}, key=None))
    path, body = f"/v1/hooks/{hook['id']}", '{"type": "order.created"}'
    now = NOW
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(hook["secret"]).sign("msg_1", now, body),
    }
    for _ in range(2):
        sent = client.as_(None).send("POST", path, raw=body.encode(), headers=headers)
        assert sent.status == 202, sent
    assert client.delete(path, if_match=client.get(path).etag).status == 204


def connect(client, provider):
    """A connection by way of the provider's page, and its end."""
    begun = good(client.post("/v1/connections", {"provider": "loopback", "label": "ours"}))
    back = provider.consent(begun["authorization_url"])
    good(client.as_(None).get(f"/v1/connections/callback?{urlencode(back)}"))
    assert client.delete(f"/v1/connections/{begun['connection']['id']}").status < 300


def ask_too_much(client):
    """Until the smallest plan allows no more."""
    slow = client.as_(a_principal(tenant=TENANT, subject="usr_slow", plan="free"))
    assert [slow.get("/v1/me").status for _ in range(31)][-1] == 429


def stand(stage):
    """A tenant with a show: an episode of this day, older ones, and a counted day."""
    identity.stand(stage)
    identity.owner(stage)
    old, new = (item(number).replace("Oct 2026", month) for number, month in EPISODES)
    stage.platform.origin.put(DAILY, feed([new, old]))
    counted(stage)


def api(stage):
    stand(stage)
    with oauth_provider() as provider:
        stage.environments["api"]["FETCH_ALLOW_LIST"] = provider.address
        put_secret(stage.platform.stacks, provider)
        use_api(stage, provider)


def use_api(stage, provider):
    with stage.function("api") as door:
        app = Handled(door)
        client = ApiClient(app, a_principal(tenant=TENANT))
        identity.by_the_door(app)
        ask_too_much(client)
        sell(client, order(client))
        read_numbers(client)
        fetch_an_export(stage, client)
        be_told(client)
        good(client.get("/v1/audit"))
        connect(client, provider)


def partner_api(stage):
    stand(stage)
    with stage.function("api") as office:
        signed = order(ApiClient(Handled(office), a_principal(tenant=TENANT)))
    with stage.function("partner_api") as door:
        everything = a_principal(tenant=TENANT, scopes=scopes_of(Role.OWNER))
        client = ApiClient(Handled(door), everything)
        sell(client, signed)
        read_numbers(client)
        fetch_an_export(stage, client)
        be_told(client)
        listen(client)


EXERCISES = {each.__name__: each for each in (api, partner_api)}
