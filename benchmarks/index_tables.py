"""The tables of benchmarks/index_study.json, as docs/papers/amalrec.md has them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import kendalltau

from benchmarks.results import read_results
from benchmarks.study import FOLDER
from benchmarks.tables import DASH, in_percent, markdown
from relseed.verification.agreement import wilson

RESULT = Path("benchmarks/index_study.json")
ALONE = "amalrec-methods"  # the study in which an extractor learns from each method alone
FEWEST = 30  # sentences of which a share is shown
_OVERLAP = {"bleu": "BLEU-4 against the seeds", "rouge_l": "ROUGE-L against the seeds"}
_OTHERS = {
    "self_bleu": "BLEU-4 against the tuple's other candidates",
    "words": "number of words",
    "large": "written by Claude, not by SmolLM2",
}


def index_stated() -> str:
    """What goes with being stated by both annotators, over all sentences and over those of the large LLM."""
    measured = read_results(RESULT)
    every, large = measured["stated"], measured["stated_of_large"]
    header = [
        f"{every['sentences']} sentences about {every['tuples']} tuples, {_not_stated(every)} not stated",
        "Spearman",
        "area under the ROC curve",
        f"area without SmolLM2's sentences: {large['sentences']}, {_not_stated(large)} not stated",
    ]
    rows = []
    for name, title in _predictors(every["predictors"]).items():
        found, own = every["predictors"][name], large["predictors"][name]
        without = DASH if name == "large" else f"{own['area']:.2f}"  # an interval over so few would be far too narrow
        rows.append([title, _with_ends(found, "spearman", "+"), _with_ends(found, "area", ""), without])
    rows.append(["the greatest that can be, where no two are equal", f"{every['greatest']:+.2f}", "1.00", "1.00"])
    return markdown(header, rows)


def _not_stated(found: Mapping[str, Any]) -> int:
    return int(found["sentences"] - found["stated"])


def _predictors(found: Iterable[str]) -> dict[str, str]:
    """What each predictor is, in the order of the rows."""
    criteria = [name.removeprefix("rank: ") for name in found if name.startswith("rank: ")]
    ranks = {f"rank: {name}": f"`{name}`, rank within the tuple" for name in criteria}
    scores = {name: f"`{name}`, score" for name in criteria}
    return {"index": "the index", **ranks, **scores, **_OVERLAP, **_OTHERS}


def _with_ends(found: Mapping[str, float], key: str, sign: str) -> str:
    point, low, high = (f"{_plain(found[name]):{sign}.2f}" for name in (key, f"{key}_low", f"{key}_high"))
    return f"{point} ({low} to {high})"


def _plain(number: float) -> float:
    """A number with two digits after the point that is never -0."""
    return round(number, 2) + 0.0


def index_methods() -> str:
    """The means of each method, and Kendall's tau of each with the F1 of an extractor that learnt from it alone.

    F1 and tau are there once benchmarks/studies/amalrec-methods.json is.
    """
    measured = read_results(RESULT)["methods"]
    names = [name for name in next(iter(measured.values())) if name not in ("candidates", "answered", "stated")]
    f1 = _f1_alone(measured)
    header = [
        "method",
        "candidates",
        "stated, of those asked about",
        *(_short(name) for name in names),
        *(["F1 alone"] if f1 else []),
    ]
    rows = []
    for method, row in measured.items():
        cells = [
            str(row["candidates"]),
            f"{row['stated']} of {row['answered']}",
            *(f"{row[name]:.3g}" for name in names),
        ]
        rows.append([f"`{method}`", *cells, *([in_percent(f1[method]) if method in f1 else DASH] if f1 else [])])
    if f1:
        taus = [_tau([measured[method][name] for method in f1], list(f1.values())) for name in names]
        rows.append([f"Kendall's tau with F1, {len(f1)} methods", DASH, DASH, *taus, DASH])
    return markdown(header, rows)


def _short(name: str) -> str:
    return {"bleu": "BLEU-4", "rouge_l": "ROUGE-L"}.get(name, name)


def _f1_alone(methods: Iterable[str]) -> dict[str, float]:
    """The F1 of an extractor that learnt from each method alone, of those that were measured."""
    variants = read_results(FOLDER / f"{ALONE}.json").get("variants", {})
    found = {method: variants.get(f"{method} alone") for method in methods}
    return {method: variant["systems"]["amalrec"]["mean"] for method, variant in found.items() if variant}


def _tau(values: Sequence[float], f1: Sequence[float]) -> str:
    found = kendalltau(values, f1).statistic
    return DASH if np.isnan(found) else f"{found:+.2f}"


def index_weights() -> str:
    """What other weights change, and what annotators said of the best candidates by each."""
    header = ["ranking", "another is the best", "Kendall's tau", "SmolLM2 wrote the best"]
    header += ["stated, of the best", "stated, of those drawn at random"]
    measured = read_results(RESULT)["weights"]
    rows = []
    for title, found in measured["variants"].items():
        cells = [f"{in_percent(found['changed'])} %", f"{found['tau']:.2f}", f"{found['weak']} of {measured['tuples']}"]
        rows.append([title, *cells, _share(found["answered"]), _share(found["drawn"])])
    return markdown(header, rows)


def _share(found: Mapping[str, int]) -> str:
    stated, total = found["stated"], found["sentences"]
    if total < FEWEST:
        return DASH
    low, high = map(in_percent, wilson(stated, total))
    return f"{in_percent(stated / total)} % of {total} ({low} to {high})"


def index_fitted() -> str:
    """The weights that fit the annotators best, and how far they are from being determined."""
    fitted = read_results(RESULT)["weights"]["fitted"]
    rows = [
        [f"`{name}`", f"{row['weight']:.2f}", f"{row['low']:.2f} to {row['high']:.2f}", f"{in_percent(row['zero'])} %"]
        for name, row in fitted.items()
    ]
    return markdown(["criterion", "weight", "95 % interval", "resamples in which it is 0"], rows)


def index_correlations() -> str:
    """Spearman's correlations between criteria, overlap and length: of scores above the diagonal, of ranks below it."""
    measured = read_results(RESULT)["correlations"]
    names = list(measured["candidates"])
    rows = []
    for at, one in enumerate(names):
        below = [f"{_plain(measured['within'][one][other]):+.2f}" for other in names[:at]]
        above = [f"{_plain(measured['candidates'][one][other]):+.2f}" for other in names[at + 1 :]]
        rows.append([_short(one), *below, DASH, *above])
    return markdown(["", *map(_short, names)], rows)
