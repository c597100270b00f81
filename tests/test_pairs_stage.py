"""Preference pairs as a stage: what each half holds, and what it must not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from relseed.datasets.draw import draw
from relseed.generation.exchanges import Exchange
from relseed.generation.method import Target, read_method
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Params
from relseed.preference.pair import FLAWS
from relseed.preference.split import Split
from relseed.records.candidates import request_id
from relseed.records.files import DataError, write_records
from relseed.tasks.relation import TASK
from relseed.tasks.relation.continuation import line
from relseed.tasks.task import read_examples, read_schema
from stages import pairs as stage
from tests.graph import PARAMS, ROOT, named

LABELS = ROOT / "data/gazette/relations.jsonl"
SCHEMA = read_schema(LABELS, TASK)
SEEDS = draw(read_examples(ROOT / "data/gazette/train.jsonl", TASK, SCHEMA), shots=4, seed=1)
# What the LLM wrote of each relation; the rules reject the last.
WRITTEN = ("{} keeps a note of it beside the lamp.", "Nobody but {} has asked for it since.", "no mention at all")
WRITTEN_LABELS = [label for label in SCHEMA.labels if label != SCHEMA.negative]
OTHER_HALF = {"a": "b", "b": "a"}


def house(label: str) -> str:
    """The head of all that the LLM wrote of a relation."""
    return f"house {100 + SCHEMA.labels.index(label)}"


def untuned() -> list[Exchange]:
    """Three candidates of each relation."""
    method = read_method(Params(PARAMS), "untuned", TASK, SCHEMA, SEEDS)
    exchanges = []
    for label in WRITTEN_LABELS:
        for number, text in enumerate(WRITTEN):
            prompt, request = method.request(Target(label, 1), number, 1, [])
            id = request_id("untuned", label, number)
            sentence = text.format(f"The <e1>{house(label)}</e1> by <e2>the quay</e2>")
            candidates = tuple(prompt.parse(id, line(sentence), truncated=False))
            exchanges.append(Exchange(id=id, request=request, response=None, candidates=candidates))
    return exchanges


@pytest.fixture
def run(tmp_path, monkeypatch) -> Callable[..., Split]:
    """Runs the stage with some settings changed, and gives the halves."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")
    write_records(Path("seeds.jsonl"), SEEDS)
    write_records(Path("untuned.jsonl"), untuned())

    def run(**changes: Any) -> Split:
        entry = PARAMS["pairs"]["small"] | {"reads": "untuned.jsonl"} | changes
        Path("params.yaml").write_text(yaml.safe_dump(PARAMS | {"pairs": {"small": entry}}), encoding="utf-8")
        stage.main("small", labels=LABELS, seeds=Path("seeds.jsonl"), pairs=Path("pairs"))
        return Split.model_validate_json(Path("pairs/small/split.json").read_text(encoding="utf-8"))

    return run


def text_of(half: str) -> str:
    """All pairs of a half."""
    return Path(f"pairs/small/{half}.jsonl").read_text(encoding="utf-8")


def marked(words: str, text: str) -> bool:
    """Whether a text has these words as a mention."""
    return f"[{words}]" in text or f"{{{words}}}" in text


def test_no_half_holds_a_sentence_of_the_other(run):
    split = run()
    for half, labels in split.halves.items():
        assert text_of(half).count("\n") > 60
        foreign = [seed for seed in SEEDS if seed.relation in split.halves[OTHER_HALF[half]]]
        mentions = [mention.text_of(seed.text) for seed in foreign for mention in (seed.head, seed.tail)]
        own = " ".join(seed.text for seed in SEEDS if seed.relation in labels)
        assert not [words for words in mentions if words not in own and marked(words, text_of(half))]


def test_a_half_shows_what_the_rules_accept_of_its_own_relations(run):
    for half, labels in run().halves.items():
        assert {label for label in SCHEMA.labels if marked(house(label), text_of(half))} == set(labels)
        assert "no mention at all" not in text_of(half)


def test_of_what_the_llm_wrote_no_more_is_shown_than_asked_for(run):
    run(own_per_label=2)
    assert "Nobody but" in text_of("a")
    run(own_per_label=1)
    assert "keeps a note" in text_of("a")
    assert "Nobody but" not in text_of("a")


def test_the_pairs_are_the_same_each_time_and_others_with_another_random_seed(run):
    pairs = []
    for seed in (1, 1, 2):
        run(seed=seed)
        pairs.append([text_of(half) for half in ("a", "b")])
    assert pairs[0] == pairs[1] != pairs[2]


def test_without_any_flaw_there_are_no_pairs_and_the_error_says_what_to_raise(run):
    with pytest.raises(UserError, match=r"half a has no pairs: raise a value of pairs\.flaws"):
        run(flaws=dict.fromkeys(FLAWS, 0))
    assert list(Path("pairs").iterdir()) == []


def test_a_flaw_that_is_not_mentioned_is_an_error_that_says_how_to_switch_it_off(run):
    with pytest.raises(UserError, match=r"pairs\.small\.flaws: exact_copy, wrong_relation missing: 0 switches a flaw"):
        run(flaws={"near_copy": 1})


def test_a_method_whose_prompts_do_not_grow_example_by_example_is_an_error_that_says_which_loop_does(run):
    with pytest.raises(
        UserError, match=r"the method all_at_once has the loop all_at_once: .* as those of one_by_one do"
    ):
        run(method="all_at_once")


def test_candidates_that_are_not_there_are_an_error_that_names_the_stage_which_writes_them(run):
    Path("untuned.jsonl").unlink()
    with pytest.raises(DataError, match=r"file not found: build it with `dvc repro generate@untuned`$"):
        run()
    assert named("generate@untuned")
