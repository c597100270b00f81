"""Blending: one sentence made of the best candidates of a tuple (after LLM-Blender, Jiang, Ren and Lin 2023)."""

from collections.abc import Sequence
from typing import Any

from relseed.criteria.cache import CachedScorer
from relseed.criteria.criterion import Scoring
from relseed.generation.exchanges import Exchange
from relseed.generation.method import Method, Target, llm_named
from relseed.generation.units import tuple_targets
from relseed.generation.writing import Written, write
from relseed.llm.client import Client
from relseed.pipeline.named import load
from relseed.pipeline.params import Params
from relseed.pipeline.workers import Workers
from relseed.quality.rules import RuleFilter, RuleSettings
from relseed.ranking.candidates import Scored
from relseed.ranking.rank import Order
from relseed.ranking.settings import Ranking
from relseed.records.scores import BLEND
from relseed.tasks.relation import TASK, Example, Schema
from relseed.tasks.relation.entity_tuple import EntityTuple, tuple_of
from relseed.tasks.relation.tags import tagged


def blender(params: Params, settings: Ranking, schema: Schema, seeds: Sequence[Example]) -> Method:
    """The method that blends for a ranking.

    Raises:
        UserError: There is no such LLM.
    """
    assert settings.blend is not None
    rules = params.section("rules", RuleSettings)
    checks = RuleFilter(TASK.rules(schema, seeds, rules), rules, seeds)
    llm = llm_named(params, settings.blend.llm, TASK)
    return Method(BLEND, settings.blend, llm, TASK, schema, checks)


def drafts_of(order: Order, most: int) -> EntityTuple | None:
    """The tuple with its best candidates as drafts; None where there is nothing to blend."""
    best = [Example.model_validate(each.example) for each, _ in order.ranked[:most]]
    if len(best) < 2:
        return None
    return tuple_of(best[0]).model_copy(update={"drafts": tuple(map(tagged, best))})


async def blend(method: Method, tuples: Sequence[EntityTuple], client: Client) -> Written:
    """Have a blend of the drafts of each tuple written.

    Raises:
        UserError: Not every request was answered.
    """
    return await write(method, client, targets_about(method, tuples))


def targets_about(method: Method, tuples: Sequence[EntityTuple]) -> list[Target]:
    """What the method writes: all the tuples."""
    return tuple_targets(method, tuples, method.settings.per_request)


def scored(exchanges: Sequence[Exchange], method: Method, settings: Ranking, params: Params) -> list[Scored]:
    """The first blend of each tuple that passes the rules, with its scores by the ranking's criteria.

    Raises:
        UserError: A criterion cannot score.
    """
    accepted, _ = method.rules.with_nothing_accepted().apply_all(
        candidate for exchange in exchanges for candidate in exchange.candidates
    )
    blends = list({_about(example): example for example in reversed(accepted)}.values())[::-1]
    by_criterion = {name: _scores(name, blends, method, params) for name in settings.criteria}
    return [
        Scored(
            example.id,
            _about(example),
            BLEND,
            {name: found[at] for name, found in by_criterion.items()},
            example.model_dump(exclude_unset=True),
        )
        for at, example in enumerate(blends)
    ]


def _scores(criterion: str, blends: Sequence[Any], method: Method, params: Params) -> list[float]:
    module = load("relseed.criteria", criterion, "criterion")
    settings = params.section(f"criteria.{criterion}", module.Settings)
    scoring = Scoring(settings, TASK, method.schema, method.rules.seeds)
    scorer = CachedScorer(criterion, module, scoring, params.section("workers", Workers))
    return [round(score.value, 6) for score in scorer(blends)]


def _about(example: Any) -> str:
    return str((example.model_extra or {}).get("tuple"))
