"""How each source's log files are read: settings of the tenant, in the `core` table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Key

from tallycast.aws.errors import translated
from tallycast.kernel import keys
from tallycast.measurement.logs.model import LogSource

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


class LogSourceStore:
    """Log sources by tenant and name. One that nobody set up is read by what it looks like."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, tenant: str, name: str) -> LogSource:
        """How the files of a source are read."""
        with translated(f"read log source {name}"):
            item = self._table.get_item(Key=keys.log_source(tenant, name)).get("Item")
        return LogSource.model_validate_json(str(item["source"])) if item else LogSource()

    def put(self, tenant: str, name: str, source: LogSource) -> None:
        """Set a source up; files that come from now on are read so."""
        with translated(f"write log source {name}"):
            self._table.put_item(
                Item={
                    **keys.log_source(tenant, name),
                    "kind": "log_source",
                    "name": name,
                    "source": source.model_dump_json(exclude_defaults=True),
                }
            )

    def every(self, tenant: str) -> dict[str, LogSource]:
        """A tenant's sources by name."""
        with translated("list log sources"):
            page = self._table.query(
                KeyConditionExpression=Key("pk").eq(keys.log_source(tenant, "")["pk"])
            )
        return {
            str(item["name"]): LogSource.model_validate_json(str(item["source"]))
            for item in page["Items"]
        }
