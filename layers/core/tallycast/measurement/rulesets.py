"""Rule sets: rules composed by name, with their parameters. A count is only meaningful with one.

`iab-2.3` is the default; `op3` and `odl` are compositions after the open systems of that name. A
tenant defines its own as a document: `{"name": "…", "based_on": "iab-2.3", "window": "rolling"}`.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field, ValidationError, field_validator

from tallycast.kernel.errors import PermanentError
from tallycast.kernel.schema import Produced
from tallycast.measurement import eligibility, filters
from tallycast.measurement.filters import SafeIp
from tallycast.measurement.model import COUNTED
from tallycast.measurement.uniqueness import UniqueBy
from tallycast.measurement.windows import Window

if TYPE_CHECKING:
    from collections.abc import Mapping

AGENT_RULES: Final = ("apple_watch", "bot", "blank_agent", "malformed_agent")
REQUEST_RULES: Final = (*eligibility.CONDITIONS, *filters.CONDITIONS, *AGENT_RULES)
# What a verdict can be after the rules on single requests, in this order.
DELIVERED_TWICE: Final = "delivered_twice"
VOLUME: Final = "volume"
PROBE_REPLACED: Final = "probe_replaced"
REPEAT: Final = "repeat"
NOT_ENOUGH: Final[dict[str, str]] = {"one_minute": "below_threshold", "any_bytes": "no_bytes"}

Positive = Annotated[int, Field(gt=0, le=1_000_000_000)]
_NO_HOST: Final = re.compile(r"[\s/:?#@'\"<>();,]")


class UnknownRuleSetError(PermanentError):
    """There is no rule set of this name."""


class InvalidRuleSetError(PermanentError):
    """The document is no rule set."""


class RuleSet(Produced):
    """A composition of rules, complete and immutable; equal rule sets have equal digests.

    Attributes:
        name: `iab-2.3`, `op3`, `odl` or a tenant's own.
        version: of this definition; part of the digest.
        request_rules: the rules on single requests, in order: the first that fires is the verdict.
        window: `calendar`, `rolling` or `extending` (IAB v2.3 §5.5.1).
        zone: whose midnight begins a day: the show's (`show`) or UTC's (`utc`).
        unique_by: what is counted once per window and listener: the `episode`, or the file with
            the referrer as part of the listener (`file_and_referrer`).
        threshold: `one_minute` of audio after the header, `any_bytes` (more than one, where a
            range has an end), or `none`. One minute is also the rule against pre-loading; a
            publisher none of whose players pre-loads may do without.
        assumed_bitrate_bps: at which a file of unknown bitrate is judged; None asks for all of it.
        library_bots: whether HTTP libraries that only robots use are robots.
        keeps_probe: a `bytes=0-1` counts as long as nothing larger comes (`op3`).
        most_episodes_per_ip: more distinct episodes of one IP in a day are no listening.
        most_requests_per_ip: the same for requests.
        exempt_networks: kinds of network where many people share an IP: no limit of volume.
        safe_ips: IPs known to be shared, each for 90 days.
        bad_referrers: hosts whose pages are known to produce requests nobody listens to.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    version: Annotated[int, Field(ge=1)] = 1
    request_rules: tuple[str, ...]
    window: Window = "calendar"
    zone: Literal["show", "utc"] = "show"
    unique_by: UniqueBy = "episode"
    threshold: Literal["one_minute", "any_bytes", "none"] = "one_minute"
    assumed_bitrate_bps: Positive | None = None
    library_bots: bool = True
    keeps_probe: bool = False
    most_episodes_per_ip: Positive | None = None
    most_requests_per_ip: Positive | None = None
    exempt_networks: tuple[str, ...] = ("cellular", "relay")
    safe_ips: tuple[SafeIp, ...] = ()
    bad_referrers: tuple[str, ...] = ()

    @field_validator("request_rules")
    @classmethod
    def _known_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in REQUEST_RULES:
                raise ValueError(
                    f"no rule is called {name!r}; there are {', '.join(REQUEST_RULES)}"
                )
        if len(set(names)) < len(names):
            raise ValueError("a rule is named twice")
        return names

    @field_validator("bad_referrers")
    @classmethod
    def _hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if _NO_HOST.search(host.strip()) or not filters.bare_host(host):
                raise ValueError(f"{host!r} is no host: write it like spam.example, nothing else")
        return hosts

    @property
    def digest(self) -> str:
        """16 hex digits that change with any rule, parameter or version."""
        document = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(document.encode()).hexdigest()[:16]

    @property
    def verdicts(self) -> tuple[str, ...]:
        """All that a request can end with under these rules, in the order they are decided."""
        limits = self.most_episodes_per_ip is not None or self.most_requests_per_ip is not None
        return (
            *self.request_rules,
            DELIVERED_TWICE,
            *((VOLUME,) if limits else ()),
            *((NOT_ENOUGH[self.threshold],) if self.threshold in NOT_ENOUGH else ()),
            *((PROBE_REPLACED,) if self.keeps_probe else ()),
            REPEAT,
            COUNTED,
        )


IAB = RuleSet(
    name="iab-2.3",
    request_rules=(
        "method", "not_modified", "status", "playlist", "two_bytes", "apple_watch", "bot",
        "blank_agent", "malformed_agent", "data_centre", "vpn", "bad_referrer",
    ),
    most_episodes_per_ip=60,
    most_requests_per_ip=5_000,
)  # fmt: skip
OP3 = RuleSet(
    name="op3",
    request_rules=("method", "tiny_range", "bot", "blank_agent"),
    zone="utc",
    unique_by="file_and_referrer",
    threshold="none",
    keeps_probe=True,
)
ODL = RuleSet(
    name="odl",
    request_rules=("method", "bot", "blank_agent", "data_centre", "ends_at_one"),
    zone="utc",
    threshold="any_bytes",
    library_bots=False,
)
DEFAULT: Final = IAB.name
BUILT_IN: Final[dict[str, RuleSet]] = {rules.name: rules for rules in (IAB, OP3, ODL)}


def rule_set(name: str = DEFAULT, *, window: Window | None = None) -> RuleSet:
    """A built-in rule set by name, with another window if one is given.

    With another window it keeps its name and has another digest: a count names both.

    Raises:
        UnknownRuleSetError: no such name.
    """
    if name not in BUILT_IN:
        raise UnknownRuleSetError(
            f"no rule set is called {name!r}: choose {', '.join(BUILT_IN)} or define your own",
            name=name,
        )
    rules = BUILT_IN[name]
    if window is None or window == rules.window:
        return rules
    return rules.model_copy(update={"window": window})


def own_rule_set(document: Mapping[str, object]) -> RuleSet:
    """A tenant's own rule set from its settings.

    `based_on` names the built-in set whose values stand where the document has none. A name of
    a built-in set is refused: a count by that name means exactly those rules.

    Raises:
        UnknownRuleSetError: `based_on` names no built-in set.
        InvalidRuleSetError: a field is unknown or has a value it cannot have.
    """
    fields = dict(document)
    base = rule_set(str(fields.pop("based_on", DEFAULT)))
    if fields.get("name") in (None, *BUILT_IN):
        raise InvalidRuleSetError(
            "a rule set of your own needs a `name` of its own", name=fields.get("name")
        )
    try:
        return RuleSet.model_validate({**base.model_dump(), **fields})
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(str(step) for step in fault['loc'])}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
        )
        raise InvalidRuleSetError(f"the rule set cannot be used: {faults}", faults=faults) from None
