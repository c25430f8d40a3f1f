import pytest

pytest.register_assert_rewrite(
    "tests.contract.exercises_of_feeds",
    "tests.contract.exercises_of_measurement",
    "tests.contract.outcomes_of_counting",
    "tests.contract.outcomes_of_tracking",
)

from tests.support import scene as scenes  # noqa: E402 - after the lines above
from tests.support.template import STAGES, deployment  # noqa: E402


@pytest.fixture(params=STAGES)
def deployed(request):
    """The deployment at each stage."""
    return deployment(request.param)


@pytest.fixture
def scene():
    with scenes.scene() as made:
        yield made
