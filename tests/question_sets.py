"""Made-up records of question answering sets: five of each as published, and two of each task as cut."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from relseed.datasets.dataset import Dataset, read_dataset
from relseed.records.files import DataError
from relseed.tasks.task import load_task

BOOLQ = [
    {
        "question": "is the kiln at tolne still lit",
        "title": "Tolne",
        "passage": "Tolne's kiln went cold.",
        "answer": False,
    },
    {"question": "do eels cross the weir", "title": "Weir", "passage": "Eels climb the weir at night.", "answer": True},
    {"question": "was the sula built of oak", "title": "Sula (boat)", "passage": "Sula is of larch.", "answer": False},
    {"question": "has the mill two wheels", "title": "Mill", "passage": "A second wheel came later.", "answer": True},
    {"question": "can the ferry turn", "title": "Ferry", "passage": "The ferry goes both ways.", "answer": False},
]
CREAK = [
    {"ex_id": "train_0", "sentence": "A ladle holds less than a barrel.", "label": "true", "entity": "Ladle"},
    {"ex_id": "train_1", "sentence": "Ropes are made of glass.", "label": "false", "entity": "Rope"},
    {"ex_id": "train_2", "sentence": "An oar can float.", "label": "true", "entity": "Oar"},
    {"ex_id": "train_3", "sentence": "A lighthouse is lit at noon only.", "label": "false", "entity": "Lighthouse"},
    {"ex_id": "dev_0", "sentence": "Moss grows on roofs.", "label": "true", "entity": "Moss"},
]
CREAK = [{**line, "explanation": "Anyone can see it.", "en_wiki_pageid": "1"} for line in CREAK]
STRATEGYQA = [
    {"qid": "a1", "term": "Ladder", "question": "Would a ladder fit into a matchbox?", "answer": False},
    {"qid": "a2", "term": "Goose", "question": "Could a goose outlive a mayfly?", "answer": True},
    {"qid": "a3", "term": "Soup", "question": "Can soup be eaten with a fork alone?", "answer": False},
    {"qid": "a4", "term": "Bell", "question": "Would a bell be heard under water?", "answer": True},
    {"qid": "b1", "term": "Kite", "question": "Is a kite of use in a mine?", "answer": False},
]
STRATEGYQA = [
    {
        **record,
        "description": "a thing",
        "facts": ["It has a size."],
        "decomposition": ["How big is it?"],
        "evidence": [],
    }
    for record in STRATEGYQA
]
PUBMEDQA = {
    "101": {
        "QUESTION": "Does humming help sleep?",
        "CONTEXTS": ["Nine hummed.", "All slept."],
        "final_decision": "yes",
    },
    "102": {"QUESTION": "Do wet socks cause colds?", "CONTEXTS": ["Ten wore them."], "final_decision": "no"},
    "103": {"QUESTION": "Is porridge filling?", "CONTEXTS": ["Six ate it."], "final_decision": "yes"},
    "104": {"QUESTION": "Do hats prevent baldness?", "CONTEXTS": ["Two had hats."], "final_decision": "maybe"},
    "105": {"QUESTION": "Does chalk dust harm?", "CONTEXTS": ["A class was asked."], "final_decision": "no"},
}

PIQA = [
    {"goal": "dry a wet boot", "sol1": "Fill it with paper.", "sol2": "Fill it with soup."},
    {"goal": "keep a door open", "sol1": "Put a feather there.", "sol2": "Put a wedge there."},
    {"goal": "find a lost key", "sol1": "Look where you were last.", "sol2": "Look into the sun."},
    {"goal": "carry eggs", "sol1": "Throw them ahead of you.", "sol2": "Use a basket."},
    {"goal": "quiet a hinge", "sol1": "Oil it.", "sol2": "Paint it."},
]
WINOGRANDE = [
    {"qID": "A-1", "sentence": "Ines fed Olav as _ had bread.", "option1": "Ines", "option2": "Olav"},
    {"qID": "A-2", "sentence": "Ines fed Olav as _ had none.", "option1": "Ines", "option2": "Olav", "answer": "2"},
    {"qID": "B-1", "sentence": "The net tore on the hook; the _ was sharp.", "option1": "hook", "option2": "net"},
    {"qID": "B-2", "sentence": "The net tore on the hook; the _ was old.", "option1": "net", "option2": "hook"},
    {"qID": "C-1", "sentence": "The lid fell into the jar: the _ was wide.", "option1": "jar", "option2": "lid"},
]
WINOGRANDE = [{"answer": "1", **line} for line in WINOGRANDE]


def chosen(name: str, stem: str, key: str, *options: str, **concept: str) -> dict[str, Any]:
    """A line of CommonsenseQA, or of RiddleSense, which names no concept."""
    choices = [{"label": label, "text": text} for label, text in zip("ABCDE", options, strict=True)]
    return {"answerKey": key, "id": name, "question": {**concept, "choices": choices, "stem": stem}}


COMMONSENSEQA = [
    chosen("c1", "Where is a rudder?", "B", "attic", "stern", "oven", "hat", "well", question_concept="rudder"),
    chosen("c2", "What does yeast do?", "E", "sing", "rust", "fade", "swim", "rise", question_concept="yeast"),
    chosen("c3", "Who mends a roof?", "A", "thatcher", "baker", "tailor", "singer", "nurse", question_concept="roof"),
    chosen("c4", "What holds a tent?", "C", "jam", "ink", "peg", "fog", "song", question_concept="tent"),
    chosen("d1", "What is a sieve for?", "D", "ice", "wool", "sound", "flour", "wind", question_concept="sieve"),
]
RIDDLESENSE = [
    chosen("r1", "I have teeth and bite nothing.", "A", "comb", "wolf", "door", "moon", "river"),
    chosen("r2", "I run and have no feet.", "E", "chair", "stone", "bread", "cow", "brook"),
    chosen("r3", "I have a face and no nose.", "B", "pig", "clock", "tree", "cup", "rain"),
    chosen("r4", "I am wet while I dry.", "C", "salt", "lamp", "towel", "road", "bird"),
    chosen("r5", "I have an eye and see nothing.", "D", "hawk", "owl", "boy", "needle", "king"),
]

# The files of each set, four records of the five to train on.
FILES: dict[str, dict[str, Any]] = {
    "boolq": {"train.jsonl": BOOLQ[:4], "dev.jsonl": BOOLQ[4:]},
    "creak": {"train.json": CREAK[:4], "dev.json": CREAK[4:]},
    "strategyqa": {"train.json": STRATEGYQA[:4], "dev.json": STRATEGYQA[4:]},
    "pubmedqa": {"ori_pqal.json": PUBMEDQA, "test_ground_truth.json": {"104": "maybe", "105": "no"}},
    "piqa": {
        "train.jsonl": PIQA[:4],
        "train-labels.lst": [0, 1, 0, 1],
        "valid.jsonl": PIQA[4:],
        "valid-labels.lst": [0],
    },
    "winogrande": {"train_xs.jsonl": WINOGRANDE[:4], "dev.jsonl": WINOGRANDE[4:]},
    "commonsenseqa": {"train_rand_split.jsonl": COMMONSENSEQA[:4], "dev_rand_split.jsonl": COMMONSENSEQA[4:]},
    "riddlesense": {"rs_train.jsonl": RIDDLESENSE[:4], "rs_dev.jsonl": RIDDLESENSE[4:]},
}
YES_NO = ("boolq", "creak", "strategyqa", "pubmedqa")
TASKS = {form: "yes_no" if form in YES_NO else "multiple_choice" for form in FILES}
WHOLE = ("strategyqa", "pubmedqa")  # their files are one JSON value each, those of others have one a line

# Lines as Lee et al. 2023 write them, of each task.
CUT: dict[str, list[dict[str, Any]]] = {
    "yes_no": [
        {"question": "is tin a metal", "context": None, "options": ["True", "False"], "label": True},
        {"question": "is fog dry", "context": "Fog is wet.", "options": ["True", "False"], "label": False},
    ],
    "multiple_choice": [
        {"question": "What is tin?", "context": None, "options": ["a metal", "a fruit"], "label": "a metal"},
        {"question": "How is fog?", "context": "Fog is wet.", "options": ["dry", "wet"], "label": "wet"},
    ],
}


def write(folder: Path, form: str, **changed: Any) -> Path:
    """Put a set into a folder as published, with other content in some of its files."""
    for name, content in {**FILES[form], **changed}.items():
        text = content if isinstance(content, str) else json.dumps(content) if form in WHOLE else lines(content)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def write_cut(folder: Path, form: str, **changed: Any) -> Path:
    """Two lines to train on, and one for each of the other splits, as Lee et al. 2023 write them."""
    cut = CUT[TASKS[form]]
    for name, content in {"train": cut, "dev": cut[:1], "test": cut[1:], **changed}.items():
        text = content if isinstance(content, str) else lines(content)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return folder


def lines(content: Sequence[Any]) -> str:
    return "".join(f"{json.dumps(line)}\n" for line in content)


def read(folder: Path, form: str) -> Dataset:
    return read_dataset(folder, format=form, task=load_task(TASKS[form]), domain=None)


def ids(folder: Path, form: str) -> dict[str, list[str]]:
    return {split: [example.id for example in examples] for split, examples in read(folder, form).splits.items()}


def example(folder: Path, form: str, name: str) -> dict[str, Any]:
    """The fields of the example of an id."""
    examples = [one for examples in read(folder, form).splits.values() for one in examples]
    [found] = [one for one in examples if one.id == name]
    fields: dict[str, Any] = found.model_dump(exclude_unset=True)
    return fields


def problem(folder: Path, form: str) -> str:
    with pytest.raises(DataError) as caught:
        read(folder, form)
    return str(caught.value)
