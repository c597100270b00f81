"""Figures as SVG to put into a page: Altair draws them, vl-convert renders them without a browser or a network.

Text, axes and grid take the colour of the text around the figure, so that they fit light and dark pages. Nothing in
them may have an id (gradients of legends, clipping, rounded corners): vl-convert numbers those by what it drew before,
so that ids would clash in one page or differ between runs.
"""

from typing import Any

import altair as alt
import vl_convert

from relseed.evaluation.record import Evaluation, LabelScores

ACCENT = "#2f6fdb"
MUTED = "#8a919c"
SEEDS = ["#2f6fdb", "#e0722e", "#2a9d6f", "#b1529f", "#c09a1d", "#5b8c9e"]
# vl-convert brings Liberation Sans along and measures text with it; Arial and Helvetica have the same widths.
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"

_AXIS = {
    "labelColor": "currentColor",
    "titleColor": "currentColor",
    "titleFontWeight": "normal",
    "labelLimit": 0,
    "labelFontSize": 11,
    "titleFontSize": 12,
    "domainColor": "currentColor",
    "domainOpacity": 0.4,
    "tickColor": "currentColor",
    "tickOpacity": 0.4,
    "gridColor": "currentColor",
    "gridOpacity": 0.12,
}
_CONFIG = {
    "font": FONT,
    "background": None,
    "padding": {"left": 20, "top": 5, "right": 5, "bottom": 5},  # room where another font draws labels wider
    "aria": False,  # the page describes each figure as a whole
    "view": {"stroke": None},
    "axis": _AXIS,
    "legend": {"labelColor": "currentColor", "titleColor": "currentColor", "titleFontWeight": "normal"},
}


def confusion_figure(evaluation: Evaluation) -> str:
    """Actual labels down, predicted ones across; colour is the share of the row, text the count."""
    cells = [
        {"actual": gold, "predicted": predicted, "count": count, "share": count / sum(row)}
        for gold, row in zip(evaluation.labels, evaluation.confusion, strict=True)
        for predicted, count in zip(evaluation.labels, row, strict=True)
        if count
    ]
    few = len(evaluation.labels) <= 20
    base = alt.Chart(alt.Data(values=cells)).encode(
        x=_axis("predicted", evaluation, alt.Axis(orient="top", labelAngle=-45, grid=True, tickBand="extent")),
        y=_axis("actual", evaluation, alt.Axis(grid=True, tickBand="extent")),
    )
    squares = base.mark_rect(color=ACCENT).encode(
        opacity=alt.Opacity("share:Q", scale=alt.Scale(domain=[0, 1], range=[0.06, 1]), legend=None)
    )
    counts = base.mark_text(fontSize=10 if few else 8).encode(
        text="count:Q",
        color=alt.when(alt.datum.share > 0.85).then(alt.value("white")).otherwise(alt.value("currentColor")),
    )
    step = alt.Step(26 if few else 21)
    return drawn((squares + counts).properties(width=step, height=step))


def _axis(field: str, evaluation: Evaluation, axis: alt.Axis) -> Any:
    kind = alt.X if field == "predicted" else alt.Y
    return kind(f"{field}:N", title=field, scale=alt.Scale(domain=list(evaluation.labels)), axis=axis)


def labels_figure(evaluation: Evaluation) -> str:
    """A bar for each label, best first, with one standard deviation over random seeds; the negative label last."""
    ordered = sorted(evaluation.per_label, key=lambda scores: (scores.negative, -scores.f1))
    bars = alt.Chart(alt.Data(values=[_bar(scores) for scores in ordered])).encode(
        y=alt.Y("label:N", sort=None, title=None, axis=alt.Axis(ticks=False, domain=False, labelPadding=6))
    )
    percent = alt.X("f1:Q", title="F1 (%)", scale=alt.Scale(domain=[0, 100]))
    colour = alt.when(alt.datum.negative).then(alt.value(MUTED)).otherwise(alt.value(ACCENT))
    shape = bars.mark_bar(height=alt.RelativeBandSize(0.72)).encode(x=percent, color=colour)
    spread = bars.mark_rule(color="currentColor", strokeWidth=1.2).encode(x="low:Q", x2="high:Q")
    values = bars.mark_text(align="left", dx=6, fontSize=11, color="currentColor").encode(
        x="high:Q", text=alt.Text("f1:Q", format=".1f")
    )
    return drawn((shape + spread + values).properties(width=440, height=alt.Step(20)))


def _bar(scores: LabelScores) -> dict[str, Any]:
    f1, std = 100 * scores.f1, 100 * scores.f1_std
    return {
        "label": f"{scores.label} ({scores.support})",
        "f1": f1,
        "low": max(0, f1 - std),
        "high": min(100, f1 + std),
        "negative": scores.negative,
    }


def loss_figure(evaluation: Evaluation) -> str:
    """Training loss over steps, a line per random seed."""
    return _curves(evaluation, alt.Y("loss:Q", title="training loss", scale=alt.Scale(zero=True)))


def validation_figure(evaluation: Evaluation) -> str:
    """Micro-F1 on validation over steps, a line per random seed."""
    return _curves(evaluation, alt.Y("percent:Q", title="validation micro-F1 (%)", scale=alt.Scale(domain=[0, 100])))


def pretraining_figure(evaluation: Evaluation) -> str:
    """Both losses of the pre-training over steps, each on a scale of its own."""
    points = [step.model_dump() for step in evaluation.pretraining]
    x = alt.X("step:Q", title="step", axis=alt.Axis(tickMinStep=1))
    lines = [
        alt.Chart(alt.Data(values=points), width=440, height=250)
        .mark_line(color=ACCENT)
        .encode(x=x, y=alt.Y(f"{loss}:Q", title=title, scale=alt.Scale(zero=True)))
        for loss, title in (("mslm", "MSLM loss"), ("scl", "SCL loss"))
    ]
    return drawn(alt.hconcat(*lines, spacing=60))


def reliability_figure(evaluation: Evaluation) -> str:
    """The share of right answers over their probability, beside the diagonal on which both are the same."""
    bins = [each.model_dump() for each in evaluation.reliability.bins]
    share = alt.Scale(domain=[0, 1])
    points = (
        alt.Chart(alt.Data(values=bins), width=300, height=300)
        .mark_line(color=ACCENT, point=alt.OverlayMarkDef(size=40, color=ACCENT))
        .encode(
            x=alt.X("probability:Q", title="mean probability", scale=share),
            y=alt.Y("accuracy:Q", title="share that is right", scale=share),
        )
    )
    ends = alt.Data(values=[{"probability": end, "accuracy": end} for end in (0, 1)])
    diagonal = alt.Chart(ends).mark_line(color=MUTED, strokeDash=[4, 4]).encode(x="probability:Q", y="accuracy:Q")
    return drawn(diagonal + points)


def risk_figure(evaluation: Evaluation) -> str:
    """The share of wrong answers among the surest, from few of the answers to all."""
    points = [each.model_dump() for each in evaluation.reliability.risk_coverage]
    return drawn(
        alt.Chart(alt.Data(values=points), width=300, height=300)
        .mark_line(color=ACCENT, point=alt.OverlayMarkDef(size=22, color=ACCENT))
        .encode(
            x=alt.X("coverage:Q", title="coverage: share of answers, surest first", scale=alt.Scale(domain=[0, 1])),
            y=alt.Y("risk:Q", title="risk: share that is wrong", scale=alt.Scale(zero=True)),
        )
    )


def _curves(evaluation: Evaluation, y: alt.Y) -> str:
    points = [point.model_dump() | {"percent": 100 * point.micro_f1} for point in evaluation.curves]
    several = len(evaluation.random_seeds) > 1
    lines = (
        alt.Chart(alt.Data(values=points), width=440, height=250)
        .mark_line(point=alt.OverlayMarkDef(size=22))
        .encode(
            x=alt.X("step:Q", title="step", axis=alt.Axis(tickMinStep=1)),
            y=y,
            color=alt.Color(
                "seed:N",
                title="random seed",
                scale=alt.Scale(domain=list(evaluation.random_seeds), range=SEEDS),
                legend=alt.Legend(orient="top", direction="horizontal") if several else None,
            ),
        )
    )
    return drawn(lines)


def drawn(chart: Any) -> str:
    """A chart as SVG in the style of all figures."""
    specification = chart.to_dict() | {"config": _CONFIG}
    return vl_convert.vegalite_to_svg(specification, allowed_base_urls=[])
