"""What the functions of partners' webhooks, out and in, are told by their environment."""

from __future__ import annotations

from tallycast.aws.settings import Settings


class QueueWebhooksSettings(Settings):
    """`queue_webhooks`."""

    core_table: str
    deliveries_table: str
    sends_url: str


class SendWebhookSettings(Settings):
    """`send_webhook`. `fetch_allow_list` opens loopback addresses, on a laptop."""

    core_table: str
    deliveries_table: str
    sends_url: str
    secrets_key: str
    fetch_allow_list: str = ""


class RequeueWebhooksSettings(Settings):
    """`requeue_webhooks`."""

    deliveries_table: str
    sends_url: str


class TakeHookSettings(Settings):
    """`take_hook`."""

    deliveries_table: str
    hooks_bucket: str
    idempotency_table: str
    event_bus: str


class WebhookRoutesSettings(Settings):
    """The routes of webhooks, in `api` and `partner_api`."""

    core_table: str
    deliveries_table: str
    sends_url: str
    secrets_key: str
    fetch_allow_list: str = ""


class HookRoutesSettings(Settings):
    """The routes of hooks, in `api` and `partner_api`."""

    core_table: str
    deliveries_table: str
    secrets_key: str
    hooks_bucket: str
    hook_messages_url: str
