"""Which reporting days a change of requests reaches, and the mark that has them counted again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tallycast.measurement.counting import calendar
from tallycast.measurement.counting.days import DayRef
from tallycast.measurement.tenancy import LOOK_BACK_DAYS, rules_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import date, datetime

    from tallycast.measurement.counting.days import DayStore
    from tallycast.measurement.rulesets import RuleSet
    from tallycast.measurement.tenancy import MeasurementSettings, MeasurementSettingsStore

# A file seldom comes alone: a count waits this long for the next one.
SETTLING: Final = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Marker:
    """Marks days due."""

    days: DayStore
    settings: MeasurementSettingsStore

    def requests_changed(
        self, tenant: str, utc_days: Collection[date], now: datetime
    ) -> list[DayRef]:
        """Mark every reporting day due that is counted from the given UTC days of requests."""
        settings = self.settings.get(tenant)
        marked: list[DayRef] = []
        for name in settings.rules:
            rules = rules_of(name, settings)
            zones, back, ahead = reach(rules, settings)
            touched = {
                day
                for utc_day in utc_days
                for day in calendar.touched(utc_day, zones, back=back, ahead=ahead)
            }
            for day in sorted(touched):
                ref = DayRef(tenant=tenant, rules=name, day=day)
                self.days.mark_due(ref, now + SETTLING)
                marked.append(ref)
        return marked


def reach(rules: RuleSet, settings: MeasurementSettings) -> tuple[frozenset[str], int, int]:
    """The zones a rule set reports in, and how many days back and ahead its windows reach."""
    zones = (
        frozenset({settings.zone, *settings.zones.values(), "UTC"})
        if rules.zone == "show"
        else frozenset({"UTC"})
    )
    return (zones, 0, 0) if rules.window == "calendar" else (zones, LOOK_BACK_DAYS, 1)
