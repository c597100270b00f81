"""The README says what the project is: generated parts are current, links lead somewhere, every part is used."""

import re

import pytest

from docs.readme import PARTS, generated
from relseed.datasets import folder
from tests.graph import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_diagram_tables_and_file_list_equal_what_the_project_generates(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert generated(README) == README


@pytest.mark.parametrize("name", PARTS)
def test_every_generated_part_has_its_place(name):
    assert f"<!-- generated: {name} -->" in README


def test_every_relative_link_leads_to_a_file_that_exists():
    targets = [link for link in re.findall(r"\]\(([^)#\s]+)\)", README) if "://" not in link]
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_lines_of_the_recipe_for_own_data_are_read_as_own_data(tmp_path):
    relations, example = re.findall(r"```json\n(.*?)```", README, re.S)
    (tmp_path / "relations.jsonl").write_text(relations, encoding="utf-8")
    for split in ("train", "validation", "test"):
        (tmp_path / f"{split}.jsonl").write_text(example, encoding="utf-8")
    dataset = folder.read(tmp_path)
    [read] = dataset.splits["train"]
    assert dataset.schema.labels == ("founded_by", "no_relation")
    assert (read.head.within(read.text), read.tail.within(read.text)) == ("Nordlys", "Ada Holm")
