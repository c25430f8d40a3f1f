"""The routes, one module per resource; which app has which stands here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallycast.api.resources.agencies import agencies
from tallycast.api.resources.api_keys import api_keys
from tallycast.api.resources.audience import audience
from tallycast.api.resources.audit import audit
from tallycast.api.resources.campaign_steps import campaigns
from tallycast.api.resources.clients import clients
from tallycast.api.resources.codes import codes
from tallycast.api.resources.connections import connections
from tallycast.api.resources.conversions import conversions
from tallycast.api.resources.creatives import creatives
from tallycast.api.resources.delivery import delivery
from tallycast.api.resources.downloads import downloads
from tallycast.api.resources.exports import exports
from tallycast.api.resources.hooks import hooks, receiving
from tallycast.api.resources.inventory import inventory
from tallycast.api.resources.invoices import invoices
from tallycast.api.resources.me import me, my_sessions
from tallycast.api.resources.orders import orders
from tallycast.api.resources.people import invitations, people
from tallycast.api.resources.rates import rates
from tallycast.api.resources.reports import reports
from tallycast.api.resources.shows import shows
from tallycast.api.resources.sponsors import sponsors
from tallycast.api.resources.spots import spots
from tallycast.api.resources.tenants import tenants
from tallycast.api.resources.webhook_deliveries import webhook_deliveries
from tallycast.api.resources.webhooks import webhooks

if TYPE_CHECKING:
    from tallycast.api.routes import Routes

# What sponsors pay for, and what they get for it.
_SELLING: tuple[Routes, ...] = (
    campaigns,
    spots,
    creatives,
    codes,
    delivery,
    inventory,
    conversions,
    reports,
)

API: tuple[Routes, ...] = (
    me,
    my_sessions,
    tenants,
    people,
    invitations,
    clients,
    api_keys,
    audit,
    connections,
    shows,
    downloads,
    audience,
    exports,
    webhooks,
    webhook_deliveries,
    hooks,
    sponsors,
    agencies,
    orders,
    rates,
    invoices,
    *_SELLING,
)
PARTNER_API: tuple[Routes, ...] = (
    me,
    shows,
    downloads,
    audience,
    exports,
    webhooks,
    webhook_deliveries,
    hooks,
    receiving,
    sponsors,
    *_SELLING,
)
