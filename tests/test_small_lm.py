"""The small language model: it is tuned on background relations, and writes in their form."""

import json
import shutil
from pathlib import Path

import pytest
import regex
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback

from relseed.llm.engines.transformers import Transformers, TransformersEngine
from relseed.llm.request import RequestFailedError
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Params
from relseed.records.files import DataError
from relseed.small_lm.corpus import documents
from relseed.small_lm.tuned_model import start
from relseed.tasks.relation import TASK
from relseed.tasks.relation.continuation import document, line
from relseed.tasks.task import read_examples, read_schema
from stages import train_lm
from tests.small_lm import ALMANAC, BASE, SCHEMA, TEXTS, inside, request, responses, train_base

BACKGROUND = read_schema(ALMANAC / "relations.jsonl", TASK)
EXAMPLES = read_examples(ALMANAC / "sentences.jsonl", TASK, BACKGROUND)
RELATION = BACKGROUND.relations[0]
OF_RELATION = [example for example in EXAMPLES if example.relation == RELATION.relation]


# What it is tuned on


def test_the_background_relations_are_none_of_those_that_are_written():
    assert not set(BACKGROUND.labels) & set(SCHEMA.labels)


def test_a_document_shows_examples_of_one_relation():
    size = 3
    stream = documents(BACKGROUND.relations, EXAMPLES, size, seed=1)
    headers = {document(relation, []): relation.relation for relation in BACKGROUND.relations}
    for text in (next(stream) for _ in BACKGROUND.relations):
        header, *shown = text.splitlines(keepends=True)
        relation = headers.pop(header)  # each relation once in a round
        own = [line(TASK.show(example)) for example in EXAMPLES if example.relation == relation]
        assert set(shown) <= set(own)
        assert len(shown) == size


def test_documents_show_every_example_of_a_relation_before_any_again():
    stream = documents([RELATION], EXAMPLES, size=6, seed=1)
    shown = [text for _ in range(len(OF_RELATION) // 6) for text in next(stream).splitlines(keepends=True)[1:]]
    assert sorted(shown) == sorted(line(TASK.show(example)) for example in OF_RELATION)


def test_the_documents_follow_the_random_seed():
    def first(seed: int) -> list[str]:
        stream = documents(BACKGROUND.relations, EXAMPLES, 3, seed)
        return [next(stream) for _ in range(4)]

    assert first(1) == first(1) != first(2)


# The stage


@pytest.fixture(scope="module")
def project(tmp_path_factory, tiny_llm) -> Path:
    folder = tmp_path_factory.mktemp("small_lm")
    train_base(folder, tiny_llm)
    return folder


@pytest.fixture
def base(project):
    """The folder of the trained model, from within its project."""
    with inside(project):
        yield BASE


def test_training_writes_a_model_in_bf16_that_transformers_loads_with_its_tokenizer_and_its_history(base):
    model = AutoModelForCausalLM.from_pretrained(base, dtype="auto")
    assert model.dtype == torch.bfloat16
    assert AutoTokenizer.from_pretrained(base)(TEXTS[0])["input_ids"]
    assert json.loads(Path(base, "history.json").read_text(encoding="utf-8"))
    assert not list(Path(".scratch").glob("train_lm-*"))


def test_the_adapter_is_merged_into_the_weights_that_it_was_trained_on(base, tiny_llm):
    before, after = (AutoModelForCausalLM.from_pretrained(folder).state_dict() for folder in (tiny_llm, base))
    assert set(before) == set(after)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {name for name in before if "_proj" in name}


def test_its_chat_template_gives_a_document_and_what_continues_it_as_they_are(base):
    turns = [{"role": "user", "content": TEXTS[0]}, {"role": "assistant", "content": "- [a] {b}.\n"}]
    tokenizer = AutoTokenizer.from_pretrained(base)
    assert tokenizer.apply_chat_template(turns, tokenize=False) == f"{TEXTS[0]}- [a] {{b}}.\n{tokenizer.eos_token}"


def test_the_loss_counts_every_token_of_a_document_and_its_end_and_no_padding(base, tmp_path):
    config = Params.read().section("lms.base", train_lm.TrainLM)
    model, tokenizer = start(config.start, config.revision, config.lora)
    tokenizer.pad_token = tokenizer.eos_token  # as SmolLM2 has it
    trainer = train_lm._trainer(config, model, tokenizer, ["a longer one", "short"], tmp_path)
    batch = trainer.data_collator([trainer.train_dataset[at] for at in range(2)])
    counted = [row[row != -100].tolist() for row in batch["labels"]]
    assert [tokenizer.decode(ids) for ids in counted] == ["a longer one</s>", "short</s>"]


def test_layers_that_the_model_lacks_are_an_error_that_names_the_parameter(base):
    config = Params.read().section("lms.base", train_lm.TrainLM).model_copy(update={"target_modules": ("query",)})
    with pytest.raises(UserError, match=r"lms: target_modules do not fit"):
        start(config.start, config.revision, config.lora)


def test_a_tokenizer_without_a_token_for_the_end_is_an_error_that_says_so(base, tiny_llm, tmp_path):
    shutil.copytree(tiny_llm, tmp_path / "endless")
    tokenizer = AutoTokenizer.from_pretrained(tiny_llm)
    tokenizer.eos_token = None
    tokenizer.save_pretrained(tmp_path / "endless")
    config = Params.read().section("lms.base", train_lm.TrainLM)
    with pytest.raises(UserError, match="has no token for the end of a text"):
        start(str(tmp_path / "endless"), None, config.lora)


class Interrupting(TrainerCallback):
    """Interrupts a training after its third step."""

    def __init__(self, *_):
        pass

    def on_step_end(self, args, state, control, **_):
        if state.global_step == 3:
            raise KeyboardInterrupt


def test_an_interrupted_training_resumes_and_ends_with_the_same_bytes(base, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(train_lm, "MetricsCallback", Interrupting)
        train_lm.main("base", background=ALMANAC, models=Path("cut"))
    assert list(Path(".scratch").glob("train_lm-*/checkpoint-2"))
    train_lm.main("base", background=ALMANAC, models=Path("cut"))
    assert Path("cut/base/model.safetensors").read_bytes() == Path(base, "model.safetensors").read_bytes()


def test_an_entry_that_is_not_there_is_an_error_that_lists_those_that_are(base):
    with pytest.raises(UserError, match="lms has no entry 'other', it has base"):
        train_lm.main("other", background=ALMANAC, models=Path("models/lm"))


def test_background_relations_that_are_not_there_are_an_error_and_nothing_is_written(base, tmp_path):
    with pytest.raises(DataError, match=r"relations\.jsonl: file not found"):
        train_lm.main("base", background=tmp_path, models=tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_a_second_training_writes_the_same_bytes(base):
    train_lm.main("base", background=ALMANAC, models=Path("again"))
    for name in ("model.safetensors", "tokenizer.json"):
        assert Path(base, name).read_bytes() == Path("again/base", name).read_bytes()


# What it writes


@pytest.fixture
def engine(base) -> TransformersEngine:
    return TransformersEngine(Transformers(batch_size=8), base, None, {})


def test_whatever_it_writes_holds_one_head_and_one_tail(engine):
    form = request(1).response_schema["regex"]
    for response in responses(engine, *map(request, range(16))):
        assert regex.fullmatch(form, response.text, partial=response.truncated)


def test_it_writes_several_sentences_in_one_response(engine):
    asked = [request(seed, tokens=300, count=2) for seed in range(16)]
    whole = [response for response in responses(engine, *asked) if not response.truncated]
    assert whole
    assert all(response.text.count("\n") == 2 for response in whole)


def test_a_prompt_that_leaves_no_room_for_a_response_fails_and_says_so(engine):
    with pytest.raises(RequestFailedError, match=r"too_long: .* has room for 8192 tokens"):
        responses(engine, request(1, tokens=8192))
