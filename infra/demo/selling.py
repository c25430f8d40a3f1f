"""The acts of sponsorship: somebody signs in, sells spots, and a partner's system follows along."""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Self
from zoneinfo import ZoneInfo

from standardwebhooks import Webhook, WebhookVerificationError

from infra.demo.waiting import DemoDiffersError, wait_for
from infra.local.doors import Door
from infra.local.signing_in import machine_token, set_password, sign_in
from tallycast.cli.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.demo.traffic import Cast, Listening
    from infra.local.cloud import LocalCloud
    from infra.local.progress import Steps
    from tallycast.demo.traffic.compare import Truth

OWNER: Final = "owner@demo.example"
GUARANTEE_DAYS: Final = 2
_CPM: Final = {"amount": 2500, "currency": "EUR"}
# What is booked, as a share of what will be heard: too much of it is owed in the end.
_BOOKED: Final = (1.6, 0.7, 1.3, 0.9)
_POSITIONS: Final = ("pre", "mid", "mid", "post")
_PARTNER_SCOPES: Final = (
    "campaigns:read",
    "codes:write",
    "conversions:read",
    "conversions:write",
    "delivery:read",
    "reports:read",
    "reports:write",
    "webhooks:read",
    "webhooks:write",
)
_TOPICS: Final = ("CampaignChanged", "ConversionRecorded", "DownloadsCounted", "ReportReady")
_CODE: Final = "NORDLICHT10"
# The shop tells of this many orders, each twice; of every third its buyer typed the code.
_ORDERS: Final = 30
_BY_CODE: Final = 3
_OF_THE_CLOCK: Final = frozenset({"elapsed", "pacing", "projected"})


class Receiver:
    """The partner's system: takes webhooks on loopback and believes only those that are signed.

    Attributes:
        secret: that the messages are signed with; those that came before it is known wait.
    """

    def __init__(self) -> None:
        self.secret: str | None = None
        self._came: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                receiver._came.append(({k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def address(self) -> str:
        """`127.0.0.1:port`, to be allowed."""
        return f"127.0.0.1:{self._server.server_port}"

    def verified(self) -> tuple[dict[str, str], int]:
        """Kinds of the messages that are ours, by id; and how many are nobody's."""
        checker = Webhook(self.secret or "")
        found, forged = {}, 0
        for headers, body in list(self._came):
            try:
                message = checker.verify(body, headers)
            except WebhookVerificationError:
                forged += 1
                continue
            found[headers["webhook-id"]] = str(message["type"])
        return found, forged


@dataclass(frozen=True, slots=True)
class Placement:
    """One spot to be sold, with what is truly going to be heard of it."""

    show_id: str
    episode_id: str
    title: str
    position: str
    booked: int
    true: int


@dataclass(frozen=True, slots=True)
class Ordered:
    """What became of the orders that the partner's shop told of, each twice."""

    recorded: int
    known: int
    proved: int  # by the campaign's code


@dataclass(frozen=True, slots=True)
class Sold:
    """What came of it.

    Attributes:
        report: the campaign's delivery, as the platform answers.
        seen: the same, as the partner's system read it; without prices.
        frozen: the same once more, as the partner's report keeps it.
        ordered: what became of the orders that it told of.
        heard: kinds of the webhooks that it could verify, with how often.
        forged: how many it could not.
    """

    placements: tuple[Placement, ...]
    report: Mapping[str, Any]
    seen: Mapping[str, Any]
    frozen: Mapping[str, Any]
    ordered: Ordered
    heard: Counter[str]
    forged: int

    @property
    def delivered(self) -> list[tuple[Placement, Mapping[str, Any]]]:
        """Every placement with its figures."""
        by_episode = {each["episode_id"]: each for each in self.report["spots"]}
        return [(each, by_episode[each.episode_id]) for each in self.placements]

    def faults(self, most_percent: float) -> list[str]:
        """What is not as it should be, a phrase each; nothing, when all is."""
        found = [
            f"the spot in {placed.title!r} was delivered {figures['delivered']} times, "
            f"in truth {placed.true}"
            for placed, figures in self.delivered
            if abs(figures["delivered"] - placed.true) > placed.true * most_percent / 100
        ]
        if self.seen["delivered"] != self.report["delivered"]:
            found.append("the partner sees another delivery than the owner")
        if _counted(self.frozen["figures"]) != _counted(self.seen):
            found.append("the partner's report has other figures than the delivery")
        if self.ordered != Ordered(_ORDERS, _ORDERS, _ORDERS // _BY_CODE):
            found.append(f"of {_ORDERS} orders, each told twice, came {self.ordered}")
        if self.heard["ConversionRecorded"] != _ORDERS:
            found.append(f"the partner heard {self.heard['ConversionRecorded']} orders")
        if self.forged:
            found.append(f"{self.forged} webhooks could not be verified")
        return found


@dataclass(slots=True)
class SellingActs:
    """One run of the acts on one local cloud.

    Attributes:
        receiver: the partner's, whose address the cloud allows.
    """

    cloud: LocalCloud
    tenant: str
    receiver: Receiver
    steps: Steps
    _owner: Door = field(init=False)
    _partner: Door = field(init=False)
    _campaign: str = field(init=False, default="")
    _placements: tuple[Placement, ...] = field(init=False, default=())

    def sell(self, listening: Listening, truth: Truth, ids: Mapping[str, str]) -> None:
        """Sign in, sell spots in episodes that are going to be heard, let a partner follow."""
        steps = self.steps
        with steps.step("The owner signs in (code and PKCE) and gives a partner's system access"):
            self._sign_in()
            self._let_in()
        with steps.step("A sponsor, an order, a campaign: its spots are booked, the flight starts"):
            self._placements = tuple(placements(listening.cast, truth, ids))
            self._campaign = self._book()

    def settle(self) -> Sold:
        """Read what was delivered, as the owner and as the partner, and what the partner heard."""
        path = f"/v1/campaigns/{self._campaign}/delivery"
        with self.steps.step("The partner's shop tells of orders, each of them twice"):
            ordered = self._tell_of_orders()
        with self.steps.step("Reading the delivery, as owner and as partner; webhooks arrive"):
            report, seen = self._owner.get(path), self._partner.get(path)
            frozen = self._partner.post("/v1/reports", {"campaign_id": self._campaign})
            heard, forged = wait_for(self.cloud, self._heard, "the webhooks of the campaign")
        return Sold(
            placements=self._placements,
            report=report,
            seen=seen,
            frozen=frozen,
            ordered=ordered,
            heard=Counter(heard.values()),
            forged=forged,
        )

    # ── who ──

    def _sign_in(self) -> None:
        platform = Platform(self.cloud.session(), self.cloud.outputs, self.cloud.endpoint)
        platform.run_identity({"command": "bootstrap", "tenant": self.tenant, "owner": OWNER})
        platform.run_identity({"command": "plan", "tenant": self.tenant, "plan": "network"})
        password = secrets.token_urlsafe(16) + "-Aa1"
        set_password(self.cloud, OWNER, password)
        tokens = sign_in(self.cloud, OWNER, password)
        self._owner = Door.of(self.cloud).with_(tokens.access_token)

    def _let_in(self) -> None:
        made = self._owner.post(
            "/v1/clients", {"name": "Nordlicht ad server", "scopes": list(_PARTNER_SCOPES)}
        )
        token = machine_token(self.cloud, made["client_id"], made["client_secret"], _PARTNER_SCOPES)
        self._partner = Door.of(self.cloud, "PartnerApi").with_(token)
        endpoint = self._partner.post(
            "/v1/webhooks",
            {
                "url": f"http://{self.receiver.address}/tallycast",
                "events": list(_TOPICS),
            },
        )
        self.receiver.secret = endpoint["secret"]

    # ── what ──

    def _book(self) -> str:
        post = self._owner.post
        sponsor = post("/v1/sponsors", {"name": "Nordlicht Matratzen", "category": "mattresses"})
        order = post(
            "/v1/orders",
            {
                "number": "2026-0117",
                "sponsor_id": sponsor["id"],
                "terms": {
                    "rate": {"kind": "cpm", "price": _CPM},
                    "guarantee_days": GUARANTEE_DAYS,
                    "make_good": "credit",
                },
            },
        )
        post(f"/v1/orders/{order['id']}/sign", {"signed_by": "Ida Nordlicht"})
        today = datetime.now(UTC).date()
        campaign = post(
            "/v1/campaigns",
            {
                "name": "Better nights",
                "sponsor_id": sponsor["id"],
                "order_id": order["id"],
                "approval_required": False,
                "flight": {
                    "starts_on": str(today - timedelta(days=6)),
                    "ends_on": str(today + timedelta(days=20)),
                },
            },
        )
        path = f"/v1/campaigns/{campaign['id']}"
        for each in self._placements:
            post(
                f"{path}/spots",
                {
                    "show_id": each.show_id,
                    "episode_id": each.episode_id,
                    "position": each.position,
                    "booked_downloads": each.booked,
                },
            )
        for step in ("propose", "book", "start"):
            post(f"{path}/{step}")
        return str(campaign["id"])

    def _tell_of_orders(self) -> Ordered:
        """As a shop's server and its pixel do: the same orders, from two sides."""
        self._partner.post("/v1/codes", {"code": _CODE, "campaign_id": self._campaign})
        campaign = self._partner.get(f"/v1/campaigns/{self._campaign}")
        at = datetime.now(UTC).isoformat()
        events = [
            {
                "kind": "purchase",
                "occurred_at": at,
                "order_number": f"2026-{number}",
                "value": {"amount": 89_00, "currency": "EUR"},
                **({"discount_code": _CODE.lower()} if number % _BY_CODE == 0 else {}),
            }
            for number in range(_ORDERS)
        ]
        batch = {"sponsor_id": campaign["sponsor_id"], "events": events}
        told = [self._partner.post("/v1/conversions", batch) for _ in range(2)]
        return Ordered(
            recorded=sum(each["recorded"] for each in told),
            known=sum(each["known"] for each in told),
            proved=sum(each["campaign_id"] == self._campaign for each in told[0]["results"]),
        )

    def _heard(self) -> tuple[dict[str, str], int] | None:
        heard, forged = self.receiver.verified()
        kinds = Counter(heard.values())
        came = all(kinds[topic] for topic in _TOPICS) and kinds["ConversionRecorded"] >= _ORDERS
        return (heard, forged) if came else None


def _counted(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of a delivery without those that move with the clock."""
    still = {name: each for name, each in figures.items() if name not in _OF_THE_CLOCK}
    return still | ({"spots": [*map(_counted, figures["spots"])]} if "spots" in figures else {})


def placements(cast: Cast, truth: Truth, ids: Mapping[str, str]) -> list[Placement]:
    """Spots in episodes that are heard within what the order guarantees: the most of each show.

    What is booked is a round part, or more than all, of what is true.

    Raises:
        DemoDiffersError: nothing is heard of any episode while it is young.
    """
    heard: dict[str, Placement] = {}
    over: set[str] = set()  # episodes whose guarantee is: what is missing of them is owed
    today = datetime.now(UTC).date()
    for episode_id, (show, episode) in cast.episodes(ids).items():
        show_id = ids[show.slug]
        released = episode.published.astimezone(ZoneInfo(cast.zones[show.slug])).date()
        days = {released + timedelta(days=number) for number in range(GUARANTEE_DAYS)}
        true = heard_on(truth, episode_id, days)
        if true > (heard[show_id].true if show_id in heard else 0):
            heard[show_id] = Placement(show_id, episode_id, episode.title, "pre", 0, true)
            over |= {episode_id} if max(days) < today else set()
    chosen = sorted(
        heard.values(), key=lambda each: (each.episode_id in over, each.true), reverse=True
    )[: len(_BOOKED)]
    if not chosen:
        raise DemoDiffersError("no episode is heard while it is young: choose another seed")
    return [
        Placement(
            each.show_id,
            each.episode_id,
            each.title,
            position,
            _round(each.true * share),
            each.true,
        )
        for each, share, position in zip(chosen, _BOOKED, _POSITIONS, strict=False)
    ]


def heard_on(truth: Truth, episode_id: str, days: set[date]) -> int:
    """True downloads of an episode on these days, whoever saw them."""
    visible: Mapping[tuple[str, str, date], int] = truth.visible["show"]
    return sum(
        count
        for (_, episode, day), count in visible.items()
        if episode == episode_id and day in days
    )


def _round(number: float) -> int:
    """To two figures, at least 1: what people book."""
    size: int = 10 ** max(len(str(int(number))) - 2, 0)
    return max(1, round(number / size) * size)
