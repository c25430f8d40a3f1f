"""What many ranges hold together: whether they lie apart, touch, or overlap, far into a file."""

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from tallycast.measurement.ranges import covered
from tallycast.measurement.rulesets import rule_set
from tests.support.counting import a_count, a_part, an_episode, in_lines

BLOCK = 65_536
# A minute takes so many bytes that no range below is one by itself.
MINUTE = 300_000
EPISODE = an_episode(bitrate_bps=MINUTE * 2 // 15, length_bytes=200 * BLOCK, duration_seconds=None)
CON = duckdb.connect(config={"threads": 1})
calm = settings(
    max_examples=60,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@st.composite
def ranges(draw):
    """Pieces of whole blocks, or a few bytes off, near the start or beyond where bits reach."""
    found = []
    for _ in range(draw(st.integers(2, 12))):
        first = draw(st.sampled_from([*range(8), 58, 59, 60, 61, 62, 63, 64, 120]))
        start = max(0, first * BLOCK + draw(st.sampled_from([0, 0, 0, -1, 1, 777])))
        length = draw(st.sampled_from([1, 2, 4])) * BLOCK + draw(st.sampled_from([0, 0, 0, -1, 1]))
        found.append((start, start + length - 1))
    return found


def judged(spans, *, detail=True):
    rows = [a_part(start, end, bytes_sent=end - start + 1) for start, end in spans]
    return a_count(rule_set(), in_lines(rows), [EPISODE], con=CON, detail=detail)


@given(spans=ranges())
@example(spans=[(number * BLOCK, (number + 1) * BLOCK - 1) for number in range(5)])
@example(spans=[(number * BLOCK, (number + 1) * BLOCK - 1) for number in (0, 0, 1, 2, 3)])
@example(spans=[(number * BLOCK, (number + 1) * BLOCK - 1) for number in (59, 60, 61, 62, 63)])
@example(spans=[(0, 4 * BLOCK - 1), (0, 2 * BLOCK - 1)])
@calm
def test_a_download_holds_a_minute_of_distinct_bytes_wherever_they_lie(spans):
    together = covered(spans)
    expected = [together] if together >= MINUTE else []
    found = judged(spans).downloads()
    names = [column[0] for column in CON.execute("FROM counted_downloads LIMIT 0").description]
    assert [dict(zip(names, row, strict=True))["bytes"] for row in found] == expected
    short = judged(spans, detail=False).document()
    assert short["downloads"] == len(expected)


@pytest.mark.parametrize(("pieces", "downloads"), [(5, 1), (4, 0)])
def test_a_piece_fetched_again_and_again_counts_once(pieces, downloads):
    spans = [(number * BLOCK, (number + 1) * BLOCK - 1) for number in range(pieces)] + [
        (0, BLOCK - 1)
    ] * 3
    assert len(judged(spans).downloads()) == downloads
