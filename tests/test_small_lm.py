"""The small language model: it begins as an encoder, is trained on background relations, and writes in their form."""

import json
from pathlib import Path

import pytest
import regex
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, DistilBertConfig

from relseed.llm.engines.transformers import Transformers, TransformersEngine
from relseed.llm.request import RequestFailedError
from relseed.pipeline.errors import UserError
from relseed.records.files import DataError
from relseed.small_lm.corpus import documents
from relseed.small_lm.warm_start import TAGS, warm_start
from relseed.tasks.relation import TASK
from relseed.tasks.relation.continuation import END, SENTENCE, STOP, document
from relseed.tasks.task import read_examples, read_schema
from relseed.training.encoders import EMBEDDED, load_encoder, load_tokenizer
from stages import train_lm
from tests.small_lm import ALMANAC, BASE, SCHEMA, TEXTS, inside, request, responses, train_base

BACKGROUND = read_schema(ALMANAC / "relations.jsonl", TASK)
EXAMPLES = read_examples(ALMANAC / "sentences.jsonl", TASK, BACKGROUND)
RELATION = BACKGROUND.relations[0]
OF_RELATION = [example for example in EXAMPLES if example.relation == RELATION.relation]


# Its start


@pytest.fixture(scope="module")
def started(tiny_encoder):
    """Model and tokenizer before any training."""
    torch.manual_seed(1)
    return warm_start(str(tiny_encoder), TEXTS, base_vocab_size=12000, dropout=0.0)


def test_the_embeddings_and_layers_begin_as_the_encoder_s(started, tiny_encoder):
    model, tokenizer = started
    encoder, old = load_encoder(str(tiny_encoder)), load_tokenizer(str(tiny_encoder))
    for word in ("the", "##s", "founded"):
        ours = model.get_input_embeddings().weight[tokenizer.convert_tokens_to_ids(word)]
        assert torch.equal(ours, encoder.get_input_embeddings().weight[old.convert_tokens_to_ids(word)])
    layers = model.bert.encoder.state_dict()
    assert all(torch.equal(layers[name], weight) for name, weight in encoder.encoder.state_dict().items())


def test_it_is_causal(started):
    model, tokenizer = started
    first, second = (tokenizer(text, return_tensors="pt").input_ids for text in ("the old town", "the old boat"))
    logits = [model.eval()(ids).logits[0, :-1] for ids in (first, second)]
    torch.testing.assert_close(*logits)


def test_the_vocabulary_holds_what_is_frequent_what_the_texts_hold_and_the_tags(started):
    model, tokenizer = started
    assert 11000 < len(tokenizer) < 11200  # the rest of the first 12,000 are unused places
    assert model.config.vocab_size == len(tokenizer) == len(model.get_output_embeddings().weight)
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    assert tokenizer.unk_token_id not in tokenizer(TEXTS[0])["input_ids"]
    assert [tokenizer.tokenize(f"x{tag}y")[1:-1] for tag in TAGS] == [[tag] for tag in TAGS]


def test_a_text_comes_back_from_its_tokens_in_lower_case(started):
    _, tokenizer = started
    text = "so <e1> ada </e1> has the <e2> boat </e2>, they say."
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_its_chat_template_gives_a_document_and_what_continues_it_as_they_are(started):
    _, tokenizer = started
    turns = [{"role": "user", "content": TEXTS[0]}, {"role": "assistant", "content": " <e1>a</e1>"}]
    assert tokenizer.apply_chat_template(turns, tokenize=False) == f"{TEXTS[0]} <e1>a</e1> [SEP]"


def test_an_encoder_that_is_no_bert_is_an_error_that_says_what_to_take(tmp_path):
    load_tokenizer(EMBEDDED).save_pretrained(tmp_path)
    DistilBertConfig().save_pretrained(tmp_path)
    with pytest.raises(UserError, match=r"lms: encoder is .*, a distilbert: take a BERT"):
        warm_start(str(tmp_path), TEXTS, base_vocab_size=100, dropout=0.0)


# What it is trained on


def test_the_background_relations_are_none_of_those_that_are_written():
    assert not set(BACKGROUND.labels) & set(SCHEMA.labels)


def test_a_document_shows_examples_of_one_relation_and_ends():
    size = 3
    stream = documents(BACKGROUND.relations, EXAMPLES, size, seed=1)
    headers = {document(relation, []): relation.relation for relation in BACKGROUND.relations}
    for text in (next(stream) for _ in BACKGROUND.relations):
        header, *shown, stop = text.split(f" {END}")
        relation = headers.pop(f"{header} {END}")  # each relation once in a round
        own = [TASK.show(example) for example in EXAMPLES if example.relation == relation]
        assert {sentence.strip() for sentence in shown} <= set(own)
        assert (len(shown), stop) == (size, f" {STOP}")


def test_documents_show_every_example_of_a_relation_before_any_again():
    stream = documents([RELATION], EXAMPLES, size=6, seed=1)
    shown = [text for _ in range(len(OF_RELATION) // 6) for text in next(stream).split(f" {END}")[1:-1]]
    assert sorted(text.strip() for text in shown) == sorted(map(TASK.show, OF_RELATION))


def test_the_documents_follow_the_random_seed():
    def first(seed: int) -> list[str]:
        stream = documents(BACKGROUND.relations, EXAMPLES, 3, seed)
        return [next(stream) for _ in range(4)]

    assert first(1) == first(1) != first(2)


# The stage


@pytest.fixture(scope="module")
def project(tmp_path_factory, tiny_encoder) -> Path:
    folder = tmp_path_factory.mktemp("small_lm")
    train_base(folder, tiny_encoder)
    return folder


@pytest.fixture
def base(project):
    """The folder of the trained model, from within its project."""
    with inside(project):
        yield BASE


def test_training_writes_a_model_that_transformers_loads_with_its_tokenizer_and_its_history(base):
    model = AutoModelForCausalLM.from_pretrained(base)
    assert model.config.is_decoder
    assert len(AutoTokenizer.from_pretrained(base)) == model.config.vocab_size
    assert json.loads(Path(base, "history.json").read_text(encoding="utf-8"))
    assert not list(Path(".scratch").glob("train_lm-*"))


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
    for response in responses(engine, *map(request, range(16))):
        assert regex.fullmatch(f"{SENTENCE} {END}", f" {response.text}", partial=response.truncated)
        assert "<e1>" in response.text or "<e2>" in response.text or response.truncated


def test_it_writes_several_sentences_in_one_response(engine):
    asked = [request(seed, tokens=300, count=2) for seed in range(16)]
    whole = [response for response in responses(engine, *asked) if not response.truncated]
    assert whole
    assert all(response.text.count(END) == 2 for response in whole)


def test_a_prompt_that_leaves_no_room_for_a_response_fails_and_says_so(engine):
    with pytest.raises(RequestFailedError, match=r"too_long: .* has room for 512 tokens"):
        responses(engine, request(1, tokens=600))
