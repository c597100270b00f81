"""How what methods write changes by generation, as a table and a figure."""

from collections.abc import Mapping

import altair as alt

from relseed.evaluation.drifted import Distances, Drifted, Slope
from relseed.report.figures import ACCENT, MUTED, drawn
from relseed.report.table import DASH, Table

_SLOPE = "by generation (95 % interval)"


def drifts_table(drifts: Mapping[str, Drifted]) -> Table:
    """A row a generation; then the slopes, one half of the real examples beside the other, and another domain."""
    header = ["drift", "generation", "examples", "MMD²", "AUC", "topics", "MMD² to the first"]
    header += ["label balance", "copies", "distance"]
    return Table(header, [row for name, found in drifts.items() for row in _rows(name, found)])


def _rows(name: str, found: Drifted) -> list[list[str]]:
    rows = [
        [
            *(name, str(each.number), str(each.examples)),
            *_far(each.real),
            *map(_number, (each.first, each.label_balance, each.copies, each.distance)),
        ]
        for each in found.generations
    ]
    slopes = {figure: _slope(slope) for figure, slope in found.slopes.items()}
    if slopes:
        own = [slopes[figure] for figure in ("label_balance", "copies", "distance")]
        rows.append([name, _SLOPE, "", slopes["mmd"], "", "", "", *own])
    for title, each in (("real, one half to the other", found.floor), ("another domain", found.ceiling)):
        rows.append([name, title, "", *_far(each), *[""] * 4])
    return rows


def _far(each: Distances) -> list[str]:
    return [_number(each.mmd), DASH if each.auc is None else f"{each.auc:.2f}", _number(each.topics)]


def _slope(slope: Slope) -> str:
    return f"{slope.value:+.4f} ({slope.low:+.4f} to {slope.high:+.4f})"


def _number(value: float | None) -> str:
    return DASH if value is None else f"{value:.3f}"


def drift_figure(found: Drifted) -> str:
    """The squared discrepancy to the real examples by generation, between that of their halves and another domain."""
    points = [{"generation": each.number, "mmd": each.real.mmd} for each in found.generations]
    ends = [{"mmd": found.floor.mmd}, {"mmd": found.ceiling.mmd}]
    x = alt.X("generation:Q", title="generation", axis=alt.Axis(tickMinStep=1))
    y = alt.Y("mmd:Q", title="MMD² to the real examples", scale=alt.Scale(zero=True))
    line = (
        alt.Chart(alt.Data(values=points), width=440, height=250).mark_line(color=ACCENT, point=True).encode(x=x, y=y)
    )
    rules = alt.Chart(alt.Data(values=ends)).mark_rule(color=MUTED, strokeDash=[4, 4]).encode(y="mmd:Q")
    return drawn(line + rules)
