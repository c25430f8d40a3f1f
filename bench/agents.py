"""User agents: distinct agents a second and log rows a second, against the ways others take.

The agents are the examples of a list of patterns with other version numbers, as a log has them: the
shared lists where they are at hand, the project's own otherwise. Every way must give the same
answers as the naive loop: each pattern in turn with Python's `re`, first match wins.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import json
import random
import re
import subprocess
import sys
import time
from functools import lru_cache
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import duckdb
import re2
from ahocorasick_rs import AhoCorasick

from tallycast.measurement.agents import built_in_documents, load_documents
from tallycast.measurement.agents.documents import AGENT_FILES, DEVICES, read_document
from tallycast.measurement.agents.tables import add_agents
from tests.support.shared import FIXTURES

try:
    from re import _parser as parser  # how Python itself reads a pattern
except ImportError:  # pragma: no cover
    import sre_parse as parser

LISTS = FIXTURES / "user-agents"
DISTINCT = 100_000
SAMPLE = 2_000
ROWS = 10_000_000
ROW_AGENTS = 5_000
RUNS = 3
TARGET_DISTINCT = 200_000
TARGET_ROWS = 4_000_000


def documents():
    """The shared lists, or our own, and what they are called."""
    if not LISTS.is_dir():
        return "built-in list", built_in_documents()
    return "working group's lists", {p.name: p.read_bytes() for p in LISTS.glob("*.json")}


def agents_like(bodies, number):
    """Distinct agents: examples (or plain beginnings) with the digits replaced."""
    seeds = []
    for file in AGENT_FILES:
        for entry in json.loads(bodies[file])["entries"]:
            seeds += entry.get("examples") or [f"{t}1.2.345" for t in entry.get("starts", [])]
    dice = random.Random(7)
    found = dict.fromkeys(seeds)
    while len(found) < DISTINCT:
        agent = re.sub(
            r"\d+", lambda m: str(dice.randrange(10 ** min(len(m[0]), 6))), dice.choice(seeds)
        )
        found[f"{agent} {dice.randrange(100)}" if dice.random() < 0.1 else agent] = None
    found = list(found)[:number] if number < DISTINCT else list(found)
    dice.shuffle(found)
    return found


class Naive:
    """Each pattern in turn, as one would write it first."""

    def __init__(self, bodies, compiler=re.compile):
        self.lists = [
            [(compiler(pattern), entry.name) for entry in each for pattern in entry.patterns]
            for each in (
                [
                    entry
                    for file in AGENT_FILES
                    for entry in read_document(file, bodies[file]).entries
                ],
                read_document(DEVICES, bodies[DEVICES]).entries,
            )
        ]

    def one(self, agent):
        return tuple(
            next((name for pattern, name in each if pattern.search(agent)), None)
            for each in self.lists
        )

    def __call__(self, agents):
        return [self.one(agent) for agent in agents]


class Prefiltered(Naive):
    """Aho-Corasick finds which patterns can match at all: those whose literal is in the text."""

    def __init__(self, bodies):
        super().__init__(bodies)
        self.always = [[], []]
        self.by_word = by_word = {}
        for which, each in enumerate(self.lists):
            for number, (pattern, _) in enumerate(each):
                words = required(parser.parse(pattern.pattern))
                if words:
                    for word in words:
                        by_word.setdefault(word, []).append((which, number))
                else:
                    self.always[which].append(number)
        self.words = AhoCorasick([*by_word], store_patterns=True)

    def one(self, agent):
        candidates = [set(numbers) for numbers in self.always]
        for word in self.words.find_matches_as_strings(agent, overlapping=True):
            for which, number in self.by_word[word]:
                candidates[which].add(number)
        return tuple(
            next((each[n][1] for n in sorted(numbers) if each[n][0].search(agent)), None)
            for each, numbers in zip(self.lists, candidates, strict=True)
        )


class OneSet(Naive):
    """All patterns as one automaton, which builds its states as agents need them."""

    def __init__(self, bodies):
        super().__init__(bodies, str)
        options = re2.Options()
        options.max_mem = 64 * 1024 * 1024
        options.never_capture = True
        self.set = re2.Set.SearchSet(options)
        for pattern, _ in (pair for each in self.lists for pair in each):
            self.set.Add(pattern)
        self.set.Compile()
        self.known = {}

    def one(self, agent):
        found = tuple(self.set.Match(agent.encode()) or ())
        if found not in self.known:
            first, count = sorted(found), len(self.lists[0])
            self.known[found] = (
                next((self.lists[0][n][1] for n in first if n < count), None),
                next((self.lists[1][n - count][1] for n in first if n >= count), None),
            )
        return self.known[found]


def required(tree):
    """Literals of which at least one stands in every match; none when that cannot be told."""
    best, run = [], []
    for operation, argument in [*tree, (None, None)]:
        if operation is parser.LITERAL:
            run.append(chr(argument))
            continue
        best = max(best, ["".join(run)] if run else [], key=worth)
        run = []
        if operation is parser.SUBPATTERN:
            best = max(best, required(argument[3]), key=worth)
        elif operation is parser.BRANCH:
            each = [required(branch) for branch in argument[1]]
            best = max(
                best, [word for words in each for word in words] if all(each) else [], key=worth
            )
        elif operation is parser.MAX_REPEAT and argument[0] > 0:
            best = max(best, required(argument[2]), key=worth)
    return best


def worth(words):
    """The shortest of the literals decides how much a filter keeps out."""
    return min(map(len, words), default=0)


def seconds(work, argument, clock=time.process_time):
    """Processor time, so that others on the machine do not count; the result."""
    began = clock()
    result = work(argument)
    return clock() - began, result


def distinct_rates(name, bodies):
    agents = agents_like(bodies, DISTINCT)
    sample = agents[:SAMPLE]
    quiet = re2.Options()
    quiet.log_errors = False
    naive_took, expected = seconds(Naive(bodies), sample)
    naive = SAMPLE / naive_took
    print(f"\nUser agents: {name}, {len(agents):,} distinct agents")
    print(f"  {'naive loop, re':34} {naive:>11,.0f} /s    1.0 x")

    def line(title, rate, note=""):
        print(f"  {title:34} {rate:>11,.0f} /s  {rate / naive:5.1f} x  {note}")

    # Before the others, for the same reason as in `main`.
    few = [
        ROW_AGENTS / classified(load_documents(bodies), agents[:ROW_AGENTS]) for _ in range(RUNS)
    ]
    all_ = [len(agents) / classified(load_documents(bodies), agents) for _ in range(RUNS)]
    known = load_documents(bodies)
    agreed = agrees(known.classify(agents)[:SAMPLE], expected)
    line(f"ours, first {ROW_AGENTS:,}", median(few), same(agreed))
    line(f"ours, first {len(agents):,}", median(all_))
    line("ours, warm", median(len(agents) / classified(known, agents) for _ in range(RUNS)))
    met = median(all_) >= TARGET_DISTINCT and agreed
    print(f"  at least {TARGET_DISTINCT:,} distinct/s at first sight: {'PASS' if met else 'MISS'}")
    _, loop = seconds(Naive(bodies, lambda p: re2.compile(p, quiet)), sample[:200])
    took, _ = seconds(Naive(bodies, lambda p: re2.compile(p, quiet)), sample[:200])
    line("naive loop, RE2", 200 / took, same(loop == expected[:200]))
    filtered = Prefiltered(bodies)
    took, answers = seconds(filtered, agents[: 10 * SAMPLE])
    line("Aho-Corasick, then re", 10 * SAMPLE / took, same(answers[:SAMPLE] == expected))
    for few in (ROW_AGENTS, len(agents)):
        one_set = OneSet(bodies)
        took, answers = seconds(one_set, agents[:few])
        line(
            f"one RE2 set, first {few:,}",
            few / took,
            same(answers[:SAMPLE] == expected) + ", names alone",
        )
    line("one RE2 set, warm", len(agents) / seconds(one_set, agents)[0], "names alone")
    peer_rates(line, sample)
    return known, agents, met


def classified(known, agents):
    return seconds(known.classify, agents)[0]


def agrees(answers, expected):
    """Names are the same; the device too, but for bots, which we give none."""
    return all(
        ours.name == name and ours.device == (None if ours.is_bot else device)
        for ours, (name, device) in zip(answers, expected, strict=True)
    )


def same(is_same):
    return "same answers" if is_same else "OTHER ANSWERS"


def peer_rates(line, sample):
    """Libraries that answer a like question from lists of their own, where they are installed."""
    for name, work, note in (
        ("ua_parser", ua_parser_work, "browsers and devices of its own"),
        ("crawlerdetect", crawlerdetect_work, "only whether it is a bot"),
    ):
        if importlib.util.find_spec(name):
            work(sample[:20])
            line(name, len(sample) / seconds(work, sample)[0], note)
        else:
            print(f"  {name} is not installed here")


def ua_parser_work(agents):
    module = importlib.import_module("ua_parser")
    # Its own cache would answer for repeats; these are distinct.
    resolver = module.BestAvailableResolver(module.load_lazy_builtins())
    parse = module.Parser(resolver).parse
    return [parse(agent) for agent in agents]


def crawlerdetect_work(agents):
    detect = importlib.import_module("crawlerdetect").CrawlerDetect()
    return [detect.isCrawler(agent) for agent in agents]


def row_rates(bodies, known, agents):
    """Ten million rows of which few are distinct: from the raw column to a joined answer."""
    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE pool AS SELECT unnest($1::VARCHAR[]) AS user_agent", [agents[:ROW_AGENTS]]
    )
    connection.execute(
        "CREATE TABLE requests AS WITH dice AS (SELECT CAST(floor(power(random(), 3) * $1) AS "
        "BIGINT) AS r FROM range($2)) SELECT user_agent FROM dice JOIN pool ON pool.rowid = r",
        [ROW_AGENTS, ROWS],
    )
    rows = connection.sql("SELECT count(*) FROM requests").fetchall()[0][0]

    def whole(lists):
        count = add_agents(connection, lists)
        connection.sql(
            "SELECT kind, name, is_bot, count(*) FROM requests JOIN agents "
            "ON coalesce(requests.user_agent, '') = agents.user_agent GROUP BY ALL"
        ).fetchall()
        return count

    def bare(_):
        return connection.sql("SELECT user_agent, count(*) FROM requests GROUP BY 1").fetchall()

    def cached(texts):
        one = lru_cache(None)(lambda text: known.classify([text])[0])
        return [one(text).name for text in texts]

    print(f"\nUser agents: a log of {rows:,} rows with {ROW_AGENTS:,} agents")
    few = [text for (text,) in connection.sql("FROM requests LIMIT 1000000").fetchall()]
    row_by_row = len(few) / seconds(cached, few)[0]
    bare_rate = rows / median(seconds(bare, None, time.perf_counter)[0] for _ in range(RUNS))
    wall = time.perf_counter
    cold_took, found = seconds(lambda _: whole(load_documents(bodies)), None, wall)
    rate = rows / median(seconds(whole, known, wall)[0] for _ in range(RUNS))
    print(f"  {'Python, row by row, cached':34} {row_by_row:>11,.0f} rows/s")
    print(f"  {'bare DuckDB: group by agent':34} {bare_rate:>11,.0f} rows/s")
    print(f"  {'ours: distinct, classify, join':34} {rate:>11,.0f} rows/s  {found:,} agents")
    print(f"  {'ours, from the JSON on':34} {rows / cold_took:>11,.0f} rows/s")
    met = rate >= TARGET_ROWS
    print(f"  at least {TARGET_ROWS:,} rows/s: {'PASS' if met else 'MISS'}")
    return met


COLD = """
import sys, time
from pathlib import Path
began = time.perf_counter()
from tallycast.measurement.agents import built_in, load_folder
imported = time.perf_counter()
known = load_folder(Path(sys.argv[1])) if len(sys.argv) > 1 else built_in()
compiled = time.perf_counter()
known.classify(["Overcast/3.0 (+http://overcast.fm/; iOS podcast app)"])
print(imported - began, compiled - imported, time.perf_counter() - compiled)
"""


def cold_start():
    print("\nUser agents: cold start in a process of its own")
    for name, arguments in (("built-in list", []), ("working group's lists", [str(LISTS)])):
        if arguments and not LISTS.is_dir():
            continue
        runs = [
            subprocess.run(
                [sys.executable, "-c", COLD, *arguments], capture_output=True, text=True, check=True
            ).stdout.split()
            for _ in range(5)
        ]
        imported, compiled, first = (median(float(r[i]) for r in runs) * 1000 for i in range(3))
        took = f"import {imported:.0f} ms, compile {compiled:.0f} ms, first agent {first:.1f} ms"
        print(f"  {name:24} {took}")


def main() -> int:
    """Print the figures; 1 when a target was missed or answers differ."""
    # All benches are imported: none of that is to be passed by with every collection of garbage.
    gc.collect()
    gc.freeze()
    name, bodies = documents()
    known, agents, met = distinct_rates(name, bodies)
    gc.unfreeze()
    rows_met = row_rates(bodies, known, agents)
    cold_start()
    return 0 if met and rows_met else 1


if __name__ == "__main__":
    sys.exit(main())
