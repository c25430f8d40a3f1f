"""Small pieces of DuckDB SQL that the formats share. What comes from outside goes through here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallycast.measurement.logs.blocks import CONTROL
from tallycast.measurement.logs.reasons import Skip

if TYPE_CHECKING:
    from pathlib import Path

DAY_US: Final = 86_400_000_000
YEAR_2000_US: Final = 946_684_800_000_000
_CLF: Final = "%d/%b/%Y:%H:%M:%S %z"

# An address in text, also percent-encoded or with dashes as in host names. IPv6 has `::` or at
# least five groups: a time of day has three, that of a CLF line four.
_COLON: Final = "(?::|%3[aA]|%253[aA])"
_DOT: Final = r"(?:\.|-|_|%2[eE]|%252[eE])"
_HEX: Final = "[0-9a-fA-F]{1,4}"
_IPV6: Final = (
    f"(?:{_HEX}{_COLON}){{4,7}}{_HEX}"
    f"|(?:{_HEX}{_COLON}){{1,7}}{_COLON}(?:{_HEX}{_COLON}){{0,6}}(?:{_HEX})?"
    f"|{_COLON}{_COLON}(?:{_HEX}{_COLON}){{0,6}}(?:{_HEX})?"
)
_IPV4: Final = rf"\d{{1,3}}{_DOT}\d{{1,3}}{_DOT}\d{{1,3}}{_DOT}\d{{1,3}}"
MASK_4: Final = "x.x.x.x"
MASK_6: Final = "x:x"


def text(value: str) -> str:
    """A string as an SQL literal."""
    return "'" + value.replace("'", "''") + "'"


def name(value: str) -> str:
    """A name as an SQL identifier."""
    return '"' + value.replace('"', '""') + '"'


MARKED: Final = (
    f"CASE WHEN text IS NULL THEN {text(Skip.BLANK)} WHEN text >= '!' THEN NULL "
    f"WHEN starts_with(text, {text(CONTROL)}) THEN {text(Skip.CONTROL)} "
    f"WHEN trim(text, ' ' || chr(9)) = '' THEN {text(Skip.BLANK)} END"
)
"""The SQL of a line's kind of skip, as far as every text format has it; sees `text`."""


def literal_path(path: Path) -> str:
    """A path in which nothing is a wildcard."""
    return str(path).replace("[", "[[]").replace("*", "[*]").replace("?", "[?]")


def known(expression: str) -> str:
    """Its text, NULL for what logs write for nothing. The expression should be a column."""
    e = expression  # trim() is ten times slower than asking whether it is needed
    return (
        f"CASE WHEN {e} IN ('', '-') THEN NULL WHEN {e} < '!' OR ends_with({e}, ' ') "
        f"THEN nullif(nullif(trim({e}, ' ' || chr(9)), ''), '-') ELSE {e} END"
    )


def masked(expression: str) -> str:
    """Text in which nobody's address can be read. What looks like one counts as one."""
    # IPv4 first: it also stands at the end of IPv6 (`::ffff:203.0.113.7`).
    without = f"regexp_replace({expression}, {text(_IPV4)}, {text(MASK_4)}, 'g')"
    return f"regexp_replace({without}, {text(_IPV6)}, {text(MASK_6)}, 'g')"


def whole_number(expression: str, digits: int = 18) -> str:
    """A whole number that is not negative, as BIGINT; NULL for anything else."""
    e = expression
    return (
        f"CASE WHEN regexp_full_match({e}, '\\d{{1,{digits}}}') THEN try_cast({e} AS BIGINT) "
        f"WHEN regexp_full_match({e}, '\\d{{1,{digits}}}\\.0+') "
        f"THEN try_cast(split_part({e}, '.', 1) AS BIGINT) END"
    )


def content_range(expression: str, part: int) -> str:
    """First byte, last byte or size (1 to 3) of a Content-Range header, `bytes 0-99/1234`."""
    pattern = text(r"(?i)^bytes (\d{1,18})-(\d{1,18})/(\d{0,18})")
    return f"try_cast(regexp_extract({expression}, {pattern}, {part}) AS BIGINT)"


def microseconds(expression: str, time_format: str) -> str:
    """A time as microseconds since 1970 in UTC, NULL when it is none.

    A time that names no zone is in the connection's time zone. `auto` takes epoch seconds,
    milliseconds, microseconds and nanoseconds by size, CLF by its slashes, else ISO 8601.
    """
    e = expression
    if time_format != "auto":
        parsed = f"try_strptime({e}, {text(time_format)})"
        return f"epoch_us(try_cast({parsed} AS TIMESTAMPTZ))"
    number = f"try_cast({e} AS DOUBLE)"
    return (
        f"CASE WHEN {e} LIKE '____-__-__%' AND {e} >= '0' AND {e} < ':' "
        f"THEN epoch_us(try_cast({e} AS TIMESTAMPTZ)) "
        f"WHEN {e} LIKE '__/%' THEN epoch_us(try_strptime({e}, {text(_CLF)})) "
        f"WHEN regexp_full_match({e}, '\\d{{1,19}}(\\.\\d{{0,12}})?') "
        f"THEN CAST(round(CASE WHEN {number} < 1e11 THEN {number} * 1e6 "
        f"WHEN {number} < 1e14 THEN {number} * 1e3 "
        f"WHEN {number} < 1e17 THEN {number} ELSE {number} / 1e3 END) AS BIGINT) END"
    )


# RFC 9110 §14.2. More than this many digits is no place in a file.
_ONE: Final = r"(?:\d{1,18}-\d{0,18}|-\d{1,18})"
_RANGES: Final = rf"bytes=,*{_ONE}(?:,+{_ONE})*,*"


def ranges(expression: str) -> str:
    """The ranges of a Range header, `0-1,500-999`; NULL when it must be ignored (RFC 9110 §14.2).

    White space and empty members of the list are left out. A header with several ranges of which
    one ends before it begins is no range at all; of a single one that is for the caller to see.
    """
    bare = f"lower(replace(replace({expression}, ' ', ''), chr(9), ''))"
    backwards = (
        "try_cast(split_part(x, '-', 2) AS BIGINT) < try_cast(split_part(x, '-', 1) AS BIGINT)"
    )
    members = f"list_filter(string_split(substr({bare}, 7), ','), lambda x: x <> '')"
    return (
        f"CASE WHEN regexp_full_match({expression}, 'bytes=\\d{{1,18}}-\\d{{0,18}}') "
        f"THEN substr({expression}, 7) "
        f"WHEN {expression} IS NULL OR strlen({expression}) > 2048 THEN NULL "
        f"WHEN regexp_full_match({bare}, {text(_RANGES)}) "
        f"AND length(list_filter({members}, lambda x: {backwards})) = 0 "
        f"THEN array_to_string({members}, ',') END"
    )


def first_bounds(ranges: str) -> tuple[str, str]:
    """First and last byte of the first of some ranges; a suffix (`-500`) is a first byte."""
    one = f"CASE WHEN contains({ranges}, ',') THEN split_part({ranges}, ',', 1) ELSE {ranges} END"
    dash = f"instr({one}, '-')"
    first = f"CASE WHEN {dash} > 1 THEN substr({one}, 1, {dash} - 1) ELSE {one} END"
    last = f"CASE WHEN {dash} > 1 THEN substr({one}, {dash} + 1) END"
    return f"try_cast({first} AS BIGINT)", f"try_cast({last} AS BIGINT)"


def cut(expression: str, characters: int) -> str:
    """Text of at most so many characters. left() alone takes three times as long."""
    e = expression
    return f"CASE WHEN strlen({e}) > {characters} THEN left({e}, {characters}) ELSE {e} END"


def suffix(expression: str) -> str:
    """A negative whole number, as BIGINT; NULL for anything else."""
    return f"CASE WHEN starts_with({expression}, '-') THEN try_cast({expression} AS BIGINT) END"
