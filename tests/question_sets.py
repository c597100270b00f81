"""Five made-up records of each question answering set in the form in which its publishers wrote it."""

import json
from pathlib import Path
from typing import Any

from relseed.datasets.dataset import Dataset, read_dataset
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

# The files of each set, four records of the five to train on.
FILES: dict[str, dict[str, Any]] = {
    "boolq": {"train.jsonl": BOOLQ[:4], "dev.jsonl": BOOLQ[4:]},
    "creak": {"train.json": CREAK[:4], "dev.json": CREAK[4:]},
    "strategyqa": {"train.json": STRATEGYQA[:4], "dev.json": STRATEGYQA[4:]},
    "pubmedqa": {"ori_pqal.json": PUBMEDQA, "test_ground_truth.json": {"104": "maybe", "105": "no"}},
}
TASKS = dict.fromkeys(FILES, "yes_no")
WHOLE = ("strategyqa", "pubmedqa")  # their files are one JSON value each, those of others have one a line


def write(folder: Path, form: str, **changed: Any) -> Path:
    """Put a set into a folder, with other content in some of its files."""
    for name, content in {**FILES[form], **changed}.items():
        lines = json.dumps(content) if form in WHOLE else "".join(f"{json.dumps(line)}\n" for line in content)
        (folder / name).write_text(content if isinstance(content, str) else lines, encoding="utf-8")
    return folder


def read(folder: Path, form: str) -> Dataset:
    return read_dataset(folder, format=form, task=load_task(TASKS[form]), domain=None)
