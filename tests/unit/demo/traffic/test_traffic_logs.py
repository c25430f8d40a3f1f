import csv
import json
import re
from datetime import UTC, datetime

import duckdb
import pytest

from tallycast.demo.traffic import logs
from tallycast.demo.traffic.addresses import blocks_for
from tallycast.demo.traffic.generate import Plan, generate
from tallycast.measurement.logs import Enrichment, LogSource, read_logs, requests_relation
from tallycast.measurement.logs.enrichment import pseudonyms_under
from tallycast.measurement.networks import Network, built_in
from tallycast.measurement.privacy import KeyRing

PLAN = {"rows": 3_000, "days": 3, "shows": 4}
LATER = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module", params=logs.FORMATS)
def written(request, tmp_path_factory):
    form = request.param
    return generate(Plan(**PLAN, form=form), tmp_path_factory.mktemp(form))


@pytest.fixture(scope="module")
def as_csv(tmp_path_factory):
    return generate(Plan(**PLAN, form="csv"), tmp_path_factory.mktemp("as-csv"))


def taken_in(made, into):
    enrichment = Enrichment(
        pseudonyms=pseudonyms_under(KeyRing.from_secret(b"k" * 32)), facts=built_in().look_up_all
    )
    files = sorted((made.folder / "logs").iterdir())
    return read_logs(files, LogSource(), enrichment, into, LATER)


def lines_of(made, name):
    for path in sorted((made.folder / "logs").glob(f"{name}-*.csv")):
        with path.open(newline="") as log:
            yield from csv.DictReader(log)


def test_our_own_intake_takes_in_every_line_of_every_format(written, tmp_path):
    intakes = taken_in(written, tmp_path)
    assert sum(each.account.accepted for each in intakes) == written.totals.requests
    assert sum(each.account.quarantined for each in intakes) == 0


def test_a_log_says_the_same_as_the_request_rows(written, tmp_path):
    rows = generate(Plan(**PLAN), tmp_path / "rows")
    shown = (
        "SELECT time_bucket(INTERVAL 1 SECOND, time), source, media, method, status, "
        "coalesce(trim(user_agent, '-'), ''), count(*) FROM {} GROUP BY ALL ORDER BY ALL"
    )
    with duckdb.connect() as reader:
        reader.execute(f"CREATE VIEW given AS FROM '{rows.folder}/requests/*/*.parquet'")
        requests_relation(reader, taken_in(written, tmp_path / "taken"))
        given = reader.execute(shown.format("given")).fetchall()
        assert reader.execute(shown.format("requests")).fetchall() == given
        ranges = (
            "SELECT count(*), sum(range_start)::BIGINT, sum(bytes_sent)::BIGINT FROM {} "
            "WHERE source = 'log' AND range_start IS NOT NULL AND more_ranges IS NULL "
            "AND range_start >= 0 AND range_end IS NOT NULL"
        )
        if written.plan.form in {"csv", "jsonl"}:
            assert (
                reader.execute(ranges.format("requests")).fetchall()
                == reader.execute(ranges.format("given")).fetchall()
            )


def test_the_canonical_csv_has_the_canonical_columns(as_csv):
    assert list(next(lines_of(as_csv, "served"))) == [
        "time", "ip", "ip_hash", "method", "url", "status", "range", "bytes_sent", "user_agent",
        "referrer",
    ]  # fmt: skip


def test_what_a_prefix_saw_is_a_log_of_its_own(as_csv):
    prefixed = list(lines_of(as_csv, "prefixed"))
    assert {line["source"] for line in prefixed} == {"prefix"}
    assert {line["status"] for line in prefixed} == {"302"}
    assert len(prefixed) + len(list(lines_of(as_csv, "served"))) == as_csv.totals.requests


def test_addresses_are_of_the_kind_they_should_be(as_csv):
    networks = built_in()
    kinds = {}
    for line in lines_of(as_csv, "served"):
        kinds.setdefault(line["ip"], networks.look_up(line["ip"]).network)
    assert len(kinds) > 100
    assert {"data_centre", "vpn", "relay", "household", "cellular"} <= set(kinds.values())
    bots = {line["ip"] for line in lines_of(as_csv, "served") if "ompatible;" in line["user_agent"]}
    assert {kinds[ip] for ip in bots} <= {"commercial"}


def test_as_many_addresses_stand_in_a_log_as_networks_in_the_rows(as_csv, tmp_path):
    rows = generate(Plan(**PLAN), tmp_path / "rows")
    with duckdb.connect() as reader:
        networks = reader.execute(
            f"SELECT count(DISTINCT ip_hash_previous) FROM '{rows.folder}/requests/*/*.parquet'"  # noqa: S608 - our own files
        ).fetchone()
    seen = {line["ip"] for name in ("served", "prefixed") for line in lines_of(as_csv, name)}
    four = {ip for ip in seen if ":" not in ip}
    six = {":".join(ip.split(":")[:4]) for ip in seen - four}
    assert (len(four) + len(six),) == networks


def test_a_device_changes_its_address_within_the_household_from_day_to_day(tmp_path):
    made = generate(Plan(rows=6_000, days=5, shows=4, form="csv"), tmp_path / "days")
    addresses = {}
    for line in lines_of(made, "served"):
        if ":" in line["ip"]:
            home = ":".join(line["ip"].split(":")[:4])
            addresses.setdefault((home, line["user_agent"]), {}).setdefault(
                line["time"][:10], set()
            ).add(line["ip"])
    several_days = [days for days in addresses.values() if len(days) > 1]
    assert len(several_days) > 10
    assert all(len(ips) == 1 for days in several_days for ips in days.values())
    assert all(len(set.union(*days.values())) == len(days) for days in several_days)


def test_request_rows_hold_no_address(small):
    # A version number may look like one, but has no part above 255 in the right places.
    with duckdb.connect() as reader:
        reader.execute(f"CREATE VIEW rows AS FROM '{small.folder}/requests/*/*.parquet'")
        texts = [
            text
            for column in ("ip_hash", "ip_hash_previous", "session", "request_id", "referrer")
            for (text,) in reader.execute(
                f"SELECT DISTINCT {column} FROM rows WHERE {column} IS NOT NULL"  # noqa: S608 - our own files
            ).fetchall()
        ]
    assert not [text for text in texts if re.search(r"\d+\.\d+\.\d+\.\d+|:[0-9a-f]*:", text)]


def test_json_lines_are_objects_with_a_request_id_each(tmp_path):
    made = generate(Plan(**PLAN, form="jsonl"), tmp_path / "json")
    served = [
        json.loads(line)
        for path in (made.folder / "logs").glob("served-*.jsonl")
        for line in path.read_text().splitlines()
    ]
    assert all(line["request_id"] and line["url"].startswith("https://") for line in served)


class FewNetworks:
    """Everything below 50.0.0.0 is a German household, all else is not known."""

    def look_up(self, ip):
        home = int(ip.split(".")[0]) < 50
        return Network(*(("DE", None, 1, "household") if home else (None, None, None, "unknown")))


def test_no_block_of_addresses_is_given_out_twice_and_every_need_is_met():
    wanted = {("DE", "household"): 40, ("FR", "household"): 30, ("", "vpn"): 3}
    found = blocks_for(wanted, FewNetworks(), seed=1)
    assert {need: len(blocks) for need, blocks in found.items()} == wanted
    blocks = [block for given in found.values() for block in given]
    assert len(set(blocks)) == len(blocks)
    assert all(int(block.split(".")[0]) < 50 for block in found["DE", "household"])
