"""One word for one thing: names that code, parameters and messages no longer have."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.graph import PARAMS, ROOT

# Retired words, and the files in which they mean something else.
RETIRED = {
    # Words that meant two things.
    "generators?|Generator": ("engines/sampling.py", "pretraining/", "evaluation/drift.py"),  # of random numbers
    "writers?|Writer|written_by": (
        "report/plots.py",
        "stages/release.py",
        "benchmarks/transfer.py",
    ),  # of CSV; a field of released data; a type of CrossRE
    "judges?|judged|judging|Judges?": (),
    "manners?|Manners?": (),
    "pools?|Pools?": (),
    "mixtures?|Mixtures?": (),
    "refused|refuses|refuse": (
        "relseed/llm/",
        "relseed/generation/",
        "params.yaml",
        "records/candidates.py",
        "quality/rules.py",
        "explanations/prompt.py",
        "tuples/written.py",
    ),  # by a provider, or by a model
    "samples|Samples": (
        "benchmarks/scale_data.py",
        "tasks/formatting.py",
        "tasks/structured.py",
        "tasks/relation/prompt.py",
        "tasks/relation/passage_prompt.py",
        "tasks/relation/tuple_prompts.py",
    ),  # a field of responses
    "ALIKE|Told|put_away|Kind|Pair": ("benchmarks/scale_data.py",),  # words of a prompt
    "training[ _-]seeds?": (),
    "chances?": (),
    "teach|taught|Teacher": (),
    "teacher": ("params.yaml", "benchmarks/scale.py"),  # an entry of `llms`
    "verdicts?|Verdicts?": (),
    # Names that the field has others for, or that say nothing.
    "updates": (),
    "hybrid|synthetic": (),
    "Answer|Asking|Life|Recipe|About|Look|Labelled|Spent": (),
    "retaught|borne_out|mined|timeless|anew": (),
    # Words that readers stumble over.
    "lest|hitherto|kin|in vain|for good|for ever|spoils?|hears? of|no say": (),
}
# Retired keys of params.yaml.
RETIRED_KEYS = """
    teach prefer verify leaks mixtures hybrid pretrained generators writers generator shortest longest at_most
    sample_tokens diversity frequent updates evaluate_every save_every accumulate clip warmup targets rank alpha frozen
    mslm scl patience pause constrained start_within training_seeds per_relation samples manner mined checks
"""
CODE = [path for folder in ("relseed", "stages", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
TEMPLATES = [path for path in (ROOT / "relseed").rglob("*.jinja") if "report" in path.parts or "heads" in path.parts]
FILES = [*CODE, *TEMPLATES, *(ROOT / name for name in ("params.yaml", "dvc.yaml", "Makefile"))]


def hits(words: str, path: Path) -> list[str]:
    """The lines of a file that hold one of `words`, alone or as a part of a name with underscores."""
    name = path.relative_to(ROOT).as_posix()
    pattern = re.compile(rf"(?<![A-Za-z])({words})(?![A-Za-z])")
    lines = path.read_text(encoding="utf-8").splitlines()
    return [f"{name}:{number}: {line.strip()}" for number, line in enumerate(lines, 1) if pattern.search(line)]


@pytest.mark.parametrize("words", RETIRED)
def test_a_retired_word_is_gone_from_code_parameters_and_messages(words):
    other = RETIRED[words]
    files = [path for path in FILES if not any(place in path.relative_to(ROOT).as_posix() for place in other)]
    assert [hit for path in files for hit in hits(words, path)] == []


def keys(params: Any) -> set[str]:
    """All keys of parameters, at any depth."""
    return (
        set(params) | {key for value in params.values() for key in keys(value)} if isinstance(params, dict) else set()
    )


def test_no_parameter_has_a_retired_name():
    assert keys(PARAMS) & set(RETIRED_KEYS.split()) == set()


@pytest.mark.parametrize("words", [words for words, other in RETIRED.items() if other])
def test_a_file_in_which_a_retired_word_means_something_else_has_it(words):
    for place in RETIRED[words]:
        assert any(hits(words, path) for path in FILES if place in path.relative_to(ROOT).as_posix()), place
