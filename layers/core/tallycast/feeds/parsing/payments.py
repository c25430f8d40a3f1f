"""Readers of the Podcasting 2.0 tags about payment and about other feeds' items.

Same shape as `tags`: one element in, one value of the normal form out, None when it lacks what
the tag cannot do without. Source: the podcast namespace 1.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallycast.feeds.model import RemoteItem, ValueTimeSplit
from tallycast.feeds.parsing.drafts import new_recipient, new_value
from tallycast.feeds.parsing.names import plain_name
from tallycast.feeds.parsing.tags import few, first_named, named
from tallycast.feeds.parsing.values import read_flag, read_number

if TYPE_CHECKING:
    from lxml.etree import _Element

    from tallycast.feeds.model import Value, ValueRecipient
    from tallycast.feeds.parsing.context import Context


def remote_item(element: _Element, context: Context) -> RemoteItem | None:
    """`podcast:remoteItem`: worth something with a feed's guid or address."""
    get = context.attributes(element).get
    guid, url = get("feedGuid"), context.url(get("feedUrl"), element)
    if guid is None and url is None:
        context.warnings.add("remote_item_without_feed")
        return None
    return RemoteItem(guid, url, get("itemGuid"), get("medium"), get("title"))


def remote_items(element: _Element, context: Context) -> tuple[RemoteItem, ...]:
    """The `podcast:remoteItem`s inside `podcast:podroll` or `podcast:publisher`."""
    inside = named(element, "podcast:remoteitem", context)
    return tuple(item for child in inside if (item := remote_item(child, context)))


def value(element: _Element, context: Context) -> Value:
    """`podcast:value` with its recipients and time splits."""
    get = context.attributes(element).get
    recipients: list[ValueRecipient] = []
    splits: list[ValueTimeSplit] = []
    for child in few(element, context, "value"):
        name = plain_name(child.tag)
        if name == "podcast:valuerecipient":
            if recipient := _recipient(child, context):
                recipients.append(recipient)
        elif name == "podcast:valuetimesplit" and (split := _time_split(child, context)):
            splits.append(split)
    return new_value(get("type"), get("method"), get("suggested"), tuple(recipients), tuple(splits))


def _recipient(element: _Element, context: Context) -> ValueRecipient | None:
    attribute = context.attribute
    address = attribute(element, "address")
    if address is None:
        context.warnings.add("value_recipient_without_address", element.get("name"))
        return None
    return new_recipient(
        address,
        attribute(element, "type"),
        attribute(element, "name"),
        context.number(element.get("split")),
        read_flag(element.get("fee")) or False,
        attribute(element, "customKey"),
        attribute(element, "customValue"),
    )


def _time_split(element: _Element, context: Context) -> ValueTimeSplit | None:
    get = context.attributes(element).get
    start, duration = read_number(get("startTime")), read_number(get("duration"))
    if start is None or duration is None:
        context.warnings.add("value_time_split_without_times", get("startTime"))
        return None
    inside = named(element, "podcast:valuerecipient", context)
    remote = first_named(element, "podcast:remoteitem")
    return ValueTimeSplit(
        start,
        duration,
        read_number(get("remoteStartTime")),
        read_number(get("remotePercentage")),
        tuple(found for child in inside if (found := _recipient(child, context))),
        remote_item(remote, context) if remote is not None else None,
    )
