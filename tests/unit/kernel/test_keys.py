"""Keys of the core table: every tenant's begin with the tenant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallycast.kernel import keys

tenants = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True)
texts = st.text(max_size=50)


@given(tenants, texts)
def test_every_key_of_a_tenant_begins_with_the_tenant(tenant, text):
    prefix = f"TENANT#{tenant}#"
    for key in (
        keys.feed(tenant, text),
        keys.feed_url(tenant, text),
        keys.podcast_guid(tenant, text),
        keys.show(tenant, text),
        keys.episode(tenant, text, text),
    ):
        assert key["pk"].startswith(prefix)
    for index_key in (
        keys.feeds_of(tenant),
        keys.episodes_of(tenant, text),
        keys.enclosure(tenant, text),
    ):
        assert index_key.startswith(prefix)


@given(tenants, tenants, texts)
def test_two_tenants_never_share_a_key(one, other, text):
    if one != other:
        assert keys.feed(one, text) != keys.feed(other, text)
        assert keys.feed_url(one, text) != keys.feed_url(other, text)
        assert keys.episodes_of(one, text) != keys.episodes_of(other, text)


@pytest.mark.parametrize("name", ["", "A", "a#b", "a b", "-a", "ü", "a" * 64, "a\n", "../a"])
def test_a_tenant_that_could_be_mistaken_for_part_of_a_key_is_refused(name):
    with pytest.raises(keys.BadTenantError):
        keys.tenant_prefix(name)


@given(st.text(min_size=1, max_size=40))
def test_every_feed_falls_into_one_of_the_due_shards(feed_id):
    shards = {keys.due_shard_name(number) for number in range(keys.DUE_SHARDS)}
    assert keys.due_shard(feed_id) in shards
