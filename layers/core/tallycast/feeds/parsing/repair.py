"""Cheap repairs that make an ill-formed document well-formed, so that the strict road reads it.

Each repair is a warning. What these cannot mend goes to the tolerant road.
"""

from __future__ import annotations

import codecs
import re
from html.entities import html5
from typing import TYPE_CHECKING

from tallycast.feeds.parsing import names

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallycast.feeds.parsing.warnings import Warnings

# To the end of the text where nothing closes it: so each character is looked at once.
_LITERAL = re.compile(r"(<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z))", re.DOTALL)
_AMPERSAND = re.compile(
    r"&(?!(?:amp|lt|gt|quot|apos);)(?:#(\d{1,8}|[xX][0-9a-fA-F]{1,8});|([A-Za-z][A-Za-z0-9]{0,31};))?"
)
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_DECLARATION = re.compile(r"\s*+<\?xml[^<>]*+>")
_PREFIX_USED = re.compile(r"</?([A-Za-z_][\w.-]{0,60}):|\s([A-Za-z_][\w.-]{0,60}):[\w.-]+\s*=")
_PREFIX_BOUND = re.compile(r"\sxmlns:([A-Za-z_][\w.-]{0,60})\s*=")
_ROOT_TAG = re.compile(r"<(?:\w+:)?(?:rss|RDF|feed)(?=[\s>/])", re.IGNORECASE)
_DEFAULT_NAMESPACE = re.compile(rb"""\sxmlns\s*=\s*("[^"]*"|'[^']*')""")
_LAST_TAG = re.compile(r"</(?:\w+:)?(?:rss|RDF|feed)\s*>", re.IGNORECASE)
_CHARSET = re.compile(r"""charset\s*=\s*["']?([\w.:-]{1,40})""", re.IGNORECASE)
_HIGHEST = 0x10FFFF


def _as_western(error: UnicodeError) -> tuple[str, int]:
    """Read the bytes that are no UTF-8 as Windows-1252, each by itself."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    stray = error.object[error.start : error.end]
    return "".join(_WESTERN[byte] for byte in stray), error.end


_WESTERN = [
    bytes([byte]).decode("cp1252", "ignore") or bytes([byte]).decode("latin-1")
    for byte in range(256)
]
codecs.register_error("tallycast.western", _as_western)


def decode(body: bytes, declared: str | None, content_type: str | None) -> tuple[str, bool]:
    """The text of a document, and whether it had to be read otherwise than declared.

    UTF-8 comes before any other declaration, because text that is no UTF-8 hardly ever looks
    like it. Then the document's own declaration, then the server's. What fits none of them is
    UTF-8 with stray Windows-1252 bytes: the common accident of pasted text.
    """
    from_server = _CHARSET.search(content_type or "")
    names_declared = [name for name in (declared, from_server and from_server[1]) if name]
    for encoding in ("utf-8", *names_declared):
        try:
            text = body.decode(encoding)
        except (LookupError, ValueError):
            continue
        if not isinstance(text, str):  # e.g. `hex` names a codec, but no encoding of text
            continue
        return text, not same_encoding(encoding, declared) and not body.isascii()
    return body.decode("utf-8", "tallycast.western"), True


def same_encoding(encoding: str, declared: str | None) -> bool:
    """Whether two names mean one encoding; without a declaration UTF-8 is meant."""
    try:
        return codecs.lookup(encoding).name == codecs.lookup(declared or "utf-8").name
    except LookupError:
        return False


def without_declaration(text: str) -> str:
    """The text without its XML declaration, which is about bytes."""
    found = _DECLARATION.match(text)
    return text[found.end() :] if found else text


def repaired(text: str, warnings: Warnings) -> str:
    """The text with everything mended that can be mended cheaply."""
    text = _without_forbidden(without_declaration(text), warnings)
    text = _outside_literals(text, _without_loose_ampersands(warnings))
    text = _ended(text, warnings)
    return _bound(text, warnings)


def without_wrong_namespace(tag: bytes, name: str) -> bytes:
    """A root's start tag (without `>`) with a default namespace that fits it.

    `<rss>` has none of its own, `<feed>` has Atom's; a prefixed root is left alone.
    """
    if not tag[1:].lower().startswith(name.encode()) or name == "rdf":
        return tag
    found = _DEFAULT_NAMESPACE.search(tag)
    address = found[1].strip(b"\"'").decode("utf-8", "replace") if found else ""
    wanted = "atom" if name == "feed" else ""
    if names.vocabulary(address) == wanted:
        return tag
    bare = _DEFAULT_NAMESPACE.sub(b"", tag)
    if not wanted:
        return bare
    declared = f' xmlns="{names.USUAL_ADDRESS[wanted]}"'.encode()
    return bare[: 1 + len(name)] + declared + bare[1 + len(name) :]


def _without_forbidden(text: str, warnings: Warnings) -> str:
    clean, count = _FORBIDDEN.subn("", text)
    if count:
        warnings.add("control_characters", count=count)
    return clean


def _outside_literals(text: str, mend: Callable[[str], str]) -> str:
    """Apply `mend` to everything but CDATA sections and comments."""
    if "<![CDATA[" not in text and "<!--" not in text:
        return mend(text)
    pieces = _LITERAL.split(text)
    pieces[::2] = [mend(piece) for piece in pieces[::2]]
    return "".join(pieces)


def _without_loose_ampersands(warnings: Warnings) -> Callable[[str], str]:
    def replacement(found: re.Match[str]) -> str:
        number, name = found.groups()
        if number is not None:
            code = int(number[1:], 16) if number[0] in "xX" else int(number)
            if 0 < code <= _HIGHEST and not _FORBIDDEN.match(chr(code)):
                return found[0]
            warnings.add("control_characters", found[0])
            return ""
        if name in html5:
            warnings.add("undefined_entity", found[0])
            return html5[name].replace("&", "&amp;").replace("<", "&lt;")
        warnings.add("bare_ampersand" if name is None else "undefined_entity", found[0])
        return f"&amp;{name or ''}"

    return lambda text: _AMPERSAND.sub(replacement, text) if "&" in text else text


def _ended(text: str, warnings: Warnings) -> str:
    """Cut what stands behind the root's end tag, such as a script put in by a proxy."""
    ends = [found.end() for found in _LAST_TAG.finditer(text, max(0, len(text) - 100_000))]
    behind = text[ends[-1] :].strip() if ends else ""
    if not behind:
        return text
    warnings.add("text_after_document", behind)
    return text[: ends[-1]]


def _bound(text: str, warnings: Warnings) -> str:
    """Bind the prefixes that are used and nowhere declared."""
    bound = set(_PREFIX_BOUND.findall(text)) | {"xml", "xmlns"}
    used = {tag or attribute for tag, attribute in _PREFIX_USED.findall(_LITERAL.sub("", text))}
    root = _ROOT_TAG.search(text)
    missing = sorted(used - bound)
    if not missing or root is None:
        return text
    warnings.add("unbound_prefix", ", ".join(missing), count=len(missing))
    declarations = "".join(
        f' xmlns:{prefix}="{names.USUAL_ADDRESS.get(prefix.lower(), f"urn:unbound:{prefix}")}"'
        for prefix in missing
    )
    return text[: root.end()] + declarations + text[root.end() :]
