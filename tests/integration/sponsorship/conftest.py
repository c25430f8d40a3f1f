from itertools import count

import pytest

from tests.support.selling import selling

_tenants = count(1)


@pytest.fixture(scope="module")
def platform():
    with selling() as made:
        yield made


@pytest.fixture
def room(platform):
    """A tenant that nobody has touched."""
    return platform.of_tenant(f"tenant-{next(_tenants)}")
