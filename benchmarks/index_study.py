"""The index of AmalREC's ranking beside BLEU, ROUGE-L and length, and what other weights of its criteria would change.

    python -m benchmarks.index_study    (after `dvc pull` or `dvc repro`)

Writes benchmarks/index_study.json from data/ranked/amalrec.jsonl, the seeds, and the filled sheets `amalrec` and
`amalrec-random`. Tuples of the negative label, which one method alone writes about, are left out. A sentence counts as
stated where all annotators that were asked of it say so: two, or four where it is on both sheets.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from benchmarks.index_measures import (
    RESAMPLES,
    Values,
    associations,
    bleu,
    ends,
    greatest_correlation,
    length,
    ranks_within,
    resampled,
    rouge_l,
)
from benchmarks.index_weights import BREVITY, EQUAL, compared, fit, orders, variants
from benchmarks.verified import FOLDER, RANKED
from relseed.generation.summary import read_summary
from relseed.pipeline.params import Params
from relseed.ranking.candidates import Scored, by_tuple
from relseed.ranking.index import indices
from relseed.ranking.settings import Ranking
from relseed.ranking.summary import read_ranking
from relseed.records.files import read_records
from relseed.records.scores import BLEND, RankedExample
from relseed.tasks.relation import TASK, Example
from relseed.tasks.task import read_examples, read_schema
from relseed.verification.sample import read_key
from relseed.verification.sheet import read_sheet

RESULT = Path("benchmarks/index_study.json")
NAME = "amalrec"  # of the ranking
WEAK = "template_smollm2"  # the one method whose LLM is a small one
LABELS, SEEDS, MEASURED = Path("data/dataset/labels.jsonl"), Path("data/seeds/train.jsonl"), Path("results/measured")


def main() -> None:
    """Read what was ranked and what was answered, and write what they say together."""
    settings = Params.read().section(f"rankings.{NAME}", Ranking)
    schema = read_schema(LABELS, TASK)
    ranked = [found for _, found in read_records(Path(f"data/ranked/{NAME}.jsonl"), RankedExample)]
    ranked = [found for found in ranked if found.example["relation"] != schema.negative]
    values = measures(ranked, seeds_of(read_examples(SEEDS, TASK, schema)))
    texts = {each.example["id"]: each.example["text"] for each in ranked if each.rank is not None}
    sheets = {sheet: answers(sheet, texts) for sheet in RANKED}
    stated = agreed(sheets.values())
    weak = {each.example["id"] for each in ranked if each.example["method"] == WEAK}
    check_ranks(ranked, settings)
    measured = {
        "stated": predictors(ranked, values, stated),
        "stated_of_large": predictors(ranked, values, {id: said for id, said in stated.items() if id not in weak}),
        "methods": methods(ranked, values, settings, stated),
        "weights": weights(ranked, values, settings, stated, sheets[f"{NAME}-random"]),
        "correlations": correlations(ranked, values),
    }
    RESULT.write_text(json.dumps(rounded(measured), indent=1) + "\n", encoding="utf-8")


def answers(sheet: str, texts: Mapping[str, str]) -> dict[str, bool]:
    """Whether both annotators of a sheet say that a written sentence states its relation, by the sentence's id.

    Sentences that are not among the texts, or not as they were shown, are left out.
    """
    items = read_key(FOLDER / f"{sheet}.csv")
    filled = [read_sheet(FOLDER / f"{sheet}-{annotator}.csv", items) for annotator in "ab"]
    written = [item for item in items if item.kind == "written" and texts.get(item.source) == item.example.text]
    return {item.source: all(said[item.id] == "stated" for said in filled) for item in written}


def agreed(sheets: Iterable[Mapping[str, bool]]) -> dict[str, bool]:
    """What the sheets say together: stated where each one that asks says so."""
    found: dict[str, bool] = {}
    for sheet in sheets:
        found |= {id: said and found.get(id, True) for id, said in sheet.items()}
    return found


def seeds_of(seeds: Iterable[Example]) -> dict[str, list[str]]:
    """The texts of the seeds of each relation."""
    found: dict[str, list[str]] = {}
    for seed in seeds:
        found.setdefault(seed.relation, []).append(seed.text)
    return found


def measures(ranked: Iterable[RankedExample], seeds: Mapping[str, Sequence[str]]) -> dict[str, dict[str, float]]:
    """The scores of each candidate by the criteria, its BLEU and ROUGE-L against the relation's seeds, its words."""
    found: dict[str, dict[str, float]] = {}
    for each in ranked:
        text, own = each.example["text"], seeds[each.example["relation"]]
        overlap = {"bleu": bleu(text, own), "rouge_l": rouge_l(text, own), "words": float(length(text))}
        found[each.example["id"]] = {**each.scores, **overlap}
    return found


def scored(each: RankedExample) -> Scored:
    """A candidate as the ranker takes it."""
    return Scored(each.example["id"], each.tuple, each.example["method"], each.scores, each.example)


def grouped(ranked: Iterable[RankedExample], *, counting: bool = False) -> dict[str, list[RankedExample]]:
    """The candidates about each tuple; `counting`: those that have a rank, not so a blend that is not the best."""
    groups: dict[str, list[RankedExample]] = {}
    for each in ranked:
        if each.rank is not None or not counting:
            groups.setdefault(each.tuple, []).append(each)
    return groups


def check_ranks(ranked: Sequence[RankedExample], settings: Ranking) -> None:
    """Stop where the file has other ranks than the parameters give: one of the two is old."""
    again = orders([scored(each) for each in ranked], settings)
    found = {each.id: at for order in again.values() for at, (each, _) in enumerate(order.ranked, start=1)}
    if found != {each.example["id"]: each.rank for each in ranked if each.rank is not None}:
        raise SystemExit(f"data/ranked/{NAME}.jsonl was ranked by other parameters: build it with `dvc repro rank`")


def predictors(ranked: Sequence[RankedExample], values: Values, stated: Mapping[str, bool]) -> dict[str, Any]:
    """What goes with being stated, over the sentences that annotators were asked of."""
    groups = grouped(ranked, counting=True)
    asked = [each for group in groups.values() for each in group if each.example["id"] in stated]
    rows = [_row(each, groups[each.tuple], values) for each in asked]
    places = ranks_of(groups, values, asked[0].scores)
    for each, row in zip(asked, rows, strict=True):
        row.update({f"rank: {name}": place for name, place in places[each.example["id"]].items()})
    matrix = np.array([[row[name] for row in rows] for name in rows[0]])
    truth, about = np.array([stated[each.example["id"]] for each in asked]), [each.tuple for each in asked]
    return {
        "sentences": len(truth),
        "stated": int(truth.sum()),
        "tuples": len(set(about)),
        "resamples": RESAMPLES,
        "greatest": greatest_correlation(truth),
        "predictors": _with_ends(list(rows[0]), matrix, truth, about),
    }


def ranks_of(
    groups: Mapping[str, Sequence[RankedExample]], values: Values, names: Iterable[str]
) -> dict[str, dict[str, float]]:
    """The mid-ranks of candidates within their tuples, by id and what was measured, of these measures."""
    chosen = {id: {name: own[name] for name in names} for id, own in values.items()}
    return ranks_within([[each.example["id"] for each in group] for group in groups.values()], chosen)


def _row(each: RankedExample, group: Sequence[RankedExample], values: Values) -> dict[str, float]:
    others = [other.example["text"] for other in group if other is not each]
    assert each.index is not None
    return {
        "index": each.index,
        **values[each.example["id"]],
        "self_bleu": bleu(each.example["text"], others),
        "large": float(each.example["method"] != WEAK),
    }


def _with_ends(
    names: Sequence[str], matrix: np.ndarray, truth: np.ndarray, about: Sequence[str]
) -> dict[str, dict[str, float]]:
    """The associations of each predictor with their intervals; a resample where all is stated has none."""
    found = associations(matrix, truth)
    draws = [associations(matrix[:, at], truth[at]) for at in resampled(about) if not truth[at].all()]
    intervals = [ends([draw[part] for draw in draws]) for part in (0, 1)]
    keys = ("spearman", "area")
    return {
        name: {
            f"{key}{end}": value[row]
            for key, point, (low, high) in zip(keys, found, intervals, strict=True)
            for end, value in (("", point), ("_low", low), ("_high", high))
        }
        for row, name in enumerate(names)
    }


def methods(
    ranked: Sequence[RankedExample], values: Values, settings: Ranking, stated: Mapping[str, bool]
) -> dict[str, dict[str, Any]]:
    """The mean of each measure over the candidates of each method, how many are accepted, how many are stated.

    All blends are among the candidates of their tuples, also those that were not taken: the index of those alone that
    were is high by choice.
    """
    index: dict[str, float] = {}
    for group in by_tuple([scored(each) for each in ranked]).values():
        ids = [each.id for each in group]
        index |= dict(zip(ids, indices([each.scores for each in group], settings, ids), strict=True))
    own: dict[str, list[str]] = {}
    for each in ranked:
        own.setdefault(each.example["method"], []).append(each.example["id"])
    return {
        method: {
            "candidates": len(ids),
            "index": fmean(index[id] for id in ids),
            **{name: fmean(values[id][name] for id in ids) for name in values[ids[0]]},
            "accepted": accepted(method),
            "answered": sum(id in stated for id in ids),
            "stated": sum(stated.get(id, False) for id in ids),
        }
        for method, ids in sorted(own.items(), key=lambda entry: (entry[0] == BLEND, entry[0]))
    }


def accepted(method: str) -> float:
    """The share of what a method wrote that passed the rules."""
    if method == BLEND:
        blends = read_ranking(MEASURED / f"rankings/{NAME}.json").blends
        assert blends is not None
        return blends.passed / blends.asked
    summary = read_summary(MEASURED / f"methods/{method}.json")
    return summary.accepted / summary.candidates


def weights(
    ranked: Sequence[RankedExample],
    values: Values,
    settings: Ranking,
    stated: Mapping[str, bool],
    drawn: Mapping[str, bool],
) -> dict[str, Any]:
    """What other weights change, and the weights that fit the annotators best."""
    about = {each.example["id"]: each.tuple for each in ranked}
    found = fit(ranks_of(grouped(ranked, counting=True), values, settings.weights), stated, about)
    candidates = [
        replace(scored(each), scores={**each.scores, BREVITY: -values[each.example["id"]]["words"]}) for each in ranked
    ]
    chosen = variants(settings, {name: row["weight"] for name, row in found.items()})
    ordered = {title: orders(candidates, ranking) for title, ranking in chosen.items()}
    return {
        "tuples": len(ordered[EQUAL]),
        "fitted": found,
        "variants": {title: compared(ordered[EQUAL], each, stated, drawn, WEAK) for title, each in ordered.items()},
    }


def correlations(ranked: Sequence[RankedExample], values: Values) -> dict[str, dict[str, dict[str, float]]]:
    """Spearman's correlation between all measures: over all candidates, and of their mid-ranks within the tuple."""
    places = ranks_of(grouped(ranked), values, next(iter(values.values())))
    return {"candidates": _matrix(values), "within": _matrix(places)}


def _matrix(values: Values) -> dict[str, dict[str, float]]:
    names = list(next(iter(values.values())))
    found = spearmanr([[row[name] for name in names] for row in values.values()]).statistic
    return {one: {other: found[at, beside] for beside, other in enumerate(names)} for at, one in enumerate(names)}


def rounded(value: Any) -> Any:
    """Numbers with four digits after the point, at any depth."""
    if isinstance(value, Mapping):
        return {key: rounded(each) for key, each in value.items()}
    return round(float(value), 4) if isinstance(value, float | np.floating) else value


if __name__ == "__main__":
    main()
