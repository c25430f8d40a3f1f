"""A small portion of what `python -m tests.fuzz` tries: both doors, the same way, the same seed."""

from __future__ import annotations

import pytest

from tests.fuzz.run import DOORS, SEED, SMALL, fuzz, shown

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]


@pytest.mark.parametrize("door", DOORS)
def test_whatever_is_asked_the_answer_is_a_documented_one_and_nobody_elses(steady, door):
    found = fuzz(steady, door, SEED, SMALL)
    assert found.wrong == [], shown(found)
    assert len(found.tried) == found.all_operations
    assert found.peeps > found.all_operations / 4
    assert len(found.answered) > found.all_operations / 4
