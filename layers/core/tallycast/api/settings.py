"""What the HTTP functions read from their environment."""

from __future__ import annotations

from tallycast.aws.settings import Settings


class ApiSettings(Settings):
    """Of `api` and `partner_api`.

    `allowed_origins` are the web origins that browsers may call from, separated by commas.
    """

    core_table: str
    metrics_table: str
    privacy_table: str
    key_retention_months: int
    exports_bucket: str
    export_queue_url: str
    idempotency_table: str
    user_pool_id: str
    deliveries_table: str
    sends_url: str
    hooks_bucket: str
    hook_messages_url: str
    secrets_key: str
    connections_secret: str
    allowed_origins: str = ""
    fetch_allow_list: str = ""

    @property
    def origins(self) -> frozenset[str]:
        """The origins one by one."""
        return frozenset(each.strip() for each in self.allowed_origins.split(",") if each.strip())
