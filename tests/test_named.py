"""What params.yaml names: a module of that name, or an error that lists what there is."""

import re
from importlib import import_module

import pytest

from relseed.pipeline.errors import UserError
from relseed.pipeline.named import load, names

# What a module of each package must have.
PACKAGES = {
    "relseed.classifier.heads": ["build"],
    "relseed.classifier.losses": ["decided"],
    "relseed.criteria": ["scorer"],
    "relseed.datasets": ["read"],
    "relseed.llm.engines": ["opened"],
    "relseed.methods": ["write", "make"],  # one of these
    "relseed.tasks": ["TASK"],
    "relseed.tuples": ["collect"],
}


def test_a_module_is_found_by_its_name():
    assert load("relseed.methods", "one_by_one", "loop") is import_module("relseed.methods.one_by_one")


def test_an_unknown_name_is_an_error_that_lists_the_known_ones():
    with pytest.raises(UserError, match=r"^no engine 'vlm': there are batch, openai, seq2seq, transformers, vllm$"):
        load("relseed.llm.engines", "vlm", "engine")


@pytest.mark.parametrize(
    ("package", "module"),
    [(package, module) for package in PACKAGES for module in names(package)],
    ids=lambda value: value.removeprefix("relseed."),
)
def test_whatever_an_error_lists_can_be_named(package, module):
    found = load(package, module, "module")
    assert any(hasattr(found, name) for name in PACKAGES[package])


@pytest.mark.parametrize(
    ("package", "module"),
    [(package, module) for package in PACKAGES for module in getattr(import_module(package), "SHARED", ())],
)
def test_what_modules_share_is_found_by_no_name(package, module):
    import_module(f"{package}.{module}")
    with pytest.raises(UserError, match=f"^no thing {re.escape(repr(module))}"):
        load(package, module, "thing")


@pytest.mark.parametrize("name", ["", "os", "../relation", "relation.rules", "__init__"])
def test_no_other_module_is_found_whatever_the_name_holds(name):
    with pytest.raises(UserError, match=f"^no task {re.escape(repr(name))}: there are "):
        load("relseed.tasks", name, "task")
