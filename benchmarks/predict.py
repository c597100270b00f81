"""`relseed predict` beside a hand-written loop over transformers: sentences per second from file to file.

    python -m benchmarks.predict    # after `dvc repro`, or with --extractor FOLDER

Both read the same JSON Lines file, mark the mentions, tokenize, run the same weights in batches of 64 sentences sorted
by length, in bf16 where the hardware has it, and write the labels with all probabilities. They take turns, so that what
else the machine does hits both; a few sentences of each go before, uncounted. Sentences are Gazette's, on every round
through them with more words of another one behind.
"""

import json
import platform
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer
from typer import run

from relseed.classifier.labelling import open_extractor
from relseed.classifier.predict import label_file
from relseed.tasks.relation import TASK
from relseed.tasks.task import SPLITS, read_examples, read_schema
from relseed.training.device import device, has_bf16

GAZETTE, RESULT = Path("data/gazette"), Path("benchmarks/predict.json")
BATCH_SIZE, WARMUP = 64, 256  # sentences
LONGER = 8  # words, on every round through the sentences
CLOCKS = {"seconds": time.perf_counter, "cpu_seconds": time.process_time}  # the second where others share the machine

Predict = Callable[[Path, Path], None]


def main(extractor: Path = Path("models/extractor/unleash/seed-1"), sentences: int = 5000, rounds: int = 2) -> None:
    """Measure, compare the labels, print and write."""
    opened = open_extractor(extractor)
    predicts: dict[str, Predict] = {
        "plain": Plain(extractor).label_file,
        "ours": lambda source, target: label_file(opened, source, target, {}),
    }
    with tempfile.TemporaryDirectory() as folder:
        few, many = (write_sentences(Path(folder) / f"{count}.jsonl", count) for count in (WARMUP, sentences))
        take_turns(predicts, few, rounds=1)
        runs = take_turns(predicts, many, rounds)
        same = agreement(*(target_of(many, name) for name in predicts))
    per_second = {name: [sentences / run["seconds"] for run in each] for name, each in runs.items()}
    result = {
        "sentences_per_second": {name: fmean(each) for name, each in per_second.items()},
        "ours_per_plain": {clock: total(runs["plain"], clock) / total(runs["ours"], clock) for clock in CLOCKS},
        "same_labels": same,
        "rounds": runs,
        "command": f"python -m benchmarks.predict --sentences {sentences} --rounds {rounds}",
        "machine": machine(),
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


def write_sentences(path: Path, count: int) -> Path:
    """Write Gazette's sentences as lines without labels, with more words of another one on every round through them."""
    schema = read_schema(GAZETTE / "relations.jsonl", TASK)
    every = [example for split in SPLITS for example in read_examples(GAZETTE / f"{split}.jsonl", TASK, schema)]
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            example, turn = every[number % len(every)], number // len(every)
            words = every[-1 - number % len(every)].text.split()[: LONGER * turn]
            mentions = {role: getattr(example, role).model_dump() for role in ("head", "tail")}
            line = {"id": str(number), "text": " ".join([example.text, *words]), **mentions}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    return path


def take_turns(predicts: Mapping[str, Predict], source: Path, rounds: int) -> dict[str, list[dict[str, float]]]:
    """What each round of each took, by both clocks."""
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in predicts}
    for _ in range(rounds):
        for name, predict in predicts.items():
            before = [clock() for clock in CLOCKS.values()]
            predict(source, target_of(source, name))
            after = [clock() for clock in CLOCKS.values()]
            runs[name].append(dict(zip(CLOCKS, np.subtract(after, before).tolist(), strict=True)))
    return runs


def total(runs: Sequence[Mapping[str, float]], clock: str) -> float:
    """What all rounds took together."""
    return sum(run[clock] for run in runs)


def target_of(source: Path, name: str) -> Path:
    """Where the labelled lines of a source go."""
    return source.with_suffix(f".{name}.jsonl")


def agreement(first: Path, second: Path) -> float:
    """The share of lines with the same label in both files."""
    labels = [[json.loads(line)["predicted"] for line in path.open(encoding="utf-8")] for path in (first, second)]
    return fmean(one == other for one, other in zip(*labels, strict=True))


class Plain:
    """What one writes by hand for an extractor under typed entity markers and the loss softmax."""

    def __init__(self, folder: Path) -> None:
        self.device = device()
        self.encoder = AutoModel.from_pretrained(folder, trust_remote_code=False).to(self.device).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        self.head = {name: weight.to(self.device) for name, weight in load_file(folder / "head.safetensors").items()}
        lines = (folder / "labels.jsonl").read_text(encoding="utf-8").splitlines()
        self.labels = [json.loads(line)["relation"] for line in lines]
        self.negative = [json.loads(line).get("negative") for line in lines].index(True)
        config = json.loads((folder / "extractor.json").read_text(encoding="utf-8"))
        self.typed, self.max_length = config["options"]["typed"], config["max_length"]
        self.temperature, self.bias, self.threshold = (
            config["decision"][name] for name in ("temperature", "bias", "threshold")
        )

    @torch.no_grad()
    def label_file(self, source: Path, target: Path) -> None:
        """Label every line."""
        items = [json.loads(line) for line in source.open(encoding="utf-8")]
        marked = [self._mark(item) for item in items]
        batch = self.tokenizer([text for text, _ in marked], truncation=True, max_length=self.max_length)
        order = iter(sorted(range(len(items)), key=lambda at: len(batch["input_ids"][at])))
        while chosen := list(islice(order, BATCH_SIZE)):
            for at, row in zip(chosen, self._probabilities(batch, marked, chosen).tolist(), strict=True):
                sure = max(row) >= self.threshold
                items[at]["predicted"] = self.labels[row.index(max(row)) if sure else self.negative]
                items[at]["probabilities"] = dict(zip(self.labels, row, strict=True))
        with target.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(item, ensure_ascii=False) + "\n" for item in items)

    def _probabilities(self, batch: Any, marked: list[tuple[str, list[int]]], chosen: list[int]) -> torch.Tensor:
        inputs = self.tokenizer.pad({"input_ids": [batch["input_ids"][at] for at in chosen]}, return_tensors="pt")
        positions = torch.tensor([[batch.char_to_token(at, place) for place in marked[at][1]] for at in chosen])
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=has_bf16(self.device)):
            states = self.encoder(**inputs.to(self.device)).last_hidden_state
            read = states[torch.arange(len(chosen)).unsqueeze(1), positions].flatten(1)
            hidden = torch.nn.functional.linear(read, self.head["0.weight"], self.head["0.bias"]).relu()
            logits = torch.nn.functional.linear(hidden, self.head["3.weight"], self.head["3.bias"])
        scaled = logits.float() / self.temperature
        scaled[:, self.negative] += self.bias
        return scaled.softmax(-1).cpu()

    def _mark(self, item: dict[str, Any]) -> tuple[str, list[int]]:
        """The text with markers, and the characters at which those of head and tail begin."""
        text, places = str(item["text"]), dict.fromkeys(("head", "tail"), 0)
        marks = [("head", "@", "*"), ("tail", "#", "^")]
        for role, outer, inner in sorted(marks, key=lambda mark: -item[mark[0]]["start"]):
            start, end = item[role]["start"], item[role]["end"]
            kind = (item[role]["type"] or "").replace("_", " ").lower()
            typed = f"{inner} {kind} {inner} " if self.typed and kind else ""
            blanks = [" " * (start > 0 and text[start - 1] != " "), " " * (text[end : end + 1] not in ("", " "))]
            piece = f"{blanks[0]}{outer} {typed}{text[start:end]} {outer}{blanks[1]}"
            shift = len(piece) - (end - start)
            places = {other: place + shift for other, place in places.items()} | {role: start + len(blanks[0])}
            text = text[:start] + piece + text[end:]
        return text, [places["head"], places["tail"]]


def machine() -> str:
    """What it was measured on."""
    bf16 = "with bf16" if has_bf16(device()) else "without bf16"
    return f"{device().type} {platform.machine()} {bf16}, {torch.get_num_threads()} threads, torch {torch.__version__}"


if __name__ == "__main__":
    run(main)
