"""Encoder-decoder models: random ones of the same architectures are asked and tuned; those not here are skipped."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from transformers import TrainerCallback

from relseed.generation.exchanges import read_exchanges
from relseed.generation.summary import read_summary
from relseed.llm.engines.seq2seq import Seq2SeqEngine, load_seq2seq
from relseed.llm.engines.weights import missing_weights
from relseed.llm.request import Response
from relseed.pipeline.errors import UserError
from relseed.records.files import DataError, write_records
from relseed.report.methods import methods_table
from relseed.seq2seq.pairs import pairs_of, read_webnlg
from relseed.tasks.relation import TASK
from relseed.tasks.relation.entity_tuple import EntityTuple
from relseed.tasks.task import read_examples, read_schema
from stages import filter, generate, train_seq2seq
from tests.conftest import set_params
from tests.graph import PARAMS
from tests.scripted import request
from tests.small_lm import ALMANAC, LABELS, SCHEMA, SEED_FILE, SEEDS, inside
from tests.tiny_llm import save_tiny_seq2seq

WEBNLG = """<benchmark><entries>
  <entry category="Building" eid="Id1" size="1">
    <modifiedtripleset><mtriple>Sula_Hall | birthPlace | "Old Bergen"</mtriple></modifiedtripleset>
    <lex comment="good" lid="Id1">Sula Hall stands in
      Old Bergen.</lex>
    <lex comment="good" lid="Id2">Old Bergen has Sula Hall.</lex>
  </entry>
  <entry category="Building" eid="Id2" size="2">
    <modifiedtripleset><mtriple>a | b | c</mtriple><mtriple>a | d | e</mtriple></modifiedtripleset>
    <lex comment="good" lid="Id1">Two facts.</lex>
  </entry>
</entries></benchmark>"""
SHORT = {"max_steps": 4, "save_steps": 2, "batch_size": 2, "lr": 1e-2, "max_length": 48, "precision": "fp32"}


@pytest.fixture(scope="module", params=["t5", "bart"])
def model(request, tmp_path_factory) -> Path:
    return save_tiny_seq2seq(tmp_path_factory.mktemp(request.param), request.param)


def respond(engine: Seq2SeqEngine, *prompts: str, **changes: Any) -> list[Response]:
    async def together() -> list[Response]:
        return list(await asyncio.gather(*(engine.complete(request(prompt, **changes)) for prompt in prompts)))

    return asyncio.run(together())


# The engine


def test_a_response_is_what_the_decoder_writes_and_no_longer_than_allowed(model):
    [found] = respond(Seq2SeqEngine(4, str(model), None), "Ada Holm | Wren", max_tokens=7)
    assert found.engine == "seq2seq"
    assert found.completion_tokens == 7 if found.finish == "length" else found.completion_tokens <= 7
    assert found.prompt_tokens == len("Ada Holm | Wren")


def test_the_same_seed_gives_the_same_response_whoever_shares_the_batch(model):
    engine = Seq2SeqEngine(4, str(model), None)
    [alone] = respond(engine, "Ada Holm | Wren")
    found = respond(engine, "Ada Holm | Wren", "Bo Lind | Sula II, and a prompt that is longer")
    assert found[0].text == alone.text
    assert respond(engine, "Ada Holm | Wren", seed=9)[0].text != alone.text


def test_a_model_without_a_decoder_of_its_own_is_an_error(tiny_encoder):
    with pytest.raises(UserError, match="no encoder-decoder model"):
        Seq2SeqEngine(1, str(tiny_encoder), None)


# What is not here


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        (
            "google-t5/t5-none",
            "the weights of google-t5/t5-none are not on this machine: `hf download google-t5/t5-none`",
        ),
        ("models/seq2seq/none", "there is neither a folder models/seq2seq/none nor can a model of the Hub have this"),
    ],
)
def test_weights_that_are_not_here_come_with_a_cure(name, cure):
    assert str(missing_weights(name)).startswith(cure)


def test_weights_in_a_folder_are_here(model):
    assert missing_weights(str(model)) is None


def project(folder: Path, start: str) -> None:
    """A folder in which the method `t5` writes about two tuples with this model."""
    (folder / "params.yaml").write_text(yaml.safe_dump(PARAMS), encoding="utf-8")
    set_params(
        folder,
        llms={"t5": {"model": start}},
        methods={"t5": {"about": "tuples.jsonl", "reads": str(SEED_FILE), "max_tokens_per_example": 4}},
        seq2seq={"t5": {"start": start, "pairs": str(SEED_FILE), **SHORT}},
    )
    relation = SCHEMA.relations[0]
    types = {"head_type": relation.head_type, "tail_type": relation.tail_type, "relation": relation.relation}
    names = [("Sula Works", "Ada Holm"), ("Wren & Co", "Bo Lind")]
    write_records(folder / "tuples.jsonl", [EntityTuple(head=h, tail=t, source="x", **types) for h, t in names])
    write_records(folder / SEED_FILE, SEEDS)


def write(folder: Path) -> None:
    with inside(folder):
        generate.main("t5", labels=LABELS, seeds=SEED_FILE, candidates=Path("candidates"))
        folders = {name: Path(name) for name in ("candidates", "accepted", "rejected", "summary")}
        filter.main("t5", labels=LABELS, seeds=SEED_FILE, **folders)


def test_a_method_whose_weights_are_not_here_is_skipped_and_does_not_pass_for_run(tmp_path, capsys):
    project(tmp_path, "google-t5/t5-none")
    write(tmp_path)
    assert "skipped t5: the weights of google-t5/t5-none are not on this machine" in capsys.readouterr().out
    assert "`hf download google-t5/t5-none`" in str(read_summary(tmp_path / "summary/t5.json").skipped)
    [row] = methods_table({"t5": read_summary(tmp_path / "summary/t5.json")}).rows
    assert row[0] == "t5 (skipped)"
    assert (tmp_path / "accepted/t5.jsonl").read_text(encoding="utf-8") == ""


def test_a_method_whose_weights_are_here_writes_a_sentence_about_each_tuple(tmp_path):
    project(tmp_path, str(save_tiny_seq2seq(tmp_path / "model", "t5")))
    write(tmp_path)
    found = list(read_exchanges(tmp_path / "candidates/t5.jsonl"))
    assert len(found) == 2
    assert all(exchange.response is not None and len(exchange.candidates) == 1 for exchange in found)
    assert read_summary(tmp_path / "summary/t5.json").skipped is None


# Fine-tuning


def train(folder: Path) -> Path:
    with inside(folder):
        train_seq2seq.main("t5", background=ALMANAC, labels=LABELS, seeds=SEED_FILE, models=Path("models"))
    return folder / "models/t5"


def losses(folder: Path) -> list[float]:
    history = json.loads((folder / "history.json").read_text(encoding="utf-8"))
    return [entry["train_loss"] for entry in history if "train_loss" in entry]


def test_a_tuned_model_is_one_that_the_engine_loads_and_its_losses_stand_beside_it(tmp_path, model):
    project(tmp_path, str(model))
    tuned = train(tmp_path)
    before, after = (load_seq2seq(str(path), None)[0].state_dict() for path in (model, tuned))
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert losses(tuned)
    assert respond(Seq2SeqEngine(1, str(tuned), None), "Ada Holm | Wren")


def test_an_interrupted_training_resumes_and_ends_with_the_same_bytes(tmp_path, monkeypatch):
    start = str(save_tiny_seq2seq(tmp_path / "model", "t5"))
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
        project(folder, start)
    expected = train(whole)

    class Stop(TrainerCallback):
        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == 3:
                raise KeyboardInterrupt

    original = train_seq2seq._trainer
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):

        def stopping(*parts: Any) -> Any:
            trainer = original(*parts)
            trainer.add_callback(Stop())
            return trainer

        patch.setattr(train_seq2seq, "_trainer", stopping)
        train(killed)
    assert not (killed / "models/t5").exists()
    assert list((killed / ".scratch").glob("train_seq2seq-*/checkpoint-2"))
    weights = "model.safetensors"
    assert (train(killed) / weights).read_bytes() == (expected / weights).read_bytes()


def test_a_model_that_is_not_here_is_not_tuned_and_its_folder_says_so(tmp_path, capsys):
    project(tmp_path, "google-t5/t5-none")
    tuned = train(tmp_path)
    assert "skipped t5: " in capsys.readouterr().out
    assert [path.name for path in tuned.iterdir()] == ["skipped.json"]
    assert str(missing_weights(str(tuned))).endswith("the stage that builds it was skipped, see what it printed")


# What it learns from


def test_pairs_are_of_relations_that_assert_something():
    background = read_schema(ALMANAC / "relations.jsonl", TASK)
    examples = read_examples(ALMANAC / "sentences.jsonl", TASK, background)[:3]
    negative = [seed for seed in SEEDS if seed.relation == SCHEMA.negative]
    assert [sentence for _, sentence in pairs_of(examples, background)] == [example.text for example in examples]
    assert list(pairs_of(negative, SCHEMA)) == []


def test_entries_of_webnlg_with_one_triple_are_pairs(tmp_path):
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/a.xml").write_text(WEBNLG, encoding="utf-8")
    line = "relation: birth place (any, any) | head: Sula Hall | tail: Old Bergen\nsentence:"
    assert read_webnlg(tmp_path) == [(line, "Sula Hall stands in Old Bergen."), (line, "Old Bergen has Sula Hall.")]


def test_a_file_that_is_no_xml_is_an_error_with_its_line(tmp_path):
    (tmp_path / "a.xml").write_text("<benchmark>\n<entries>", encoding="utf-8")
    with pytest.raises(DataError, match=r"a.xml:2: not XML"):
        read_webnlg(tmp_path)


def test_a_folder_without_webnlg_is_an_error(tmp_path):
    with pytest.raises(UserError, match="holds no WebNLG entry of one triple"):
        read_webnlg(tmp_path)
