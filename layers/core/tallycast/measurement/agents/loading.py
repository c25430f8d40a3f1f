"""Where lists come from: a folder, a bundle of documents, or the package itself."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tallycast.feeds.identity import PREFIX_HOSTS
from tallycast.measurement.agents.agent_list import AgentList
from tallycast.measurement.agents.documents import (
    PREFIXES,
    REQUIRED,
    read_document,
    read_prefix_hosts,
)
from tallycast.measurement.agents.errors import BadAgentListError

if TYPE_CHECKING:
    from collections.abc import Mapping

_BUILT_IN: Final = Path(__file__).parent / "builtin"


def load_documents(
    documents: Mapping[str, bytes], *, versions: Mapping[str, str] | None = None
) -> AgentList:
    """A list out of a bundle: the bytes of each document by file name.

    Needed are bots, apps, libraries, browsers, devices and referrers (`.json`); `prefixes.json` may
    be there; other names are not looked at. `versions` names the state of each document, by the
    same file names, where whoever fetched them knows better than the documents.

    Raises:
        BadAgentListError: a document is missing or cannot be used.
    """
    known = versions or {}
    for file in REQUIRED:
        if file not in documents:
            raise BadAgentListError("this list is missing", file=file)
    read = {
        file: read_document(file, documents[file], version=known.get(file)) for file in REQUIRED
    }
    body = documents.get(PREFIXES)
    hosts = PREFIX_HOSTS if body is None else read_prefix_hosts(PREFIXES, body)
    return AgentList(read, prefix_hosts=hosts)


def load_folder(path: Path, *, versions: Mapping[str, str] | None = None) -> AgentList:
    """A list out of a folder with the files `load_documents` asks for.

    Raises:
        BadAgentListError: a file is missing, cannot be opened, or cannot be used.
    """
    documents = {}
    for file in (*REQUIRED, PREFIXES):
        try:
            documents[file] = (path / file).read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise BadAgentListError(f"cannot be read: {error.strerror}", file=file) from error
    return load_documents(documents, versions=versions)


def built_in_documents() -> dict[str, bytes]:
    """The documents of the list that ships with the package, by file name.

    A bundle that changes one of them starts from here.
    """
    return {file: (_BUILT_IN / file).read_bytes() for file in REQUIRED}


@cache
def built_in() -> AgentList:
    """The list that ships with the package, compiled once in a process."""
    return load_documents(built_in_documents())
