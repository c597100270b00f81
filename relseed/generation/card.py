"""The data card of a synthetic set: what was written, by which model, how it was asked and checked."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from relseed.generation.pool import Pool
from relseed.llm.teacher import Teacher
from relseed.pipeline.templates import render
from relseed.records.files import md5_of
from relseed.tasks.relation.rules import NAMES, Checks
from relseed.tasks.relation.written import Accepted


def card_of(
    system: str, data: Path, chosen: Sequence[Accepted], pools: Sequence[Pool], teacher: Teacher, checks: Checks
) -> str:
    """The card of the set in `data`, chosen from `pools`, as Markdown."""
    return render(
        Path(__file__).with_name("card.md.jinja"),
        system=system,
        md5=md5_of(data),
        count=len(chosen),
        relations=Counter(one.relation for one in chosen),
        pools=pools,
        taken=Counter(one.method for one in chosen),
        teacher=teacher,
        checks=checks.model_dump(),
        names=NAMES,
    )
