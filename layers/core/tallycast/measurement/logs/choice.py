"""From a format to its portions: what is read at once, and the layout it is read with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallycast.measurement.logs import (
    cloudfront,
    columnar,
    combined,
    delimited,
    envelopes,
    jsonlines,
    layout,
)
from tallycast.measurement.logs.blocks import Block, blocks
from tallycast.measurement.logs.model import LogFormat

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallycast.measurement.logs.detection import Sample
    from tallycast.measurement.logs.layout import Layout
    from tallycast.measurement.logs.model import LogSource
    from tallycast.measurement.logs.opening import Opened


def portions(
    opened: Opened, kind: LogFormat, sample: Sample, source: LogSource, size: int
) -> Iterator[tuple[Layout, Block]]:
    """A text log in blocks of about `size` bytes, each with the layout of its lines."""
    if kind is LogFormat.HIT_ENVELOPES:
        hits = jsonlines.ours((), source.columns)
        yield from ((hits, block) for block in envelopes.messages(opened, size))
        return
    plain = blocks(opened, size)
    if kind is LogFormat.CLOUDFRONT:
        for fields, block in cloudfront.sections(plain):
            yield cloudfront.w3c(fields), block
    elif kind in {LogFormat.CSV, LogFormat.REDIRECTS}:
        table = delimited.table_of(
            next(iter(sample.lines), ""), source.delimiter, header=source.header
        )
        if kind is LogFormat.REDIRECTS:
            table_layout = delimited.redirects(table)
        else:
            table_layout = delimited.by_names(table, source.columns, source.url_template)
        yield from ((table_layout, block) for block in delimited.records(plain, table))
    else:
        lines = _of_lines(kind, sample, source)
        yield from ((lines, block) for block in plain)


def _of_lines(kind: LogFormat, sample: Sample, source: LogSource) -> Layout:
    if kind is LogFormat.COMBINED:
        return combined.layout(source.additions)
    if kind is LogFormat.MEGAPHONE:
        return jsonlines.megaphone(source.url_template)
    if kind is LogFormat.CLOUDFRONT_JSON:
        return jsonlines.cloudfront_lines(sample.names)
    if kind is LogFormat.JSON:
        return jsonlines.ours(sample.names, source.columns)
    return layout.unknown()


def columnar_layout(kind: LogFormat, file: columnar.ParquetFile, source: LogSource) -> Layout:
    """The layout of a Parquet file's rows."""
    if kind is LogFormat.CLOUDFRONT_PARQUET:
        return columnar.cloudfront_rows(file)
    if kind is LogFormat.PARQUET:
        return columnar.by_names(file, source.columns, source.url_template)
    return layout.unknown(of_text=False)
