"""Parsing side by side with feedparser, podcastparser and fastfeedparser, in one run.

    python bench/parse.py

Three promises are checked at the end: (a) an unchanged feed of 1000 episodes costs at least
300 times less than feedparser on the whole document; (b) one new episode in 1000 at
least 50 times less; (c) a full first parse of 100, 1000 or 5000 at least 15 times less. Medians
of processor time, which neighbours on the machine disturb least; nothing is asserted.
"""

from __future__ import annotations

import gc
import hashlib
import io
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import fastfeedparser
import feedparser
import podcastparser

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.feed_generator import feed
from tallycast.feeds.comparison import fingerprint
from tallycast.feeds.parsing import cut, inherited_digest, parse, parse_items
from tallycast.kernel.errors import TallycastError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[1]
REAL = Path(os.environ.get("TALLYCAST_SHARED") or ROOT.parent / "shared") / "fixtures/feeds/real"
SIZES = (100, 1000, 5000)
LARGE_BYTES = 25_000_000
# Promise, number of episodes, what it says of them, how many times cheaper at least.
TARGETS = (
    ("a", 1000, "an unchanged feed", 300.0),
    ("b", 1000, "a feed with 1 new episode", 50.0),
    *(("c", size, "a full first parse", 15.0) for size in SIZES),
)
# A small document takes so little that more runs are needed, and cost nothing.
SMALL_BYTES = 100_000

# The peak is read from the process's own status: what getrusage says is inherited from us.
PEAK_OF = """
import io, sys
kind, path = sys.argv[1:]
body = open(path, "rb").read()
if kind == "feedparser":
    import feedparser
    result = feedparser.parse(io.BytesIO(body))
elif kind == "tallycast":
    from tallycast.feeds.parsing import parse
    result = parse(body)
status = open("/proc/self/status").read()
print(status.partition("VmHWM:")[2].split()[0])
"""


def seconds(work: Callable[[], object], *, runs: int) -> float:
    """The median processor time of `work`."""
    times = []
    for _ in range(runs):
        gc.collect()
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return median(times)


def peers(body: bytes) -> Iterator[tuple[str, Callable[[], object]]]:
    """Every parser we compare with, on one document."""
    yield "feedparser", partial(_feedparser, body)
    yield "podcastparser", lambda: podcastparser.parse("https://a.example", io.BytesIO(body))
    yield "fastfeedparser", lambda: fastfeedparser.parse(body)


def _feedparser(body: bytes) -> object:
    return feedparser.parse(io.BytesIO(body))


def one_new_in(items: int) -> Callable[[], object]:
    """What a poll does when one episode is new: cut, compare digests, read head and episode."""
    before = cut(feed(items - 1))
    now = feed(items)
    if before is None:
        raise AssertionError("the generated feed can be cut")
    known, inherited = frozenset(before.digests), inherited_digest(before)

    def work() -> object:
        document = cut(now)
        if document is None or inherited_digest(document) != inherited:
            raise AssertionError("only one item is new")
        found = parse_items(document, document.changed(known))
        if len(found.episodes) != 1:
            raise AssertionError("exactly one item is new")
        return found

    return work


def line(name: str, taken: float, base: float) -> None:
    """One row: name, milliseconds, how many times cheaper than feedparser."""
    print(f"  {name:<28}{taken * 1000:>12.2f} ms {base / taken:>10.1f} x")


def generated(items: int) -> dict[str, float]:
    """Every parser and every short way of ours on a generated feed; ratios by target."""
    body = feed(items)
    runs = 3 if items > SIZES[0] else 5
    print(f"\n{items} episodes, {len(body) / 1e6:.1f} MB{'':<18}median     feedparser =")
    base = 0.0
    for name, work in peers(body):
        slow = name != "fastfeedparser"
        taken = seconds(work, runs=1 if slow and items > SIZES[1] else runs)
        base = base or taken
        line(name, taken, base)
    full = seconds(lambda: parse(body), runs=7)
    new = seconds(one_new_in(items), runs=9)
    digest = hashlib.sha256(body).digest()
    same = seconds(lambda: hashlib.sha256(body).digest() == digest, runs=21)
    episodes = parse(body).episodes
    prints = seconds(lambda: [fingerprint(episode) for episode in episodes], runs=7)
    line("tallycast, first parse", full, base)
    line("tallycast, fingerprints", prints, base)
    line("tallycast, 1 new episode", new, base)
    line("tallycast, unchanged", same, base)
    return {"a": base / same, "b": base / new, "c": base / full}


def real() -> None:
    """feedparser and ours on the real files, where they are."""
    if not REAL.is_dir():
        print("\nreal feeds: not here (set TALLYCAST_SHARED)")
        return
    print(f"\n{'real feed':<30}{'feedparser':>12}{'tallycast':>12}{'ratio':>9}  road")
    for path in sorted(REAL.glob("*.xml")):
        body = path.read_bytes()
        try:
            found = parse(body)
        except TallycastError as error:
            print(f"{path.name:<30}{error.message}")
            continue
        base = seconds(partial(_feedparser, body), runs=3)
        ours = seconds(partial(parse, body), runs=7 if len(body) > SMALL_BYTES else 51)
        print(
            f"{path.name:<30}{base * 1000:>9.1f} ms{ours * 1000:>9.2f} ms{base / ours:>7.1f} x"
            f"  {found.road}"
        )


def peak_memory() -> None:
    """Peak resident memory of a fresh process that reads one feed of 25 MB."""
    if not Path("/proc/self/status").exists():
        print("\npeak memory: not told by this system")
        return
    body = feed(LARGE_BYTES * 100 // len(feed(100)))
    print(f"\npeak memory of a process that reads {len(body) / 1e6:.0f} MB")
    with tempfile.NamedTemporaryFile(suffix=".xml") as file:
        file.write(body)
        file.flush()
        for kind in ("nothing", "tallycast", "feedparser"):
            command = [sys.executable, "-c", PEAK_OF, kind, file.name]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            print(f"  {kind:<28}{int(done.stdout) / 1024:>9.0f} MB")


def main() -> None:
    """Run everything and print tables; the last lines say which promises are kept."""
    ratios = {items: generated(items) for items in SIZES}
    real()
    peak_memory()
    print()
    for key, items, what, wanted in TARGETS:
        ratio = ratios[items][key]
        verdict = "PASS" if ratio >= wanted else "MISS"
        print(
            f"({key}) {what}, {items} episodes: {ratio:.0f} x (at least {wanted:.0f} x) {verdict}"
        )


if __name__ == "__main__":
    main()
