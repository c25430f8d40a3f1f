"""Cases that hit something: real ids, versions and keys in the place of those that were invented."""

from __future__ import annotations

from itertools import count
from random import Random
from typing import Any, Final
from urllib.parse import urlsplit

from schemathesis import Case
from schemathesis.core.parameters import ParameterLocation

from tests.fuzz.stock import Stock

# Of six cases, how many get what is real; the rest go as they were invented.
_HIT: Final = 5
_OF: Final = 6
# Things that hang on others: each on the first of them that there was.
_HANG_ON: Final = (
    ("note_id", "sponsor_id"),
    ("episode_id", "show_id"),
    ("delivery_id", "webhook_id"),
)
_NOWHERE: Final = "partner.example"


class Aim:
    """Turns invented cases into such that get past 404, 412 and 422; each the same under a seed.

    Args:
        stock: what there is.
        seed: of the choices.
    """

    def __init__(self, stock: Stock, seed: int) -> None:
        self._stock = stock
        self._random = Random(seed)
        self._keys = count(1)

    def take(self, case: Case) -> None:
        """Aim one case. What a case means to have wrong stays wrong."""
        if self._sound(case, ParameterLocation.PATH):
            self._at_things(case.path_parameters, case.operation.path)
        if self._sound(case, ParameterLocation.QUERY):
            self._in_query(case)
        if self._sound(case, ParameterLocation.BODY) and isinstance(case.body, dict | list):
            case.body = self._named(case.body)
        self._harmless(case)
        for name, value in case.path_parameters.items():
            if self._stock.is_guarded(value):
                case.path_parameters[name] = self._one(name)
        if self._sound(case, ParameterLocation.HEADER):
            self._headers(case)

    def _sound(self, case: Case, where: ParameterLocation) -> bool:
        return case.meta is None or not case.meta.is_negative_at(where)

    def _hits(self) -> bool:
        return self._random.randrange(_OF) < _HIT

    def _one(self, name: str) -> str | None:
        return self._stock.one(name, self._random.randrange(1 << 30))

    def _at_things(self, parameters: dict[str, Any], path: str) -> None:
        for name in list(parameters):
            known = self._stock.holds(name, parameters[name])  # a step that follows another
            real = self._one(name)
            if real is not None and not known and self._hits():
                parameters[name] = real
        for child, parent in _HANG_ON:
            if child in parameters and parent in parameters:
                first = self._stock.first(parent)
                if first is not None and self._stock.holds(child, parameters[child]):
                    parameters[parent] = first

    def _in_query(self, case: Case) -> None:
        for name, value in list(case.query.items()):
            real = self._one(name)
            if real is not None and name.endswith("_id") and self._hits():
                case.query[name] = [real] if isinstance(value, list) else real

    def _named(self, body: Any) -> Any:
        """A body in which what is named exists."""
        if isinstance(body, list):
            return [self._named(each) for each in body]
        if not isinstance(body, dict):
            return body
        made = {}
        for name, value in body.items():
            real = self._one(name) if name.endswith("_id") and isinstance(value, str) else None
            made[name] = real if real is not None and self._hits() else self._named(value)
        return made

    def _harmless(self, case: Case) -> None:
        """The platform calls the addresses that it is told: no case names one that could exist."""
        body = case.body
        if not isinstance(body, dict) or not isinstance(body.get("url"), str):
            return
        try:
            host = urlsplit(body["url"]).hostname
        except ValueError:
            return
        if host and not host.endswith(".example"):
            case.body = {**body, "url": f"https://{_NOWHERE}/{next(self._keys)}"}

    def _headers(self, case: Case) -> None:
        names = {parameter.name for parameter in case.operation.headers}
        if "Idempotency-Key" in names and "Idempotency-Key" in case.headers and self._hits():
            case.headers["Idempotency-Key"] = f"fuzz-{next(self._keys)}"
        for name in ("If-Match", "If-None-Match"):
            if name in names and name in case.headers:
                seen = self._stock.etag(case.formatted_path)
                chosen = [seen or "*", "*", case.headers[name]]
                case.headers[name] = chosen[self._random.randrange(3)]
