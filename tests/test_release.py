"""Data sets to give away: splits without a common pair of entities, and a card that says what is in them."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml
from datasets import load_dataset
from hypothesis import given
from hypothesis import strategies as st

from relseed.datasets import folder
from relseed.records.files import md5_of, write_records
from relseed.records.scores import BLEND, RankedExample
from relseed.release.split import SPLITS, Release, pair_of, split_pairs
from relseed.tasks.relation import TASK
from relseed.tasks.relation.tags import untag
from stages import release
from tests.graph import PARAMS
from tests.small_lm import LABELS, SCHEMA, inside

SETTINGS = {"reads": "ranked/crew.jsonl", "top": 1, "validation": 0.2, "test": 0.2, "seed": 1, "licence": "CC BY 4.0"}
RELATION = SCHEMA.relations[0]


def settings(**changes: object) -> Release:
    return Release.model_validate(SETTINGS | changes)


# Splits

PAIRS = st.lists(st.tuples(st.sampled_from("rst"), st.integers(0, 30).map(str)), max_size=60)


@given(pairs=PAIRS, seed=st.integers(0, 5))
def test_every_pair_is_in_one_split_whatever_relations_it_stands_in(pairs, seed):
    splits = split_pairs(pairs, settings(seed=seed))
    assert set(splits) == {pair for _, pair in pairs}
    assert set(splits.values()) <= set(SPLITS)


@given(pairs=PAIRS)
def test_splits_do_not_depend_on_how_often_a_pair_comes(pairs):
    assert split_pairs(pairs, settings()) == split_pairs(pairs + pairs, settings())


def test_each_relation_has_its_share_in_each_split():
    pairs = [(relation, f"{relation}{number}") for relation in "rs" for number in range(10)]
    found = split_pairs(pairs, settings())
    for relation in "rs":
        assert Counter(found[pair] for of, pair in pairs if of == relation) == {"train": 6, "validation": 2, "test": 2}


def test_another_seed_takes_other_pairs():
    pairs = [("r", str(number)) for number in range(50)]
    assert split_pairs(pairs, settings(seed=1)) != split_pairs(pairs, settings(seed=2))


def test_a_pair_is_the_same_whichever_name_is_the_head():
    one, other = (untag(text).model_dump() for text in ("<e1>Ada</e1> met <e2>Bo</e2>.", "<e2>Ada</e2>, <e1>BO</e1>"))
    assert pair_of(one) == pair_of(other)


def test_splits_that_take_everything_are_an_error():
    with pytest.raises(ValueError, match="validation and test take all"):
        settings(validation=0.5, test=0.5)


# The stage


def ranked(number: int, rank: int | None, method: str = "template") -> RankedExample:
    sentence = untag(f"In May <e1>Sula {number}</e1> was begun by <e2>Ada {number}</e2>, who had a barn.")
    fields = sentence.model_dump(exclude_unset=True)
    fields["head"]["type"], fields["tail"]["type"] = RELATION.head_type, RELATION.tail_type
    id = f"{method}/{RELATION.relation}/0/{number}"
    example = {"id": id, **fields, "relation": RELATION.relation, "method": method, "tuple": str(number)}
    return RankedExample(tuple=str(number), rank=rank, index=rank and 1 / rank, scores={}, example=example)


@pytest.fixture
def made(tmp_path) -> Path:
    """The release `crew`, of twenty tuples with two candidates each, and of blends of two more."""
    params = PARAMS | {"releases": {"crew": SETTINGS}, "rankings": {"crew": {"blend": {"llm": "teacher"}}}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    lines = [each for number in range(20) for each in (ranked(number, 1), ranked(number, 2, "reasoned"))]
    lines += [ranked(20, 1, BLEND), ranked(21, None, BLEND)]
    write_records(tmp_path / "ranked/crew.jsonl", lines)
    with inside(tmp_path):
        release.main("crew", labels=LABELS, releases=Path("releases"))
    return tmp_path / "releases/crew"


def lines_of(made: Path, split: str) -> list[dict]:
    return [json.loads(line) for line in (made / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()]


def test_only_the_best_about_each_tuple_are_given_away(made):
    found = [line for split in SPLITS for line in lines_of(made, split)]
    assert sorted(int(line["tuple"]) for line in found) == list(range(21))
    assert Counter(line["written_by"] for line in found) == {"template": 20, BLEND: 1}


def test_it_loads_with_the_library_datasets_as_the_card_says(made):
    found = load_dataset(str(made), cache_dir=str(made.parent / "cache"))
    assert {split: len(found[split]) for split in SPLITS} == {"train": 13, "validation": 4, "test": 4}
    example = found["test"][0]
    head = example["text"][example["head"]["start"] : example["head"]["end"]]
    assert head.startswith("Sula ")


def test_it_is_data_that_the_pipeline_itself_reads(made):
    found = folder.read(made, task=TASK, domain=None)
    assert {split: len(examples) for split, examples in found.splits.items()} == {
        "train": 13,
        "validation": 4,
        "test": 4,
    }


def test_the_card_has_the_counts_the_hashes_and_says_who_wrote(made):
    card = (made / "README.md").read_text(encoding="utf-8")
    [config] = yaml.safe_load(card.split("---")[1])["configs"]
    assert config["data_files"][2] == {"split": "test", "path": "test.jsonl"}
    assert f"`{md5_of(made / 'test.jsonl')}`" in card
    assert re.search(rf"\| `{RELATION.relation}` \| 13 \| 4 \| 4 \|", card)
    assert "| `blend` | claude |" in card
    assert "no human has labelled them" in card
    assert re.search(r"0.9 to 1.0 +21 █+", card)
