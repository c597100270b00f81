"""The data card of a synthetic set: what was written, by which model, how it was asked and checked."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from stages.llm.teacher import Teacher
from stages.pipeline.templates import render
from stages.quality.checks import NAMES, Checks
from stages.records.files import md5_of
from stages.records.written import Accepted
from stages.writing.pool import Pool


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
