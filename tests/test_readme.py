"""The README says what the project is: generated parts are current, links lead somewhere, every part is used."""

import re

import pytest

from docs.readme import PARTS, generated
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
