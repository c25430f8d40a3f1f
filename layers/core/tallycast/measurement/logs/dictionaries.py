"""What Python says about distinct values, kept in DuckDB for the whole file.

Python sees each address, each URL without its query and each odd user agent once; the rows are
joined with what it said. The tables are DuckDB's, so they spill when a file has millions.
"""

# ruff: noqa: S608 - what comes from outside is quoted by `expressions`

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import unquote

from tallycast.measurement.logs.enrichment import plain_address
from tallycast.measurement.logs.media import locate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import duckdb

    from tallycast.measurement.logs.enrichment import Enrichment
    from tallycast.measurement.logs.layout import Layout

_BATCH: Final = 50_000
_ESCAPED: Final = re.compile(r"(?:\\x[0-9a-fA-F]{2})+|\\[\\\"']")
_SYSTEM: Final = re.compile(r"(?:AS)?([0-9]{1,10})", re.IGNORECASE)
_LONGEST: Final = 2048
_TABLES: Final = """
CREATE TEMP TABLE urls (url VARCHAR, media VARCHAR, part VARCHAR, skip VARCHAR, problem VARCHAR);
CREATE TEMP TABLE ips (
    ip VARCHAR, address VARCHAR, country VARCHAR, region VARCHAR, asn INTEGER, network VARCHAR);
CREATE TEMP TABLE pseudonyms (
    ip VARCHAR, month DATE, ip_key VARCHAR, ip_hash VARCHAR, ip_hash_previous VARCHAR);
CREATE TEMP TABLE systems (asn VARCHAR, kind VARCHAR);
CREATE TEMP TABLE words (word VARCHAR, plain VARCHAR);
"""


class Dictionaries:
    """The five tables and what fills them.

    Args:
        connection: where they are made.
        enrichment: what is asked.
        playlist_folders: of the source's known playlists.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        enrichment: Enrichment,
        playlist_folders: frozenset[str],
    ) -> None:
        self._connection = connection
        self._enrichment = enrichment
        self._folders = playlist_folders
        connection.execute(_TABLES)

    def learn(self, layout: Layout) -> None:
        """Everything in the table `facts` that is not known yet."""
        for batch in self._new("SELECT DISTINCT url FROM facts WHERE url IS NOT NULL", "urls"):
            urls = [row[0] for row in batch]
            found = [locate(url, self._enrichment.media, self._folders) for url in urls]
            self._keep("urls", [urls, *map(list, zip(*found, strict=True))])
        if "ip" in layout.facts:
            for batch in self._new("SELECT DISTINCT ip FROM facts WHERE ip IS NOT NULL", "ips"):
                self._addresses([row[0] for row in batch])
            self._pseudonyms()
        if "asn" in layout.facts:
            for batch in self._new(
                "SELECT DISTINCT asn FROM facts WHERE asn IS NOT NULL", "systems"
            ):
                self._systems([row[0] for row in batch])
        texts = [name for name in ("user_agent", "referrer") if name in layout.facts]
        if layout.escapes == "percent":
            texts = [name for name in texts if name == "user_agent"]
        if layout.escapes and texts:
            odd = "%" if layout.escapes == "percent" else "\\"
            asked = (
                f"SELECT DISTINCT w FROM (SELECT unnest([{', '.join(texts)}]) AS w FROM facts) "
                f"WHERE contains(w, '{odd}')"
            )
            for batch in self._new(asked, "words"):
                words = [row[0] for row in batch]
                self._keep("words", [words, [unescaped(w, layout.escapes) for w in words]])

    def _pseudonyms(self) -> None:
        asked = (
            "SELECT f.ip, f.month, i.address FROM (SELECT DISTINCT ip, month FROM facts "
            "WHERE skip IS NULL AND month IS NOT NULL) f "
            "JOIN ips i ON i.ip = f.ip WHERE i.address IS NOT NULL"
        )
        for batch in self._new(asked, "pseudonyms"):
            found = self._enrichment.pseudonyms([(row[2], row[1]) for row in batch])
            hashes = [(None, None, None) if each is None else tuple(each)[:3] for each in found]
            ips, months = [row[0] for row in batch], [row[1].isoformat() for row in batch]
            columns = map(list, zip(*hashes, strict=True))
            self._keep("pseudonyms", [ips, months, *columns])

    def _addresses(self, ips: list[str]) -> None:
        addresses = [plain_address(ip) for ip in ips]
        good = [address for address in addresses if address is not None]
        facts = iter(self._enrichment.facts(good) if good else ())
        rows = [(None,) * 4 if a is None else _four(next(facts)) for a in addresses]
        self._keep("ips", [ips, addresses, *map(list, zip(*rows, strict=True))])

    def _systems(self, texts: list[str]) -> None:
        numbers = [int(found[1]) if (found := _SYSTEM.fullmatch(text)) else None for text in texts]
        good = [number for number in numbers if number is not None]
        kinds = iter(self._enrichment.kinds(good) if good else ())
        self._keep("systems", [texts, [None if n is None else next(kinds) for n in numbers]])

    def _new(self, select: str, table: str) -> Iterator[list[tuple[Any, ...]]]:
        """What a query gives and the table lacks, in batches. Keys are its first columns."""
        keys = 2 if table == "pseudonyms" else 1
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE asked AS {select}")
        columns = [row[0] for row in self._connection.execute("DESCRIBE asked").fetchall()]
        own = [row[0] for row in self._connection.execute(f"DESCRIBE {table}").fetchall()]
        same = " AND ".join(
            f't.{o} = a."{c}"' for o, c in zip(own[:keys], columns[:keys], strict=True)
        )
        self._connection.execute(
            "CREATE OR REPLACE TEMP TABLE lacking AS SELECT row_number() OVER () AS place, a.* "
            f"FROM asked a ANTI JOIN {table} t ON {same}"
        )
        at = 0
        while True:
            batch = self._connection.execute(
                "SELECT * EXCLUDE (place) FROM lacking WHERE place > ? AND place <= ?",
                [at, at + _BATCH],
            ).fetchall()
            if not batch:
                return
            yield batch
            at += _BATCH

    def _keep(self, table: str, columns: Sequence[list[Any]]) -> None:
        # Lists as parameters: the only way in without numpy or a file, and fast enough.
        types = [row[1] for row in self._connection.execute(f"DESCRIBE {table}").fetchall()]
        lists = ", ".join(f"unnest(CAST(? AS {kind}[]))" for kind in types)
        self._connection.execute(f"INSERT INTO {table} SELECT {lists}", columns)


def _four(facts: Any) -> tuple[Any, ...]:  # noqa: ANN401 - anything with the attributes
    return facts.country, facts.region, facts.asn, facts.network


def unescaped(text: str, escapes: Literal["", "percent", "backslash"]) -> str:
    r"""What the client sent, at most 2 kB of it.

    CloudFront writes `%20` for a space; older logs encode the percent sign once more (`%2520`).
    nginx writes `\x22` for a quote, Apache `\"`.
    """
    if escapes == "percent":
        once = unquote(text)
        plain = unquote(once) if "%" in once else once
    else:
        plain = _ESCAPED.sub(_character, text)
    printable = "".join(c if c >= " " and c != "\x7f" else " " for c in plain)
    return printable.encode("utf-8", "replace").decode()[:_LONGEST].strip()


def _character(match: re.Match[str]) -> str:
    found = match[0]
    if found.startswith("\\x"):
        return bytes.fromhex(found.replace("\\x", "")).decode("utf-8", "replace")
    return found[1]
