"""How each tenant wants its downloads counted: rule sets, time zones, retention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, ValidationError

from tallycast.aws.errors import translated
from tallycast.kernel import keys
from tallycast.kernel.errors import PermanentError
from tallycast.kernel.schema import Produced
from tallycast.measurement.filters import SafeIp
from tallycast.measurement.rulesets import BUILT_IN, RuleSet, own_rule_set, rule_set

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

# A rolling or extending window may begin days before the day that is counted. A player that asks
# for the same episode at least every 24 hours for longer than this is cut there, and nowhere else.
LOOK_BACK_DAYS = 3


class BadMeasurementSettingsError(PermanentError):
    """The settings name something that does not exist."""


class BadZoneError(PermanentError, ValueError):
    """There is no time zone of this name."""


# Files beside the zones that mean another one on every machine, or none.
_NO_PLACES: Final = frozenset({"localtime", "posixrules", "Factory"})


def known_zone(name: str) -> str:
    """The name of an IANA time zone, as it is.

    Raises:
        BadZoneError: there is none of this name.
    """
    if name not in available_timezones() or name in _NO_PLACES:
        raise BadZoneError(f"{name!r} is no IANA time zone; write it like Europe/Berlin")
    return name


Zone = Annotated[str, AfterValidator(known_zone)]
RuleSetName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,39}$")]


class MeasurementSettings(Produced):
    """A tenant's settings.

    `rules` are counted side by side; the first is the one that sponsors are paid by. `zones` are
    the reporting time zones of shows that differ from `zone`. `custom_rules` are definitions of
    the tenant's own rule sets, by name. `safe_ips` are known to be shared by many listeners, under
    every rule set. Retention is in days; 0 keeps for ever.
    """

    rules: Annotated[tuple[RuleSetName, ...], Field(min_length=1, max_length=5)] = ("iab-2.3",)
    custom_rules: dict[RuleSetName, dict[str, Any]] = Field(default_factory=dict)
    zone: Zone = "UTC"
    zones: dict[str, Zone] = Field(default_factory=dict)
    safe_ips: tuple[SafeIp, ...] = ()
    rows_per_shard: Annotated[int, Field(ge=1)] = 20_000_000
    final_after_hours: Annotated[int, Field(ge=1, le=24 * 60)] = 72
    keep_requests_days: Annotated[int, Field(ge=0)] = 400
    keep_quarantine_days: Annotated[int, Field(ge=0)] = 400

    def zone_of(self, show_id: str) -> str:
        """The reporting time zone of a show."""
        return self.zones.get(show_id, self.zone)


def rules_of(name: str, settings: MeasurementSettings) -> RuleSet:
    """A rule set as a tenant has it: built in or its own, with the tenant's safe IPs.

    Raises:
        UnknownRuleSetError: neither is called so.
        InvalidRuleSetError: the tenant's own definition cannot be used.
    """
    if name in settings.custom_rules and name not in BUILT_IN:
        rules = own_rule_set({**settings.custom_rules[name], "name": name})
    else:
        rules = rule_set(name)
    if not settings.safe_ips:
        return rules
    return rules.model_copy(update={"safe_ips": (*rules.safe_ips, *settings.safe_ips)})


class MeasurementSettingsStore:
    """The settings in the `core` table; a tenant that never set any has the defaults."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, tenant: str) -> MeasurementSettings:
        """A tenant's settings."""
        with translated(f"read the measurement settings of {tenant}"):
            item = self._table.get_item(Key=keys.measurement_settings(tenant)).get("Item")
        if item is None:
            return MeasurementSettings()
        return MeasurementSettings.model_validate_json(str(item["settings"]))

    def put(self, tenant: str, settings: MeasurementSettings) -> None:
        """Replace a tenant's settings."""
        with translated(f"write the measurement settings of {tenant}"):
            self._table.put_item(
                Item={
                    **keys.measurement_settings(tenant),
                    "kind": "measurement",
                    "settings": settings.model_dump_json(),
                }
            )


def settings_of(document: dict[str, Any]) -> MeasurementSettings:
    """Settings as a person writes them.

    Raises:
        BadMeasurementSettingsError: which entry is wrong, and why.
        UnknownRuleSetError: a rule set is counted that is nowhere defined.
        InvalidRuleSetError: a rule set of the tenant's own cannot be used.
    """
    try:
        settings = MeasurementSettings.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "settings"
        what = first["msg"].removeprefix("Value error, ")
        raise BadMeasurementSettingsError(f"{where}: {what}") from error
    for name in {*settings.rules, *settings.custom_rules}:
        rules_of(name, settings)
    return settings
