import pytest

pytest.register_assert_rewrite("tests.contract.outcomes_of_measurement")

from tests.support import scene as scenes  # noqa: E402 - after the line above


@pytest.fixture
def scene():
    with scenes.scene() as made:
        yield made
