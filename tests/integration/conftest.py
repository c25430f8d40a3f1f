import pytest

from tests.support.feeds_platform import feeds_platform


@pytest.fixture
def platform():
    with feeds_platform() as made:
        yield made
