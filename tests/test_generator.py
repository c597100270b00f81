"""The small generator: warm start, teaching, DPO of adapters, writing with the other half's, and being verified."""

import asyncio
import json
import re
from pathlib import Path

import pytest
import regex
import torch
import yaml
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, DistilBertConfig, TrainerCallback
from trl.trainer import utils

from relseed.datasets.draw import draw
from relseed.generation.answers import Answer, read_answers
from relseed.generation.pool import Pool, read_judged, read_pool
from relseed.llm.engines.transformers import Local, Transformers
from relseed.llm.request import Completion, Request
from relseed.pipeline.errors import UserError
from relseed.preference.dpo import trainer_of
from relseed.preference.pairs import Pair
from relseed.records.files import write_records
from relseed.small_lm.corpus import documents
from relseed.small_lm.warm_start import TAGS, warm_start
from relseed.tasks.relation.continuation import END, SENTENCE, Continuation, document
from relseed.tasks.relation.files import read_examples, read_schema
from relseed.tasks.relation.tags import tagged
from relseed.tasks.relation.written import Accepted, Rejected
from relseed.training.encoders import EMBEDDED, load_encoder, load_tokenizer
from stages import dpo, draft, prefer, teach, verify, write
from tests.graph import ROOT

ALMANAC = ROOT / "data/almanac"
BACKGROUND = read_schema(ALMANAC / "relations.jsonl")
SCHEMA = read_schema(ROOT / "data/gazette/relations.jsonl")
SEEDS = draw(read_examples(ROOT / "data/gazette/train.jsonl", SCHEMA), shots=3, seed=1)
TEXTS = [document(SCHEMA.relations[0], [tagged(one) for one in SEEDS[:3]])]
KINDS = {"wrong_relation": 1, "near_copy": 1, "exact_copy": 1, "mined": 0}


@pytest.fixture(scope="module")
def begun(tiny_encoder):
    torch.manual_seed(1)
    return warm_start(str(tiny_encoder), TEXTS, frequent=12000, dropout=0.0)


def test_the_embeddings_and_layers_begin_as_the_encoder_s(begun, tiny_encoder):
    model, tokenizer = begun
    encoder, old = load_encoder(str(tiny_encoder)), load_tokenizer(str(tiny_encoder))
    for word in ("the", "##s", "founded"):
        rows = [
            one.get_input_embeddings().weight[words.convert_tokens_to_ids(word)]
            for one, words in ((model, tokenizer), (encoder, old))
        ]
        assert torch.equal(*rows)
    ours, theirs = model.bert.encoder.state_dict(), encoder.encoder.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_it_is_causal(begun):
    model, tokenizer = begun
    first, second = (tokenizer(text, return_tensors="pt").input_ids for text in ("the old town", "the old boat"))
    logits = [model.eval()(ids).logits[0, :-1] for ids in (first, second)]
    torch.testing.assert_close(*logits)


def test_the_vocabulary_holds_what_is_frequent_what_the_texts_hold_and_the_tags(begun):
    model, tokenizer = begun
    assert 11000 < len(tokenizer) < 11200  # the rest of the first 12,000 are unused places
    assert model.config.vocab_size == len(tokenizer) == len(model.get_output_embeddings().weight)
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    assert tokenizer.unk_token_id not in tokenizer(TEXTS[0])["input_ids"]
    assert [tokenizer.tokenize(f"x{tag}y")[1:-1] for tag in TAGS] == [[tag] for tag in TAGS]


def test_a_text_comes_back_from_its_tokens_in_lower_case(begun):
    _, tokenizer = begun
    text = "so <e1> ada </e1> has the <e2> boat </e2>, they say."
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_its_chat_template_gives_a_document_and_what_continues_it_as_they_are(begun):
    _, tokenizer = begun
    turns = [{"role": "user", "content": TEXTS[0]}, {"role": "assistant", "content": " <e1>a</e1>"}]
    assert tokenizer.apply_chat_template(turns, tokenize=False) == f"{TEXTS[0]} <e1>a</e1> [SEP]"


def test_an_encoder_that_is_no_bert_is_refused(tmp_path):
    load_tokenizer(EMBEDDED).save_pretrained(tmp_path)
    DistilBertConfig().save_pretrained(tmp_path)
    with pytest.raises(UserError, match=r"teach\.encoder is .*, a distilbert: take a BERT"):
        warm_start(str(tmp_path), TEXTS, frequent=100, dropout=0.0)


def test_documents_show_every_sample_of_a_relation_before_any_again():
    examples = read_examples(ALMANAC / "sentences.jsonl", BACKGROUND)
    relation = BACKGROUND.relations[0]
    own = [tagged(one) for one in examples if one.relation == relation.relation]
    stream = documents([relation], examples, samples=6, seed=1)
    shown = [text for _ in range(len(own) // 6) for text in next(stream).split(" <end>")[1:-1]]
    assert sorted(one.strip() for one in shown) == sorted(own)


def test_the_background_relations_are_none_of_those_that_are_written():
    assert not set(BACKGROUND.labels) & set(SCHEMA.labels)


@pytest.fixture(scope="module")
def project(tmp_path_factory, tiny_encoder) -> Path:
    """A folder in which the stages of the generator have run, each with little to do."""
    folder = tmp_path_factory.mktemp("generator")
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["teach"] |= {"encoder": str(tiny_encoder), "frequent": 1000, "updates": 4, "save_every": 2, "samples": 3}
    params["dpo"] |= {"updates": 6, "save_every": 2, "lr": 5e-3, "precision": "fp32"}
    params["prefer"] |= {"kinds": KINDS}
    params["generator"] |= {"model": "generator/base"}
    params["write"] |= {"per_relation": 2, "at_most": 2, "demonstrations": 2}
    params["verify"] |= {"encoder": str(tiny_encoder), "updates": 2, "evaluate_every": 1, "threshold": 0.0}
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    write_records(folder / "seeds.jsonl", SEEDS)
    for name in ("accepted", "rejected"):
        (folder / name).mkdir()
        (folder / name / "one_by_one.jsonl").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")
        teach.main(ALMANAC, Path("generator/base"))
        draft.main(RELATIONS, Path("seeds.jsonl"), "generator/base", Path("candidates/untuned.jsonl"))
        files = ("seeds.jsonl", "accepted", "rejected", "candidates/untuned.jsonl", "preferences")
        prefer.main(RELATIONS, *map(Path, files))
        for half in ("one", "two"):
            dpo.main(half, "generator/base", Path("preferences"), Path(f"generator/base-{half}"))
    return folder


GAZETTE = ROOT / "data/gazette"
RELATIONS = GAZETTE / "relations.jsonl"


@pytest.fixture
def there(project, monkeypatch) -> Path:
    monkeypatch.chdir(project)
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")
    return project


def test_teaching_writes_a_model_that_transformers_loads_with_its_tokenizer_and_its_history(there):
    model = AutoModelForCausalLM.from_pretrained("generator/base")
    assert model.config.is_decoder
    assert len(AutoTokenizer.from_pretrained("generator/base")) == model.config.vocab_size
    assert json.loads(Path("generator/base/history.json").read_text(encoding="utf-8"))
    assert not list(Path(".scratch").glob("teach-*"))


def pairs(half: str = "one") -> list[Pair]:
    lines = Path(f"preferences/{half}.jsonl").read_text(encoding="utf-8").splitlines()
    return [Pair.model_validate_json(line) for line in lines]


def test_dpo_sees_the_probabilities_that_the_model_writes_with(there, tmp_path):
    trainer = trainer_of(prefer.section(dpo.Dpo), "generator/base", pairs(), tmp_path)
    model = trainer.model.eval()
    ids = AutoTokenizer.from_pretrained("generator/base")(TEXTS, return_tensors="pt").input_ids
    with torch.no_grad():
        told = model(input_ids=ids, labels=ids, fused_lm_head=True).log_probs
        written = model(input_ids=ids).logits[:, :-1].log_softmax(-1).gather(-1, ids[:, 1:, None])[..., 0]
    torch.testing.assert_close(told[:, -written.shape[1] :], written, rtol=1e-3, atol=1e-3)


def test_dpo_works_out_the_probabilities_of_the_answers_tokens_alone(there, tmp_path, monkeypatch):
    trainer = trainer_of(prefer.section(dpo.Dpo), "generator/base", pairs(), tmp_path)
    batch = next(iter(trainer.get_train_dataloader()))
    scored = []

    class Scoring:
        @staticmethod
        def apply(states, *rest):
            scored.append(len(states))
            return chunked.apply(states, *rest)

    chunked = utils._ChunkedLogProbFunction
    monkeypatch.setattr(utils, "_ChunkedLogProbFunction", Scoring)
    trainer.compute_loss(trainer.model, batch)
    assert scored == [batch["completion_mask"].sum()] * 2  # tuned, and reference


def test_steps_of_dpo_raise_the_margin_of_what_is_preferred(there, tmp_path):
    params = prefer.section(dpo.Dpo).model_copy(
        update={"updates": 40, "lr": 2e-2, "targets": ("query", "value", "dense")}
    )
    trainer = trainer_of(params, "generator/base", pairs(), tmp_path)
    trainer.train()
    margins = [one["rewards/margins"] for one in trainer.state.log_history if "rewards/margins" in one]
    assert margins[0] < 0.02 < margins[-1]


def test_an_adapter_changes_the_model_that_it_is_loaded_onto_and_none_of_its_weights(there):
    base = AutoModelForCausalLM.from_pretrained("generator/base").eval()
    before = {name: weight.clone() for name, weight in base.state_dict().items()}
    ids = AutoTokenizer.from_pretrained("generator/base")(TEXTS[0], return_tensors="pt").input_ids
    plain = base(ids).logits
    tuned = PeftModel.from_pretrained(base, "generator/base-one").eval()
    assert not torch.allclose(tuned(ids).logits, plain)
    with tuned.disable_adapter():
        assert torch.allclose(tuned(ids).logits, plain)
    whole = tuned.merge_and_unload()
    assert set(whole.state_dict()) == set(before)


def test_an_interrupted_dpo_goes_on_and_ends_with_the_same_adapter(there, monkeypatch):
    class Stop(TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            if state.global_step == 5:
                raise KeyboardInterrupt

    whole = trainer_of
    with monkeypatch.context() as patch:
        patch.setattr(dpo, "trainer_of", lambda *given: _with(whole(*given), Stop()))
        with pytest.raises(KeyboardInterrupt):
            dpo.main("one", "generator/base", Path("preferences"), Path("generator/again"))
    assert not Path("generator/again").exists()
    assert list(Path(".scratch").glob("dpo-*/checkpoint-4"))
    dpo.main("one", "generator/base", Path("preferences"), Path("generator/again"))
    first, second = (Path(f"generator/{name}/adapter_model.safetensors").read_bytes() for name in ("base-one", "again"))
    assert first == second


def _with(trainer, callback: TrainerCallback):
    trainer.add_callback(callback)
    return trainer


def test_layers_that_the_model_lacks_are_an_error_that_names_the_parameter(there, tmp_path):
    params = prefer.section(dpo.Dpo).model_copy(update={"targets": ("q_proj",)})
    with pytest.raises(UserError, match=r"dpo\.targets .* do not fit generator/base"):
        trainer_of(params, "generator/base", pairs(), tmp_path)


def test_a_generator_that_is_not_there_is_an_error_with_its_cure(there, tmp_path):
    with pytest.raises(UserError, match=r"no causal model 'generator/none': build it with `dvc repro teach`"):
        trainer_of(prefer.section(dpo.Dpo), "generator/none", pairs(), tmp_path)


def answered(engine: Local, *requests: Request) -> list[Completion]:
    async def ask() -> list[Completion]:
        return list(await asyncio.gather(*map(engine.complete, requests)))

    return asyncio.run(ask())


def request(seed: int, adapter: str | None = None, tokens: int = 60, count: int = 1) -> Request:
    asked = Continuation("tuned", SCHEMA.relations[0], count, 1000)
    return Request(
        model="base", adapter=adapter, messages=asked.messages([tagged(SEEDS[0])]), answer=asked.answer(),
        temperature=1, top_p=1, max_tokens=tokens, seed=seed,
    )  # fmt: skip


ADAPTERS = {"base-one": "generator/base-one", "base-two": "generator/base-two"}


def test_whatever_it_writes_holds_one_head_and_one_tail(there):
    engine = Local(Transformers(batch_size=8), "generator/base", None, {})
    for one in answered(engine, *map(request, range(16))):
        assert regex.fullmatch(f"{SENTENCE} {END}", f" {one.text}", partial=one.finish == "length")
        assert "<e1>" in one.text or "<e2>" in one.text or one.finish == "length"


def test_it_writes_several_samples_in_one_answer(there):
    engine = Local(Transformers(batch_size=8), "generator/base", None, {})
    done = [one for one in answered(engine, *(request(seed, tokens=300, count=2) for seed in range(16)))
            if one.finish == "stop"]  # fmt: skip
    assert done
    assert all(one.text.count(END) == 2 for one in done)


def test_each_request_is_answered_by_its_own_adapter_whoever_waits_beside_it(there):
    engine = Local(Transformers(batch_size=8), "generator/base", None, ADAPTERS)
    mixed = answered(engine, request(1), request(1, "base-one"), request(1, "base-two"), request(1))
    plain = answered(Local(Transformers(batch_size=8), "generator/base", None, {}), request(1))
    alone = answered(Local(Transformers(batch_size=8), "generator/base", None, ADAPTERS), request(1, "base-two"))
    assert mixed[0].text == mixed[3].text == plain[0].text
    assert mixed[2].text == alone[0].text


def test_a_folder_without_an_adapter_is_an_error_with_its_cure(there, tmp_path):
    with pytest.raises(UserError, match=r"holds no LoRA adapter of this model .*: build it with `dvc repro dpo`"):
        Local(Transformers(batch_size=8), "generator/base", None, {"x": str(tmp_path)})


def test_a_prompt_that_leaves_no_room_for_an_answer_is_not_asked(there):
    engine = Local(Transformers(batch_size=8), "generator/base", None, {})
    with pytest.raises(Exception, match=r"too_long: .* has room for 512 tokens"):
        answered(engine, request(1, tokens=600))


@pytest.fixture(scope="module")
def written(project) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        patch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")
        write.main(RELATIONS, Path("seeds.jsonl"), Path("preferences/halves.json"), Path("generator"),
                   Path("candidates/tuned.jsonl"))  # fmt: skip
    return project


def test_the_stage_writes_each_relation_with_the_adapter_of_the_other_half(written, there):
    halves = json.loads(Path("preferences/halves.json").read_text(encoding="utf-8"))
    for answer in read_answers(Path("candidates/tuned.jsonl")):
        assert answer.request.adapter == ("base-two" if answer.relation in halves["one"] else "base-one")
    assert {answer.request.adapter for answer in read_answers(Path("candidates/untuned.jsonl"))} == {None}


def test_requests_name_the_weights_so_that_the_cache_answers_for_no_other_model(written, there):
    tuned, untuned = (read_answers(Path(f"candidates/{method}.jsonl")) for method in ("tuned", "untuned"))
    assert len({answer.request.revision for answer in tuned}) == 1
    assert tuned[0].request.revision != untuned[0].request.revision != None  # noqa: E711


def test_the_negative_label_is_not_written(written, there):
    assert SCHEMA.negative not in {answer.relation for answer in read_answers(Path("candidates/tuned.jsonl"))}


@pytest.fixture
def candidates(there) -> Path:
    """Sentences of two relations as if the generator had written them, and one that no check lets pass."""
    own = [one for one in read_examples(GAZETTE / "validation.jsonl", SCHEMA) if one.relation in SCHEMA.labels[:2]]
    texts = [(one.relation, tagged(one)) for one in own[:6]] + [(SCHEMA.labels[0], "no tags at all")]
    answers = []
    for number, (label, text) in enumerate(texts):
        [draft] = Continuation("tuned", SCHEMA.by_label[label], 1, 9).parse(
            f"tuned/{label}/{number}", text, truncated=False
        )
        completion = Completion(
            text=text, finish="stop", prompt_tokens=5, completion_tokens=7, seconds=None, engine="x", model="m"
        )
        answers.append(
            Answer(id=f"tuned/{label}/{number}", request=request(number), completion=completion, drafts=(draft,))
        )
    write_records(Path("seven.jsonl"), answers)
    return there


def verified(**changes) -> tuple[list[Accepted], list[Rejected], Pool]:
    params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    changed = params | {"verify": params["verify"] | {"folds": 2} | changes}  # there are three seeds of a relation
    Path("params.yaml").write_text(yaml.safe_dump(changed), encoding="utf-8")
    files = [Path(f"out/{name}") for name in ("accepted.jsonl", "rejected.jsonl", "pool.json")]
    try:
        verify.main("tuned", Path("seven.jsonl"), RELATIONS, Path("seeds.jsonl"), *files)
    finally:
        Path("params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    return read_judged(files[0], Accepted), read_judged(files[1], Rejected), read_pool(files[2])


def test_what_passes_the_checks_and_no_judge_contradicts_is_accepted(candidates):
    passed, rejected, pool = verified(threshold=0.0)
    assert len(passed) == 6
    assert [one.check for one in rejected] == ["mention_missing"]
    assert (pool.method, pool.drafts, pool.accepted, pool.rejected) == ("tuned", 7, 6, {"mention_missing": 1})


def test_what_judges_do_not_think_likely_enough_is_rejected_with_their_numbers(candidates):
    passed, rejected, pool = verified(threshold=1.0)
    assert passed == []
    assert pool.rejected == {"contradicted": 6, "mention_missing": 1}
    reasons = [one.reason for one in rejected if one.check == "contradicted"]
    assert all(re.fullmatch(r"\w+ has a probability of 0\.\d\d, \w+ one of 0\.\d\d", reason) for reason in reasons)


def test_more_folds_than_seeds_are_an_error_that_names_the_parameter(candidates):
    with pytest.raises(UserError, match=r"verify\.folds is 9, \w+ has 3 seeds: lower it"):
        verified(folds=9)
