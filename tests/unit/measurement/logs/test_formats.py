"""The same requests come to the same rows, whatever the format they were written in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tallycast.measurement.logs import LogFormat, detect
from tests.support.log_files import SHAPES, envelope, expected, hits, some_requests
from tests.unit.measurement.logs.reading import reading, rows

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.log_files import Shape

every_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
REQUESTS = some_requests(60)


@every_shape
def test_a_format_is_recognised_by_its_content_alone(shape: Shape, tmp_path: Path) -> None:
    path = tmp_path / "no-ending"
    shape.write(path, REQUESTS)
    assert detect(path, shape.source) is shape.found


@every_shape
def test_the_same_requests_give_the_same_rows_in_every_format(shape: Shape, tmp_path: Path) -> None:
    path = tmp_path / "log"
    shape.write(path, REQUESTS)
    intake = reading(path, shape.source)
    assert intake.account.quarantined == 0
    found = rows(intake)
    wanted = [expected(shape, request) for request in REQUESTS]
    assert [{name: row[name] for name in wanted[0]} for row in found] == wanted


@pytest.mark.parametrize("name", sorted(SHAPES.keys() - {"megaphone"}))  # has no addresses
def test_a_file_that_only_its_query_names_is_known_by_it_in_every_format(
    name: str, tmp_path: Path
) -> None:
    shape, path = SHAPES[name], tmp_path / "log"
    asked = [
        replace(
            request, url=f"https://media.example/play{number % 2}?token={number}&id={number % 7}"
        )
        for number, request in enumerate(REQUESTS)
    ]
    shape.write(path, asked)
    intake = reading(path, shape.source)
    assert intake.account.accepted == len(asked)
    assert [row["media"] for row in rows(intake)] == [
        f"media.example/play{number % 2}?id={number % 7}" for number in range(len(asked))
    ]


@pytest.mark.parametrize("documents", [1, 400], ids=["one document", "many documents"])
def test_documents_of_a_subscription_are_recognised_however_long_they_are_together(
    documents: int, tmp_path: Path
) -> None:
    """They come without line feeds, so that a minute's hits are one line of any length."""
    _, lines = hits(some_requests(400))
    each = len(lines) // documents
    parts = [lines[at : at + each] for at in range(0, len(lines), each)]
    path = tmp_path / "log"
    path.write_bytes(b"".join(envelope(part) for part in parts))
    intake = reading(path)
    assert (intake.format, intake.account.accepted) == (LogFormat.HIT_ENVELOPES, 400)
