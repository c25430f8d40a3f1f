"""What Python says about distinct values, kept in DuckDB for the whole file.

Python sees each address once a month, each URL (without most of its query) and each odd user agent
once; the rows are joined with what it said. The tables are DuckDB's, so they spill when a file has
millions.
"""

# ruff: noqa: S608 - what comes from outside is quoted by `expressions`

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import unquote

from tallycast.measurement.lengths import LONGEST_KEPT
from tallycast.measurement.logs import expressions as sql
from tallycast.measurement.logs.enrichment import plain_address
from tallycast.measurement.logs.layout import PART
from tallycast.measurement.logs.media import Address, locate
from tallycast.measurement.logs.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date
    from pathlib import Path

    import duckdb

    from tallycast.measurement.logs.enrichment import Enrichment
    from tallycast.measurement.logs.layout import Layout

_BATCH: Final = 50_000
_ESCAPED: Final = re.compile(r"(?:\\x[0-9a-fA-F]{2})+|\\[\\\"']")
# `address` is how an address is written plainly, where the log writes it otherwise; `user_agent`
# and `referrer` are what a word stands for as either of them.
_TABLES: Final = {
    "urls": dict.fromkeys(("url", "media", "part", "url_skip", "url_problem"), "VARCHAR"),
    "addresses": {
        "ip": "VARCHAR",
        "month": "DATE",
        "ip_problem": "VARCHAR",
        "address": "VARCHAR",
        "ip_country": "VARCHAR",
        "ip_region": "VARCHAR",
        "ip_asn": "INTEGER",
        "ip_network": "VARCHAR",
        "new_key": "VARCHAR",
        "new_hash": "VARCHAR",
        "new_hash_previous": "VARCHAR",
    },
    "systems": {"asn": "VARCHAR", "asn_network": "VARCHAR"},
    "words": dict.fromkeys(("word", "user_agent", "referrer"), "VARCHAR"),
}
_SYSTEM: Final = re.compile(r"(?:AS)?([0-9]{1,10})", re.IGNORECASE)
_NOTHING: Final = (None,) * 7  # of an address: neither facts nor hashes


class Dictionaries:
    """The tables and what fills them.

    Args:
        connection: where they are made.
        enrichment: what is asked.
        playlist_folders: of the source's known playlists.
        scratch: folder for what is on its way into them.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        enrichment: Enrichment,
        playlist_folders: frozenset[str],
        scratch: Path,
    ) -> None:
        self._connection = connection
        self._enrichment = enrichment
        self._folders = playlist_folders
        self._file = scratch / "learnt"
        for table, columns in _TABLES.items():
            described = ", ".join(f"{name} {kind}" for name, kind in columns.items())
            connection.execute(f"CREATE TEMP TABLE {table} ({described})")

    def learn(self, layout: Layout) -> None:
        """Everything in the table `facts` that is not known yet."""
        for batch in self._new("urls", "url", "SELECT url FROM facts WHERE url IS NOT NULL"):
            self._keep("urls", [(url, *self._address(url, layout)) for (url,) in batch])
        if "ip" in layout.facts:
            asked = "SELECT ip, month FROM facts WHERE ip IS NOT NULL AND month IS NOT NULL"
            for batch in self._new("addresses", "ip, month", asked):
                self._keep("addresses", self._addresses(batch))
        if "asn" in layout.facts:
            for batch in self._new("systems", "asn", "SELECT asn FROM facts WHERE asn IS NOT NULL"):
                self._keep("systems", self._systems([asn for (asn,) in batch]))
        if layout.escaped:
            odd = "%" if layout.escapes == "percent" else "\\"
            asked = " UNION ALL ".join(
                f"SELECT {fact} AS word FROM facts WHERE contains({fact}, '{odd}')"
                for fact in layout.escaped
            )
            for batch in self._new("words", "word", asked):
                self._keep(
                    "words",
                    [
                        (
                            word,
                            unescaped(word, layout.escapes, most=2, control="\ufffd"),
                            unescaped(word, layout.escapes, most=1, control=" "),
                        )
                        for (word,) in batch
                    ],
                )

    def _address(self, url: str, layout: Layout) -> Address:
        """What a URL asks for."""
        if layout.located:
            media, _, part = url.partition(PART)
            return Address(media, part)
        return locate(url, self._enrichment.media, self._folders)

    def _addresses(self, asked: Sequence[tuple[str, date]]) -> Iterator[tuple[Any, ...]]:
        """The rows of `addresses` for addresses as they stand in the log, and their months."""
        plain = [plain_address(ip) for ip, _ in asked]
        good = [(a, month) for a, (_, month) in zip(plain, asked, strict=True) if a is not None]
        names = list(dict.fromkeys([address for address, _ in good]))
        found = self._enrichment.facts(names) if names else ()
        facts = {
            name: (each.country, each.region, each.asn, each.network)
            for name, each in zip(names, found, strict=True)
        }
        hashes = iter(self._enrichment.pseudonyms(good) if good else ())
        months = {month: month.isoformat() for month in {month for _, month in asked}}
        for (ip, month), address in zip(asked, plain, strict=True):
            if address is None:
                yield ip, months[month], Reason.BAD_ADDRESS, None, *_NOTHING
            elif (hashed := next(hashes)) is None:
                yield ip, months[month], Reason.NO_KEY, address, *_NOTHING
            else:
                other = None if address == ip else address
                yield ip, months[month], None, other, *facts[address], *hashed

    def _systems(self, texts: Sequence[str]) -> Iterator[tuple[str, str | None]]:
        """The rows of `systems` for numbers as they stand in the log."""
        numbers = {text: int(found[1]) for text in texts if (found := _SYSTEM.fullmatch(text))}
        kinds = self._enrichment.kinds(list(numbers.values())) if numbers else ()
        known = dict(zip(numbers, kinds, strict=True))
        return ((text, known.get(text)) for text in texts)

    def _new(self, table: str, keys: str, asked: str) -> Iterator[list[tuple[Any, ...]]]:
        """The keys that a query gives and a table lacks, in batches."""
        run = self._connection.execute
        run(
            "CREATE OR REPLACE TEMP TABLE lacking AS SELECT * FROM "
            f"(SELECT DISTINCT {keys} FROM ({asked})) ANTI JOIN {table} USING ({keys})"
        )
        at = 0
        while batch := run(f"SELECT * FROM lacking LIMIT {_BATCH} OFFSET {at}").fetchall():
            yield batch
            at += _BATCH

    def _keep(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        # By way of a file: as parameters many values take several times as long.
        self._file.write_text(json.dumps(list(rows)), encoding="ascii")
        columns = ", ".join(
            f"CAST(v[{place}] AS {kind})" for place, kind in enumerate(_TABLES[table].values(), 1)
        )
        self._connection.execute(
            f"INSERT INTO {table} SELECT {columns} FROM (SELECT unnest(rows) AS v FROM ("
            "SELECT from_json(content, '[[\"VARCHAR\"]]') AS rows "
            f"FROM read_text({sql.text(sql.literal_path(self._file))})))"
        )


def unescaped(
    text: str, escapes: Literal["", "percent", "backslash"], *, most: int, control: str
) -> str:
    r"""What the client sent, at most 2 kB of it.

    CloudFront writes `%20` for a space and `%25` for a percent sign; older logs encoded the percent
    sign of user agents once more (`%2520`). nginx writes `\x22` for a quote, Apache `\"`.

    Args:
        text: as it stands in the log.
        escapes: how the log writes unusual characters.
        most: how often percent signs are decoded: twice in a user agent, in which nobody means
            one; once in a referrer, where those that are left came with it.
        control: what becomes of control characters: in a user agent U+FFFD, so that it stays
            malformed; in a referrer spaces, which no address has.
    """
    if escapes == "percent":
        plain = unquote(text)
        if most > 1 and "%" in plain:
            plain = unquote(plain)
    else:
        plain = _ESCAPED.sub(_character, text)
    printable = "".join(c if c >= " " and c != "\x7f" else control for c in plain.strip())
    return printable.encode("utf-8", "replace").decode()[:LONGEST_KEPT].strip()


def _character(match: re.Match[str]) -> str:
    found = match[0]
    if found.startswith("\\x"):
        return bytes.fromhex(found.replace("\\x", "")).decode("utf-8", "replace")
    return found[1]
