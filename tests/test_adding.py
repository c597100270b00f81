"""docs/adding.md: each of its diffs is short, applies to the checkout, and what it adds works."""

import hashlib
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.repo import Repo

from relseed.generation.method import read_method
from relseed.generation.writing import make
from relseed.pipeline.params import Params
from relseed.records.files import write_json_lines, write_records
from relseed.tasks.relation import TASK, Example
from tests.conftest import run, set_params
from tests.graph import ROOT, covers
from tests.hostile import Behaviour, Handler, Server, chat, serving
from tests.methods import PARAMS, SCHEMA, SEEDS

TEXT = (ROOT / "docs/adding.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## An? (\w+)$(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))
KINDS = ("method", "rule", "criterion", "head", "task", "reader", "engine")
LONGEST = dict.fromkeys(KINDS, 45) | {"task": 65}  # a task has records and a prompt of its own
WITH_TEMPLATE = ("head", "task")
COPIED = ("relseed", "stages", "params.yaml", "dvc.yaml", "pyproject.toml", ".dvc/config")

SOURCES = {"labels": "data/dataset/labels.jsonl", "seeds": "data/seeds/train.jsonl"}
GENERATE = SOURCES | {"candidates": "data/candidates"}
FEW = {"per_label": 2, "negatives": [], "max_request_factor": 2, "reads": SOURCES["seeds"]}
RULES = {"language": None, "min_words": 3}
WHEAT = "Wheat prices fell again this week."


def block(kind: str, language: str) -> str:
    [found] = re.findall(rf"^```{language}\n(.*?)^```$", SECTIONS[kind], re.MULTILINE | re.DOTALL)
    return found


def touched(kind: str) -> dict[str, bool]:
    """The files of a diff, and whether each is new."""
    pairs = re.findall(r"^--- (\S+)\n\+\+\+ b/(\S+)$", block(kind, "diff"), re.MULTILINE)
    return {name: before == "/dev/null" for before, name in pairs}


@pytest.fixture
def place(tmp_path) -> Path:
    """What the diffs need of the checkout, with five seeds of each of three relations."""
    listed = run(ROOT, "git", "ls-files", "-co", "--exclude-standard", "-z", "--", *COPIED).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name)
    write_records(tmp_path / SOURCES["labels"], SCHEMA.relations)
    write_records(tmp_path / SOURCES["seeds"], SEEDS)
    return tmp_path


def add(kind: str, place: Path) -> None:
    """Apply the diff of a section."""
    run(place, "git", "init", "-q")  # or a repository around the folder would have a say
    subprocess.run(["git", "apply", "-"], cwd=place, input=block(kind, "diff"), text=True, check=True)


def stage(place: Path, name: str, options: Mapping[str, str], check: bool = True, **environment: str) -> str:
    """Run a stage by its name in the pipeline, with options of its command; what it prints."""
    words = [f"--{option}={value}" for option, value in options.items()]
    module = f"stages.{name.partition('@')[0]}"
    done = run(place, "python", "-m", module, *words, check=check, DVC_STAGE=name, **environment)
    assert check or done.returncode == 1, done.stdout
    return done.stdout if check else done.stderr


def generate(place: Path, method: str) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The candidates that a method writes, and how many were accepted, or rejected by which rule."""
    printed = stage(place, f"generate@{method}", GENERATE)
    exchanges = lines(place / f"data/candidates/{method}.jsonl")
    counts = re.findall(r"^(\w+) +(\d+) +[\d.]+%$", printed, re.MULTILINE)
    candidates = [candidate for exchange in exchanges for candidate in exchange["candidates"]]
    return candidates, {name: int(count) for name, count in counts}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def samples(make: Callable[[int, list[str]], dict[str, str]]) -> Behaviour:
    """Respond with as many samples as are asked for, each made of its number and words that no other has."""

    def respond(handler: Handler) -> None:
        schema = handler.body["response_format"]["json_schema"]["schema"]["properties"]["samples"]
        made = []
        for number in range(schema["minItems"]):
            digest = hashlib.sha256(f"{handler.prompt}/{number}".encode()).hexdigest()
            made.append(make(number, [digest[start : start + 6] for start in range(0, 30, 6)]))
        handler.send(200, chat(json.dumps({"samples": made})))

    return respond


def sentence(words: list[str], end: str = ".") -> dict[str, str]:
    head, tail, *others = words
    return {"sentence": f"<e1>{head}</e1> and <e2>{tail}</e2> {' '.join(others)}{end}"}


def ask_at(server: Server, place: Path, method: str, **changes: int) -> None:
    """Let a method ask a server for a few examples."""
    set_params(place, llms={"teacher": {"engine": "openai"}}, engines={"openai": {"url": server.url}})
    set_params(place, methods={method: FEW | changes}, rules=RULES)


def test_each_kind_of_thing_has_a_section_with_a_diff_and_a_command():
    assert tuple(SECTIONS) == KINDS
    assert all(block(kind, "diff") and "dvc repro" in block(kind, "sh") for kind in KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_diff_is_short(kind):
    held = [line for line in block(kind, "diff").splitlines() if not line.startswith(("---", "+++", "@@"))]
    assert len([line for line in held if line[1:].strip()]) <= LONGEST[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_a_diff_is_one_file_of_code_perhaps_its_template_and_parameters(kind):
    files = touched(kind)
    assert files.pop("params.yaml") is False
    assert all(files.values()) is (kind != "rule")  # which goes where the others are
    assert sorted(Path(name).suffix for name in files) == ([".jinja", ".py"] if kind in WITH_TEMPLATE else [".py"])


@pytest.mark.parametrize("kind", KINDS)
def test_the_code_of_a_diff_is_as_the_linter_wants_it(kind, place):
    add(kind, place)
    code = [name for name in touched(kind) if name.endswith(".py")]
    run(place, "ruff", "check", "--no-cache", *code)
    run(place, "ruff", "format", "--no-cache", "--check", *code)


@pytest.mark.parametrize("kind", KINDS)
def test_a_command_names_a_stage_of_the_pipeline_which_depends_on_the_code_of_the_diff(kind, place):
    add(kind, place)
    with Repo(str(place)) as repo:
        stages = {found.name: [Path(dep.fs_path) for dep in found.deps] for found in repo.index.stages}
    [target] = re.findall(r"^dvc repro (\S+)$", block(kind, "sh"), re.MULTILINE)
    assert target in stages
    depended = {path.relative_to(place).as_posix() for deps in stages.values() for path in deps if path.is_absolute()}
    new = [name for name, is_new in touched(kind).items() if is_new and not name.startswith("relseed/llm/engines/")]
    assert [name for name in new if not covers(sorted(depended), name)] == []


def test_the_new_loop_shows_the_newest_accepted_examples_after_the_seeds(place):
    add("method", place)
    with serving(samples(lambda _, words: sentence(words))) as server:
        ask_at(server, place, "newest_shown", per_label=6, newest=3)
        _, counts = generate(place, "newest_shown")
    shown = sorted(len(re.findall(r"^\d+\. ", prompt, re.MULTILINE)) for prompt in server.requests)
    assert shown == [5, 5, 8, 8]  # of two labels, four examples and then two
    assert counts == {"accepted": 12}


def test_the_entry_of_a_method_without_an_llm_makes_negatives_of_the_mentions_of_seeds():
    [name] = entries = yaml.safe_load(block("method", "yaml"))
    text = SEEDS[0].text
    names = ("Marit", "Sula", "ever")
    spans = [{"start": text.index(name), "end": text.index(name) + len(name)} for name in names]
    seed = Example.model_validate(SEEDS[0].model_dump() | {"mentions": spans, "related": [[0, 1]]})
    method = read_method(Params(PARAMS | {"methods": entries}), name, TASK, SCHEMA, [seed])
    [exchange] = make(method).exchanges
    assert len(exchange.candidates) == 4  # two pairs that nobody said to be related, in both directions


def test_the_new_rule_rejects_a_text_that_does_not_end_as_a_sentence_does(place):
    add("rule", place)
    with serving(samples(lambda number, words: sentence(words, end="." if number else ""))) as server:
        ask_at(server, place, "all_at_once")
        _, counts = generate(place, "all_at_once")
    assert counts == {"unfinished": 6, "accepted": 2}  # of two labels the second of two, and neither of two more


def test_the_new_criterion_gives_a_copy_of_a_seed_nothing_and_a_new_text_more(place):
    add("criterion", place)
    copy, new = (
        SEEDS[0].model_copy(update={"id": f"tuned/owns/0/{number}", "method": "tuned"} | changes)
        for number, changes in enumerate([{}, {"text": "Marit sold Sula"}])
    )
    new = new.model_copy(update={"tail": new.tail.model_copy(update={"start": 11, "end": 15})})
    write_records(place / "data/accepted/tuned.jsonl", [copy, new])
    stage(place, "score@novelty", SOURCES | {"accepted": "data/accepted", "scores": "data/scores"})
    first, second = lines(place / "data/scores/novelty.jsonl")
    assert (first["score"], first["note"]) == (0, f"most like {SEEDS[0].id}")
    assert 0.2 < second["score"] <= 1


def train(place: Path, system: str, encoder: Path, warm: dict[str, str], **changes: str) -> None:
    """Train an extractor for two steps, chosen on its seeds."""
    shutil.copy(place / SOURCES["seeds"], place / "data/seeds/validation.jsonl")
    short = {"max_steps": 2, "eval_steps": 2, "batch_size": 4, "seeds": [1], "max_length": 32}
    entry = {"encoder": str(encoder), "train": SOURCES["seeds"]} | changes
    set_params(place, systems={system: entry}, finetune=short)
    paths = {"validation": "data/seeds/validation.jsonl", "extractors": "models/extractor"}
    stage(place, f"finetune@{system}", {"labels": SOURCES["labels"]} | paths, **warm)


def test_the_new_head_trains_and_labels_texts_that_are_short_or_too_long(place, tiny_encoder, warm):
    add("head", place)
    train(place, "cloze", tiny_encoder, warm)
    texts = ["<e1>Ada</e1> owns <e2>Isa</e2>.", f"<e1>Ada</e1> owns {'the old boat ' * 40} <e2>Isa</e2>."]
    labelled = run(place, "python", "-m", "relseed.cli", "predict", "--threshold", "0", *texts, **warm).stdout
    assert len(re.findall(r"^(owns|rows_to|none)  Ada -> Isa$", labelled, re.MULTILINE)) == 2
    assert "mask of a prompt" in (place / "models/extractor/cloze/seed-1/README.md").read_text(encoding="utf-8")


def topics(place: Path) -> Path:
    """A folder of texts of two topics, as the new task has them."""
    folder = place / "data/topics"
    labels = ("sport", "farming")
    write_json_lines(folder / "labels.jsonl", [{"label": label, "definition": f"about {label}"} for label in labels])
    for split in ("train", "validation", "test"):
        ids = [f"{split}-{number}" for number in range(6)]
        examples = [{"id": id, "text": f"{WHEAT} {id}", "label": labels[int(id[-1]) % 2]} for id in ids]
        write_json_lines(folder / f"{split}.jsonl", examples)
    return folder


def test_examples_of_the_new_task_are_read_drawn_and_written(place):
    add("task", place)
    shutil.rmtree(place / "data")
    topics(place)
    set_params(place, sample={"shots": 2})
    stage(place, "ingest", {"dataset": "data/dataset"})
    stage(place, "sample", {"dataset": "data/dataset", "seeds": "data/seeds"})
    with serving(samples(lambda _, words: {"text": " ".join(words)})) as server:
        ask_at(server, place, "all_at_once")
        candidates, counts = generate(place, "all_at_once")
    assert [candidate["label"] for candidate in candidates] == ["sport"] * 2 + ["farming"] * 2
    assert counts == {"accepted": 4}
    assert all(re.search("^Texts of the topic (sport|farming):$", prompt, re.M) for prompt in server.requests)


def test_an_extractor_of_the_new_task_trains_and_labels_texts(place, tiny_encoder, warm):
    add("task", place)
    for name, source in zip(("labels", "train"), SOURCES.values(), strict=True):
        shutil.copy(topics(place) / f"{name}.jsonl", place / source)
    train(place, "gold", tiny_encoder, warm, head="first_token")
    labelled = run(place, "python", "-m", "relseed.cli", "predict", WHEAT, **warm).stdout
    assert re.match(rf"(sport|farming)  {WHEAT}\n", labelled)


def test_the_new_reader_reads_lines_and_says_which_hold_no_example(place):
    add("reader", place)
    shutil.rmtree(place / "data/dataset")
    write_records(place / "data/mine/relations.jsonl", SCHEMA.relations)
    good, bad = "owns\t<e1>Ada</e1>, once more, owns <e2>Isa</e2>\n", "rows_to\t<e1>Ada</e1> rows\n"
    for split in ("train", "validation", "test"):
        (place / f"data/mine/{split}.txt").write_text(good + bad * 2 if split == "test" else good, encoding="utf-8")
    problem = stage(place, "ingest", {"dataset": "data/dataset"}, check=False)
    assert re.findall(r"data/mine/test\.txt:(\d): no <e2>", problem) == ["2", "3"]
    shutil.copy(place / "data/mine/train.txt", place / "data/mine/test.txt")
    stage(place, "ingest", {"dataset": "data/dataset"})
    [example] = lines(place / "data/dataset/train.jsonl")
    assert example["text"] == "Ada, once more, owns Isa"
    assert (example["id"], example["relation"], example["tail"]) == ("train-1", "owns", {"start": 21, "end": 24})


RESPONDS = """
import hashlib, json, sys
words = hashlib.sha256(sys.stdin.buffer.read()).hexdigest()
halves = words[:32], words[32:]
texts = [f"<e1>{half[:8]}</e1> and <e2>{half[8:16]}</e2> {half[16:24]} {half[24:]}." for half in halves]
print(json.dumps({"samples": [{"sentence": text} for text in texts]}))
"""


def let_respond(program: str, place: Path) -> None:
    """Make a Python program the LLM, by the new engine."""
    (place / "respond.py").write_text(program, encoding="utf-8")
    command = shlex.join([sys.executable, "respond.py"])
    set_params(place, llms={"teacher": {"model": command}}, methods={"all_at_once": FEW}, rules=RULES)


def test_the_new_engine_has_a_program_respond(place):
    add("engine", place)
    let_respond(RESPONDS, place)
    candidates, counts = generate(place, "all_at_once")
    assert [candidate["label"] for candidate in candidates] == ["owns"] * 2 + ["rows_to"] * 2
    assert counts == {"accepted": 4}


def test_the_new_engine_says_why_a_program_failed(place):
    add("engine", place)
    let_respond("raise SystemExit('out of ink')", place)
    problem = stage(place, "generate@all_at_once", GENERATE, check=False)
    assert "program_failed: out of ink" in problem
