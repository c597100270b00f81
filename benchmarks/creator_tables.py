"""The tables of docs/papers/data_creators.md: classifiers that learnt from what grew of one example, and what grew."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.results import read_results
from benchmarks.strategies import RESULT
from benchmarks.study import FOLDER
from benchmarks.tables import DASH, apart, in_percent, interval, markdown
from benchmarks.transfer import RESULT as TRANSFER
from relseed.quality.rules import COPIES

DEVOID = Path("benchmarks/devoid.json")


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
    rows = [_strategy(name, found["summary"]) for name, found in read_results(RESULT).items()]
    return markdown(header, rows)


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
