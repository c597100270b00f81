"""CrossRE: several labels per pair, pairs without a label, and the way back to the published relations."""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relseed.datasets import crossre
from relseed.datasets.dataset import Dataset
from relseed.datasets.findings import findings
from relseed.pipeline.errors import UserError
from relseed.records.files import DataError
from relseed.tasks.relation import TASK, Example, Schema
from relseed.tasks.relation.derived import other_pairs
from relseed.tasks.relation.tags import untag
from relseed.tasks.task import read_schema
from tests.graph import ROOT
from tests.strategies import tokens as any_token
from tests.tokens import tokens_and_spans

SCHEMA: Schema = read_schema(Path(crossre.__file__).parent / "relations.jsonl", TASK)
PUBLISHED = ROOT.parent / "shared/data/crossre/crossre_data"

SENTENCE = {
    "doc_key": "boats-1",
    "sentence": ["Marit", "Lund", "built", "the", "Sula", "in", "Bodø", "."],
    "ner": [[0, 1, "person"], [4, 4, "product"], [6, 6, "location"]],
    "relations": [
        [4, 4, 0, 1, "artifact", "", False, False],
        [4, 4, 0, 1, "origin", "her own design", True, False],
    ],
}
BARE = {"doc_key": "boats-2", "sentence": ["No", "boats", "."], "ner": [], "relations": []}


def read_file(path: Path, counts: Counter[str]) -> list[Example]:
    return [found.example for found in crossre.read_file(path, SCHEMA, counts)]


def file(folder: Path, *sentences: Any) -> Path:
    path = folder / "news-train.json"
    path.write_text("".join(json.dumps(sentence) + "\n" for sentence in sentences), encoding="utf-8")
    return path


def read(folder: Path, domain: str) -> Dataset:
    return crossre.read(folder, task=TASK, domain=domain)


def published_relations(path: Path) -> dict[str, list[list[Any]]]:
    """The relations of each sentence, those of overlapping mentions left out."""
    sentences = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {
        sentence["doc_key"]: [
            relation for relation in sentence["relations"] if relation[1] < relation[2] or relation[3] < relation[0]
        ]
        for sentence in sentences
    }


def relations_of(examples: Sequence[Example]) -> dict[str, list[list[Any]]]:
    """The relations of each sentence as they were published, those of overlapping mentions aside."""
    relations: defaultdict[str, list[list[Any]]] = defaultdict(list)
    for example in examples:
        found = relations[example.id.rpartition("/")[0]]
        if example.relation != SCHEMA.negative:
            _, head, tail = tokens_and_spans(example)
            found.append([*head, *tail, example.relation, *remarks(example).values()])
    return dict(relations)


def remarks(example: Example) -> dict[str, Any]:
    """What the annotators noted."""
    extra = example.model_extra or {}
    return {name: extra[name] for name in ("explanation", "uncertain", "syntax_ambiguity") if name in extra}


def mention_texts(example: Example) -> tuple[str, str]:
    return example.head.text_of(example.text), example.tail.text_of(example.text)


def test_each_label_becomes_an_example_and_each_unlabelled_pair_one_negative(tmp_path: Path) -> None:
    examples = read_file(file(tmp_path, BARE, SENTENCE), Counter())
    found = [(example.id, *mention_texts(example), example.relation) for example in examples]
    assert found == [
        ("boats-1/0", "Sula", "Marit Lund", "artifact"),
        ("boats-1/1", "Sula", "Marit Lund", "origin"),
        ("boats-1/2", "Marit Lund", "Bodø", "no_relation"),
        ("boats-1/3", "Sula", "Bodø", "no_relation"),
    ]
    assert (examples[0].head.type, examples[0].tail.type) == ("product", "person")
    assert remarks(examples[1]) == {"explanation": "her own design", "uncertain": True, "syntax_ambiguity": False}


def test_each_example_has_all_mentions_of_its_sentence_and_the_pairs_of_them_that_have_a_label(tmp_path: Path) -> None:
    for example in read_file(file(tmp_path, SENTENCE), Counter()):
        extra = example.model_extra or {}
        words = [example.text[mention["start"] : mention["end"]] for mention in extra["mentions"]]
        assert words == ["Marit Lund", "Sula", "Bodø"]
        assert [mention["type"] for mention in extra["mentions"]] == ["person", "product", "location"]
        assert extra["related"] == [[1, 0]]  # once, though with two labels


def test_the_pairs_without_a_label_become_negatives_in_both_directions(tmp_path: Path) -> None:
    seeds = [example for example in read_file(file(tmp_path, SENTENCE), Counter()) if example.relation == "artifact"]
    found = [untag(derived.text) for derived in other_pairs(SCHEMA, seeds)]
    texts = [(found.head.text_of(found.text), found.tail.text_of(found.text)) for found in found]
    assert texts == [("Marit Lund", "Bodø"), ("Sula", "Bodø"), ("Bodø", "Marit Lund"), ("Bodø", "Sula")]


def test_all_lines_that_do_not_fit_are_named_at_once(tmp_path: Path) -> None:
    path = file(tmp_path, {**SENTENCE, "ner": [[0, 9, "person"]]}, SENTENCE, {"doc_key": "boats-3"})
    with pytest.raises(DataError) as caught:
        crossre.read_file(path, SCHEMA, Counter())
    assert [line.partition(": ")[0] for line in str(caught.value).splitlines()] == [f"{path}:1", f"{path}:3"]


def test_pairs_with_several_labels_are_a_note_and_no_error(tmp_path: Path) -> None:
    for split in ("train", "dev", "test"):
        file(tmp_path, SENTENCE).rename(tmp_path / f"music-{split}.json")
    several = [finding for finding in findings(read(tmp_path, "music")) if "different labels" in finding.what]
    assert [finding.what.partition(":")[0] for finding in several] == [
        f"1 pair with different labels in {split}" for split in ("train", "validation", "test")
    ]
    assert not [finding for finding in several if finding.is_error]


def test_overlapping_mentions_are_left_out_and_counted(tmp_path: Path) -> None:
    ner = [[0, 1, "person"], [1, 1, "person"], [4, 4, "product"]]
    relations = [[4, 4, 4, 4, "named", "", False, False], [4, 4, 0, 1, "artifact", "", False, False]]
    counts: Counter[str] = Counter()
    examples = read_file(file(tmp_path, {**SENTENCE, "ner": ner, "relations": relations}), counts)
    assert [example.relation for example in examples] == ["artifact", "no_relation"]
    assert counts == {"overlapping": 1, "overlapping_unlabelled": 1, "pairs": 1, "several": 0}


def test_the_notes_say_how_many_pairs_have_several_labels(tmp_path: Path) -> None:
    for split in ("train", "dev", "test"):
        file(tmp_path, SENTENCE).rename(tmp_path / f"music-{split}.json")
    dataset = read(tmp_path, "music")
    assert "train 1 of 1, validation 1 of 1, test 1 of 1; each label is an example of its own" in dataset.notes[0]
    assert "train 0 and 0" in dataset.notes[1]
    assert dataset.licence.startswith("GPL-3.0")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"ner": [[0, 1, "person"], [4, 9, "product"]]}, "tokens 4 to 9 do not fit the sentence of 8 tokens"),
        ({"ner": [[1, 0, "person"]]}, "tokens 1 to 0 do not fit"),
        ({"ner": [[0, 1, "person"], [0, 1, "misc"]]}, "tokens 0 to 1 are listed as a mention twice"),
        ({"ner": [[0, 1, "person"]]}, "artifact holds for tokens (4, 4), which are not a mention"),
        ({"ner": [[0, 1]]}, "ner.0.2: Field required"),
        ({"ner": [["0", 1, "person"]]}, "ner.0.0: Input should be a valid integer"),
        ({"relations": [[4, 4, 0, 1, "sails", "", False, False]]}, "unknown label 'sails'"),
        ({"relations": [[4, 4, 0, 1, "no_relation", "", False, False]]}, "unknown label 'no_relation'"),
        ({"relations": [[4, 4, 0, 1, "artifact", "", 0, False]]}, "relations.0.6: Input should be a valid boolean"),
        ({"sentence": ["Marit", "Lund built"]}, "token 1 is 'Lund built'"),
        ({"doc_key": None}, "doc_key: Input should be a valid string"),
        ({"doc_key": "boats-1"}, "id 'boats-1/0' was used before (line 1)"),
    ],
)
def test_a_sentence_that_does_not_fit_is_an_error_with_file_and_line(tmp_path: Path, change: dict, says: str) -> None:
    path = file(tmp_path, SENTENCE, {**SENTENCE, "doc_key": "boats-2", **change})
    with pytest.raises(DataError) as caught:
        crossre.read_file(path, SCHEMA, Counter())
    assert str(caught.value).startswith(f"{path}:2: ")
    assert says in str(caught.value)


def test_a_missing_file_says_where_the_dataset_is_published(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"ai-train\.json: file not found: .*github\.com/mainlp/CrossRE"):
        read(tmp_path, "ai")


@pytest.mark.parametrize("domain", [None, "sailing"])
def test_an_unknown_domain_is_an_error_that_lists_those_there_are(tmp_path: Path, domain: str | None) -> None:
    with pytest.raises(UserError, match=f"no domain {domain!r}: it has ai, literature, music, news, politics, science"):
        crossre.read(tmp_path, task=TASK, domain=domain)


labels = st.tuples(
    st.sampled_from([label for label in SCHEMA.labels if label != SCHEMA.negative]),
    st.text(max_size=5),
    st.booleans(),
    st.booleans(),
)


@st.composite
def published_sentences(draw: st.DrawFn) -> dict[str, Any]:
    tokens = draw(st.lists(any_token, min_size=1, max_size=8))
    spans = st.tuples(st.integers(0, len(tokens) - 1), st.integers(0, len(tokens) - 1)).map(sorted).map(tuple)
    ner = sorted(draw(st.sets(spans, min_size=1, max_size=4)))
    pairs = st.tuples(st.sampled_from(ner), st.sampled_from(ner), labels)
    relations = [[*head, *tail, *label] for head, tail, label in draw(st.lists(pairs, max_size=5))]
    # One pair that does not overlap, so that the sentence gives an example.
    tokens += ["Marit", "Sula"]
    ner += [(len(tokens) - 2, len(tokens) - 2), (len(tokens) - 1, len(tokens) - 1)]
    mentions = [[*span, draw(st.sampled_from(["person", "misc"]))] for span in ner]
    return {"doc_key": "any", "sentence": tokens, "ner": mentions, "relations": relations}


@given(published_sentences())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
def test_a_published_sentence_round_trips(tmp_path: Path, sentence: dict[str, Any]) -> None:
    path = file(tmp_path, sentence)
    examples = read_file(path, Counter())
    assert relations_of(examples) == published_relations(path)
    types = {(first, last): name for first, last, name in sentence["ner"]}
    for example in examples:
        tokens, head, tail = tokens_and_spans(example)
        assert tokens == sentence["sentence"]
        assert (example.head.type, example.tail.type) == (types[head], types[tail])
    pairs = [frozenset(tokens_and_spans(example)[1:]) for example in examples if example.relation == "no_relation"]
    assert len(pairs) == len(set(pairs))


@pytest.mark.skipif(not PUBLISHED.exists(), reason="needs the published CrossRE files")
@pytest.mark.parametrize("domain", crossre.DOMAINS)
def test_every_published_relation_is_rebuilt(domain: str) -> None:
    left_out = 0
    for split in ("train", "dev", "test"):
        path, counts = PUBLISHED / f"{domain}-{split}.json", Counter[str]()
        examples = read_file(path, counts)
        rebuilt, expected = relations_of(examples), published_relations(path)
        assert {key: found for key, found in rebuilt.items() if found} == {
            key: found for key, found in expected.items() if found
        }
        left_out += counts["overlapping"]
    assert left_out == {"literature": 2, "music": 2, "science": 1}.get(domain, 0)
