"""DPO: what it trains on, the adapters of the two halves, and the writing of each by the other."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOTrainer
from trl.trainer import utils

from relseed.generation.exchanges import read_exchanges
from relseed.llm.engines.transformers import Transformers, TransformersEngine
from relseed.llm.llm import LLM
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Params
from relseed.preference.dpo import Dpo, Tuned, answers_alone, build_trainer, kl_to_reference, tune
from relseed.preference.pair import PreferencePair
from relseed.preference.split import Split
from relseed.records.files import DataError, read_records
from relseed.tracking.run import Run
from stages import dpo, generate, pairs
from tests.graph import pipeline, verb
from tests.small_lm import BASE, LABELS, SCHEMA, SEED_FILE, TEXTS, inside, request, responses, train_base

TUNED = Path("models/lm/tuned")
ADAPTERS = {half: str(TUNED / half) for half in ("a", "b")}


@pytest.fixture(scope="module")
def project(tmp_path_factory, tiny_llm) -> Path:
    """A folder in which everything up to the adapters was built."""
    folder = tmp_path_factory.mktemp("dpo")
    train_base(folder, tiny_llm)
    with inside(folder):
        generate.main("untuned", labels=LABELS, seeds=SEED_FILE, candidates=Path("data/candidates"))
        pairs.main("small", labels=LABELS, seeds=SEED_FILE, pairs=Path("data/pairs"))
        dpo.main("tuned", adapters=TUNED.parent)
    return folder


@pytest.fixture(autouse=True)
def here(project):
    with inside(project):
        yield


def config(**changes: Any) -> Dpo:
    return Params.read().section("dpo.tuned", Dpo).model_copy(update=changes)


def pairs_of(half: str) -> list[PreferencePair]:
    path = Path(f"data/pairs/small/{half}.jsonl")
    return [pair for _, pair in read_records(path, PreferencePair)]


def split() -> Split:
    return Split.model_validate_json(Path("data/pairs/small/split.json").read_text(encoding="utf-8"))


# The training


def test_dpo_sees_the_probabilities_that_the_model_writes_with(tmp_path):
    trainer = build_trainer(config(), pairs_of("a"), tmp_path)
    model = trainer.model.eval()
    ids = AutoTokenizer.from_pretrained(BASE)(TEXTS, return_tensors="pt").input_ids
    with torch.no_grad(), answers_alone():
        seen = model(input_ids=ids, labels=ids, fused_lm_head=True).log_probs
    with torch.no_grad():
        written = model(input_ids=ids).logits[:, :-1].log_softmax(-1).gather(-1, ids[:, 1:, None])[..., 0]
    torch.testing.assert_close(seen[:, -written.shape[1] :], written, rtol=1e-3, atol=1e-3)


def test_dpo_works_out_the_probabilities_of_the_responses_tokens_alone(tmp_path, monkeypatch):
    trainer = build_trainer(config(), pairs_of("a"), tmp_path)
    batch = next(iter(trainer.get_train_dataloader()))
    scored = []

    class Scoring:
        @staticmethod
        def apply(states, *rest):
            scored.append(len(states))
            return chunked.apply(states, *rest)

    chunked = utils._ChunkedLogProbFunction
    monkeypatch.setattr(utils, "_ChunkedLogProbFunction", Scoring)
    with answers_alone():
        trainer.compute_loss(trainer.model, batch)
    assert scored == [batch["completion_mask"].sum()] * 2  # tuned, and reference


def test_what_is_changed_of_trl_is_changed_for_the_training_alone():
    before = utils._use_triton
    with pytest.raises(KeyboardInterrupt), answers_alone():
        assert utils._use_triton is not before
        raise KeyboardInterrupt
    assert utils._use_triton is before


@pytest.fixture(scope="module")
def trained(project, tmp_path_factory) -> DPOTrainer:
    """A trainer after all its steps, of which there are many, and large ones."""
    with inside(project):
        trainer = build_trainer(config(max_steps=40, lr=2e-3), pairs_of("a"), tmp_path_factory.mktemp("state"))
        with answers_alone():
            trainer.train()
    return trainer


def test_steps_of_dpo_raise_the_margin_of_what_is_preferred(trained):
    log = trained.state.log_history
    margins = [entry["rewards/margins"] for entry in log if "rewards/margins" in entry]
    assert margins[0] < 0.02 < margins[-1]


def test_the_tuned_model_begins_as_its_reference(tmp_path):
    assert kl_to_reference(build_trainer(config(), pairs_of("a"), tmp_path)) == 0


@torch.no_grad()
def test_how_far_it_leads_away_is_the_mean_divergence_over_the_tokens_of_responses(trained):
    batch = next(iter(trained.get_train_dataloader()))
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    model = trained.model.eval()
    tuned = model(**inputs).logits.double().softmax(-1)
    with model.disable_adapter():
        reference = model(**inputs).logits.double().softmax(-1)
    divergences = (tuned * (tuned / reference).log()).sum(-1)
    rows, places = batch["completion_mask"].nonzero(as_tuple=True)
    expected = divergences[rows, places - 1].mean().item()  # a token is predicted at the place before it
    assert expected > 1e-6
    assert kl_to_reference(trained, batches=1) == pytest.approx(expected, rel=0.05)


class Interrupting(Run):
    """A run in MLflow that is interrupted when it is to log a step."""

    def log_metrics(self, metrics, step=None):
        raise KeyboardInterrupt


def test_an_interrupted_dpo_resumes_and_ends_with_the_same_adapter(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        tuned(tmp_path / "cut", Interrupting())
    assert (tmp_path / "cut/checkpoint-4/trainer_state.json").exists()
    resumed, whole = tuned(tmp_path / "cut"), tuned(tmp_path / "whole")
    weights = whole.model.state_dict()
    assert all(torch.equal(weight, weights[name]) for name, weight in resumed.model.state_dict().items())
    assert resumed.kl == whole.kl


def tuned(state: Path, log: Run | None = None) -> Tuned:
    return tune(config(), pairs_of("a"), state, log or Run(), "a")


def test_layers_that_the_model_lacks_are_an_error_that_names_the_parameter(tmp_path):
    with pytest.raises(UserError, match=r"dpo\.target_modules .* do not fit models/lm/base"):
        build_trainer(config(target_modules=("query",)), pairs_of("a"), tmp_path)


def test_a_model_that_is_not_there_is_an_error_that_names_the_stage_which_trains_it(tmp_path):
    with pytest.raises(UserError, match=r"no causal model '.*/none': build it with `dvc repro train_lm`"):
        build_trainer(config(model=str(tmp_path / "none")), pairs_of("a"), tmp_path)
    assert "train_lm" in map(verb, pipeline())


# The stage


def test_each_half_has_an_adapter_with_its_history_and_no_state_is_left():
    for half in split().halves:
        assert (TUNED / half / "adapter_model.safetensors").exists()
        history = json.loads((TUNED / half / "history.json").read_text(encoding="utf-8"))
        assert history["kl"] > 0
        assert history["history"][-1]["step"] == config().max_steps
    assert not list(Path(".scratch").glob("dpo-*"))


def test_the_adapters_say_for_which_relations_each_writes_those_of_the_other_half():
    adapters = json.loads((TUNED / "adapters.json").read_text(encoding="utf-8"))
    assert adapters == {"by_label": split().by_label}


def test_the_halves_have_adapters_of_their_own():
    first, second = ((TUNED / half / "adapter_model.safetensors").read_bytes() for half in split().halves)
    assert first != second


def test_pairs_that_are_not_there_are_an_error_that_names_the_stage_which_builds_them(monkeypatch, tmp_path):
    (tmp_path / "params.yaml").write_bytes(Path("params.yaml").read_bytes())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"split\.json: file not found: build it with `dvc repro pairs`"):
        dpo.main("tuned", adapters=TUNED.parent)
    assert "pairs" in map(verb, pipeline())


# The adapters in use


def engine(adapters: dict[str, str]) -> TransformersEngine:
    return TransformersEngine(Transformers(batch_size=8), BASE, None, adapters)


def test_an_adapter_changes_the_model_that_it_is_loaded_onto_and_none_of_its_weights():
    base = AutoModelForCausalLM.from_pretrained(BASE).eval()
    before = {name: weight.clone() for name, weight in base.state_dict().items()}
    ids = AutoTokenizer.from_pretrained(BASE)(TEXTS[0], return_tensors="pt").input_ids
    plain = base(ids).logits
    adapted = PeftModel.from_pretrained(base, ADAPTERS["a"]).eval()
    assert not torch.allclose(adapted(ids).logits, plain)
    with adapted.disable_adapter():
        assert torch.allclose(adapted(ids).logits, plain)
    unloaded = adapted.unload().state_dict()
    assert set(unloaded) == set(before)
    assert all(torch.equal(weight, before[name]) for name, weight in unloaded.items())


def test_each_request_is_answered_by_its_own_adapter_whoever_waits_beside_it():
    mixed = responses(engine(ADAPTERS), request(1), request(1, "a"), request(1, "b"), request(1))
    [plain] = responses(engine({}), request(1))
    [alone] = responses(engine(ADAPTERS), request(1, "b"))
    assert mixed[0].text == mixed[3].text == plain.text
    assert mixed[2].text == alone.text


def test_a_folder_without_an_adapter_is_an_error_that_names_the_stage_which_tunes_one(tmp_path):
    with pytest.raises(UserError, match=r"holds no LoRA adapter of this model .*: build it with `dvc repro dpo`"):
        engine({"x": str(tmp_path)})
    assert "dpo" in map(verb, pipeline())


@pytest.fixture(scope="module")
def written(project) -> None:
    with inside(project):
        generate.main("tuned", labels=LABELS, seeds=SEED_FILE, candidates=Path("data/candidates"))


@pytest.mark.usefixtures("written")
def test_each_relation_is_written_with_the_adapter_of_the_other_half():
    halves = split()
    for exchange in read_exchanges(Path("data/candidates/tuned.jsonl")):
        assert exchange.request.adapter == ("b" if exchange.unit in halves.a else "a")
    assert {exchange.request.adapter for exchange in read_exchanges(Path("data/candidates/untuned.jsonl"))} == {None}


@pytest.mark.usefixtures("written")
def test_requests_name_the_weights_so_that_the_cache_answers_for_no_other_model():
    revisions = []
    for method in ("untuned", "tuned"):
        exchanges = list(read_exchanges(Path(f"data/candidates/{method}.jsonl")))
        assert {exchange.request.revision for exchange in exchanges} == {
            Params.read().section(f"llms.{method}", LLM).weights_digest
        }
        revisions.append(exchanges[0].request.revision)
    assert revisions[0] != revisions[1]
    assert None not in revisions


@pytest.mark.usefixtures("written")
def test_the_negative_label_is_not_written():
    labels = {exchange.unit for exchange in read_exchanges(Path("data/candidates/tuned.jsonl"))}
    assert labels == set(SCHEMA.labels) - {SCHEMA.negative}
