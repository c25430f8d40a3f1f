import pytest

from tallycast.measurement.intake.arrivals import Notification, StrayFileError, arrival, arrivals


def notice(*keys, name="ObjectCreated:Put"):
    return Notification.model_validate({
        "Records": [
            {"eventName": name, "s3": {"bucket": {"name": "intake"}, "object": {"key": key}}}
            for key in keys
        ]
    })  # fmt: skip


def test_the_key_of_a_log_says_whose_it_is_and_how_it_is_read():
    found = arrival("intake", "logs/acme/cdn/2026/11/22/part.gz")
    assert (found.tenant, found.source, found.stream) == ("acme", "cdn", "logs")


def test_hits_are_of_everybody():
    found = arrival("intake", "hits/2026/11/22/10/x.gz")
    assert (found.tenant, found.source, found.stream) == (None, None, "hits")


@pytest.mark.parametrize(
    "key",
    [
        "logs/acme/x.gz", "logs/acme//x.gz", "logs/../cdn/x.gz", "logs/ACME/cdn/x", "other/acme/cdn/x",
        "logs/acme/cdn/", "logs/a#b/cdn/x", "/logs/acme/cdn/x", "logs/acme/CDN/x",
    ],
)  # fmt: skip
def test_a_file_that_nobody_owns_is_refused_with_the_way_it_should_lie(key):
    with pytest.raises(StrayFileError, match=r"logs/\(tenant\)/\(source\)|tenant name"):
        arrival("intake", key)


def test_a_notice_names_keys_as_s3_writes_them():
    [found] = arrivals(notice("logs/acme/cdn/a+b%2Bc.gz"))
    assert found.key == "logs/acme/cdn/a b+c.gz"


def test_s3s_own_test_and_deletions_tell_of_nothing():
    assert list(arrivals(Notification.model_validate({"Event": "s3:TestEvent"}))) == []
    assert list(arrivals(notice("logs/acme/cdn/x", name="ObjectRemoved:Delete"))) == []
