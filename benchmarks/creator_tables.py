"""The tables of docs/papers/data_creators.md: classifiers that learnt from what grew of one example, and what grew."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from scipy.stats import linregress, t

from benchmarks.results import read_results
from benchmarks.strategies import RESULT
from benchmarks.study import FOLDER
from benchmarks.tables import DASH, apart, in_percent, interval, markdown
from benchmarks.transfer import RESULT as TRANSFER
from relseed.quality.rules import COPIES

DIVERSITY = ("distinct-2", "self-BLEU", "distance", "Vendi", "label balance")
PRICES = (3, 15)  # of a million tokens of prompts and responses, for example
_RECORDED, _FIRST = "recorded-", "first-"
_LEAST = 10  # generations that a slope is drawn through
DEVOID, QUESTION_TRANSFER = Path("benchmarks/devoid.json"), Path("benchmarks/question_transfer.json")


def questions(name: str) -> str:
    """A study of questions: accuracy (micro-F1 where no label is negative), macro-F1, answers without reading."""
    header = ["learns from", "real", "written", "accuracy", "± random seeds", "macro-F1"]
    variants = read_results(FOLDER / f"{name}.json").get("variants", {})
    rows = [_questions(title, measured["systems"]["creator"]) for title, measured in variants.items()]
    baselines = next(iter(variants.values()))["systems"]["creator"]["draws"]["1"]["baselines"] if variants else {}
    rows += [
        [f"{baseline} answer", "0", "0", in_percent(found["micro_f1"]["mean"]), DASH, DASH, DASH]
        for baseline, found in baselines.items()
    ]
    return markdown([*header, "difference from seeds alone, 95 % interval"], rows)


def _questions(title: str, row: Mapping[str, Any]) -> list[str]:
    return [
        title,
        str(row["real"]),
        str(row["written"]),
        in_percent(row["mean"]),
        in_percent(row["std"]),
        in_percent(row["draws"]["1"]["scores"]["macro_f1"]["mean"]),
        apart(row) if "low" in row else DASH,
    ]


def strategies() -> str:
    """What the small LM writes by each strategy: what the rules accept, why they reject, and what it takes."""
    header = ["next example", "accepted", "not JSON", "repeats", "label balance", "tokens per accepted"]
    found = {
        name: each for name, each in read_results(RESULT).items() if "creator_smollm2" in each["changes"]["methods"]
    }
    return markdown(header, [_strategy(name, each["summary"]) for name, each in found.items()])


def recorded_strategies() -> str:
    """What was recorded of a large LLM by each strategy: how diverse it is, how it changes, what it would cost."""
    header = ["next example", "accepted", "generations", *DIVERSITY, "MMD² of the first and the last quarter"]
    header += ["slope of MMD², 95 % interval", "tokens: prompt, response", "cost of 1,000"]
    found = {name: each for name, each in read_results(RESULT).items() if name.startswith(_RECORDED)}
    rows = [_recorded(name.removeprefix(_RECORDED), each) for name, each in found.items()]
    return markdown(header, rows)


def _recorded(name: str, found: Mapping[str, Any]) -> list[str]:
    summary, drift = found["summary"], found["drift"]
    accepted = summary["accepted"]
    far = [each["real"]["mmd"] for each in drift["generations"]]
    quarter = max(1, len(far) // 4)
    tokens = [summary[f"{part}_tokens"] / accepted for part in ("prompt", "completion")]
    return [
        name,
        f"{accepted} of {summary['candidates']}",
        str(len(far)),
        *_diversity(summary),
        f"{fmean(far[:quarter]):.4f}, {fmean(far[-quarter:]):.4f}" if len(far) > 1 else f"{far[0]:.4f}",
        _slope(far),
        f"{tokens[0]:.0f}, {tokens[1]:.0f}",
        f"{sum(count * price for count, price in zip(tokens, PRICES, strict=True)) / 1000:.2f}",
    ]


def _strategy(name: str, summary: Mapping[str, Any]) -> list[str]:
    accepted, rejected = summary["accepted"], summary["rejected"]
    tokens = (summary["prompt_tokens"] or 0) + (summary["completion_tokens"] or 0)
    return [
        "tree, without a grammar" if name == "free" else name,
        f"{accepted} of {summary['candidates']}",
        str(sum(rejected.get(rule, 0) for rule in ("unparseable", "truncated"))),
        str(sum(rejected.get(rule, 0) for rule in COPIES)),
        DASH if summary["label_balance"] is None else f"{summary['label_balance']:.2f}",
        f"{tokens / accepted:.0f}" if accepted else DASH,
    ]


def firsts() -> str:
    """What grew from each of several seeds by a tree, from the recorded responses of a large LLM."""
    header = ["first example", "accepted", *DIVERSITY, "MMD² of the largest generation"]
    found = {name: each for name, each in read_results(RESULT).items() if name.startswith(_FIRST)}
    rows = [_first(name.removeprefix(_FIRST), each) for name, each in found.items()]
    return markdown(header, rows)


def _first(place: str, found: Mapping[str, Any]) -> list[str]:
    summary, largest = found["summary"], max(found["drift"]["generations"], key=lambda each: int(each["examples"]))
    return [
        f"seed {place}",
        f"{summary['accepted']} of {summary['candidates']}",
        *_diversity(summary),
        f"{largest['real']['mmd']:.4f}",
    ]


def _diversity(summary: Mapping[str, Any]) -> list[str]:
    after = summary["after"]
    figures = [f"{after[part]:.2f}" for part in ("distinct_2", "self_bleu", "distance")]
    return [*figures, f"{after['vendi']:.0f}", f"{summary['label_balance']:.2f}"]


def _slope(values: Sequence[float]) -> str:
    """By least squares over at least ten generations, with the interval of Student's t."""
    if len(values) < _LEAST:
        return DASH
    found = linregress(range(len(values)), values)
    margin = t.ppf(0.975, len(values) - 2) * found.stderr
    return f"{found.slope:+.5f} ({found.slope - margin:+.5f} to {found.slope + margin:+.5f})"


def transfer() -> str:
    """Extractors that learnt Gazette's relations, on CrossRE's labels mapped to them."""
    header = ["learnt from", "pairs", "of them stated", "micro-F1", "± random seeds", "95 % interval"]
    rows = [_transferred(name, found) for name, found in read_results(TRANSFER).items()]
    return markdown([*header, "precision", "recall"], rows)


def _transferred(name: str, found: Mapping[str, Any]) -> list[str]:
    f1 = found["micro_f1"]
    return [
        name,
        f"{found['pairs']:,}",
        f"{found['stated']:,}",
        *(in_percent(f1[part]) for part in ("mean", "std")),
        interval(f1),
        *(in_percent(found[part]) for part in ("precision", "recall")),
    ]


def question_transfer() -> str:
    """Classifiers of closed questions, on the test set of their own set and on that of another."""
    found = json.loads(QUESTION_TRANSFER.read_text(encoding="utf-8"))
    header = ["learnt from", "questions", *(f"{name}, {count:,} questions" for name, count in found["tested"].items())]
    rows = [
        [f"{source}: {data}", str(row["questions"]), *map(_accuracy, row["accuracy"].values())]
        for source, trained in found["trained"].items()
        for data, row in trained.items()
    ]
    return markdown(header, [*rows, ["majority answer", "0", *map(in_percent, found["majority"].values())]])


def _accuracy(row: Mapping[str, float]) -> str:
    return f"{in_percent(row['mean'])} ± {in_percent(row['std'])} ({interval(row)})"


def devoid() -> str:
    """What a large LLM writes where labels are shown as names that say nothing, or something else."""
    header = ["labels are shown as", "candidates", "accepted", "state their label", "95 % interval"]
    rows = [
        [
            title,
            str(found["candidates"]),
            str(found["accepted"]),
            f"{found['stated']} of {found['asked']}",
            f"{100 * found['low']:.1f} to {100 * found['high']:.1f} %",
        ]
        for title, found in read_results(DEVOID).items()
    ]
    return markdown(header, rows)
