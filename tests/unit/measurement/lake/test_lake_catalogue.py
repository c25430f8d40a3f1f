"""The catalogue in the template is the one in the code."""

import pytest

from infra.local.template import read
from tallycast.measurement.lake.catalogue import (
    PARTITIONS,
    TABLES,
    glue_columns,
    partition_keys,
    template,
)
from tests.support.template import ROOT

RESOURCES = read(ROOT / "infra" / "lake.yaml")["Resources"]
GLUE = {
    body["Properties"]["TableInput"]["Name"]: body["Properties"]["TableInput"]
    for body in RESOURCES.values()
    if body["Type"] == "AWS::Glue::Table"
}


def test_every_table_is_in_the_template():
    assert set(GLUE) == set(TABLES)


@pytest.mark.parametrize("table", TABLES)
def test_a_tables_columns_and_partitions_are_the_models(table):
    assert GLUE[table]["StorageDescriptor"]["Columns"] == glue_columns(table)
    assert GLUE[table]["PartitionKeys"] == partition_keys(table)
    location = GLUE[table]["Parameters"]["storage.location.template"]["Fn::Sub"]
    assert location.replace("${!", "${") == template("${Lake}", table)


@pytest.mark.parametrize("table", TABLES)
def test_tenant_and_rules_are_injected_and_days_are_projected(table):
    told = GLUE[table]["Parameters"]
    assert told["projection.enabled"] == "true"
    for name in PARTITIONS[table]:
        assert told[f"projection.{name}.type"] == ("date" if name == "dt" else "injected")
    if "dt" in PARTITIONS[table]:
        assert told["projection.dt.format"] == "yyyy-MM-dd"
        assert told["projection.dt.range"].endswith(",NOW+2DAYS")


@pytest.mark.parametrize("table", TABLES)
def test_no_column_is_also_in_the_path(table):
    """Athena refuses a table with a name twice; `rules` in restatements is a column."""
    assert not set(PARTITIONS[table]) & set(TABLES[table])


def test_a_query_is_cut_off_and_its_results_expire():
    configuration = RESOURCES["Queries"]["Properties"]["WorkGroupConfiguration"]
    assert configuration["EnforceWorkGroupConfiguration"] is True
    assert configuration["BytesScannedCutoffPerQuery"] == {"Ref": "QueryBytesCutoff"}
    output = configuration["ResultConfiguration"]["OutputLocation"]["Fn::Sub"]
    prefix = output.removeprefix("s3://${Lake}/")
    rules = RESOURCES["Lake"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert [rule["ExpirationInDays"] for rule in rules if rule.get("Prefix") == prefix]
