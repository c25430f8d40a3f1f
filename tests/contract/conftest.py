import pytest

from tests.support import scene as scenes


@pytest.fixture
def scene():
    with scenes.scene() as made:
        yield made
