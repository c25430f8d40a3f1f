"""The page that shows both OpenAPI documents: `make reference`.

A folder of static files that needs nothing beside itself: Redoc, our page around it
(`web/reference`), the two documents. npm is needed once, for Redoc; afterwards `assemble` brings
the folder to what the repository says now, and `shown` serves it on loopback.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "web/reference"
BUILT: Final = ROOT / "build/reference"
BUNDLE: Final = "redoc.standalone.js"
DOCUMENTS: Final = ("openapi.yaml", "openapi-partner.yaml")
_PAGES: Final = ("index.html", "partner.html", "page.css", "page.js")
_REDOC: Final = "node_modules/redoc"
_LICENCES: Final = f"{BUNDLE}.LICENSE.txt"
# The one thing that Redoc fetches from elsewhere: a picture beside the link to its makers.
_PICTURE: Final = "https://cdn.redoc.ly/redoc/logo-mini.svg"
_NO_PICTURE: Final = "data:,"
_POLICY: Final = re.compile(r'http-equiv="Content-Security-Policy" content="([^"]+)"')


class PageNotBuiltError(Exception):
    """The page cannot be built; the message says what to do."""


def build(into: Path = BUILT) -> Path:
    """Build the page with Redoc as the lock file names it.

    Raises:
        PageNotBuiltError: npm is not there, or could not fetch what it was asked for.
    """
    _fetch_redoc()
    into.mkdir(parents=True, exist_ok=True)
    bundles = PAGE / _REDOC / "bundles"
    script = (bundles / BUNDLE).read_text()
    if script.count(_PICTURE) != 1:
        raise PageNotBuiltError("Redoc is of another version than this page was written for")
    (into / BUNDLE).write_text(script.replace(_PICTURE, _NO_PICTURE))
    shutil.copyfile(bundles / _LICENCES, into / _LICENCES)
    return assemble(into)


def _fetch_redoc() -> None:
    """Have npm fetch Redoc, unless the version that the lock file names is here."""
    wanted = json.loads((PAGE / "package-lock.json").read_text())["packages"][_REDOC]["version"]
    here = PAGE / _REDOC / "package.json"
    if here.is_file() and json.loads(here.read_text())["version"] == wanted:
        return
    npm = shutil.which("npm")
    if npm is None:
        raise PageNotBuiltError("npm is not installed: install Node, then run `make reference`")
    ran = subprocess.run(  # noqa: S603 - our own words
        [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=PAGE,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode != 0:
        raise PageNotBuiltError(f"npm ci in {PAGE}: {ran.stderr.strip()}")


def assemble(into: Path = BUILT) -> Path:
    """Bring our own part of a built page, and the documents, to what they are now."""
    for name in _PAGES:
        shutil.copyfile(PAGE / name, into / name)
    for name in DOCUMENTS:
        shutil.copyfile(ROOT / "infra" / name, into / name)
    return into


def is_built(folder: Path = BUILT) -> bool:
    """Whether Redoc is there, so that the page can be shown."""
    return (folder / BUNDLE).is_file()


def policy() -> str:
    """What the page may do, as it says itself; with it nobody may put it into a frame."""
    found = _POLICY.search((PAGE / "index.html").read_text())
    if found is None:
        raise PageNotBuiltError("index.html has no Content-Security-Policy")
    return f"{found[1]}; frame-ancestors 'none'"


class _Handler(SimpleHTTPRequestHandler):
    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", policy())
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Nobody asked who reads the reference."""


@contextmanager
def shown(folder: Path = BUILT, port: int = 0) -> Iterator[str]:
    """Serve a built page on loopback for the length of a `with`; gives its address."""
    handler = partial(_Handler, directory=str(assemble(folder)))
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        Thread(target=partial(server.serve_forever, 0.05), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


def main() -> None:
    """Build the page, and say where it is; with `--serve` show it until Ctrl-C."""
    try:
        folder = build()
    except PageNotBuiltError as error:
        raise SystemExit(f"error: {error}") from error
    print(f"{folder.relative_to(ROOT)}/ is built; any static host can serve it")  # noqa: T201 - a command's output
    if "--serve" in sys.argv[1:]:
        with shown(folder) as address, suppress(KeyboardInterrupt):
            print(f"{address} until Ctrl-C", flush=True)  # noqa: T201 - as above
            Event().wait()


if __name__ == "__main__":
    main()
