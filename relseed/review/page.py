"""A sheet as one static page: to decide with two keys, without a network, and to save the decisions as CSV."""

from collections.abc import Sequence
from pathlib import Path

from relseed.pipeline.outputs import output_file
from relseed.pipeline.templates import render
from relseed.report.segments import highlighted
from relseed.review.sheet import REQUIRED, RISKY, Row


def review_page(method: str, rows: Sequence[Row]) -> str:
    """Render the page of a method."""
    return render(
        Path(__file__).with_name("page.html.jinja"),
        method=method,
        rows=[(row, highlighted(row.segments)) for row in rows],
        labels=list(dict.fromkeys(row.label for row in rows)),
        columns=REQUIRED,
        risky=RISKY,
    )


def write_page(path: Path, method: str, rows: Sequence[Row]) -> None:
    """Write the page of a method, whole or not at all."""
    with output_file(path) as partial:
        partial.write_text(review_page(method, rows) + "\n", encoding="utf-8")
