"""Check what a method had written, sentence by sentence, and keep every rejected one with its reason.

Reads    data/candidates/<method>.jsonl; data/dataset/relations.jsonl; data/seeds/train.jsonl
Writes   data/accepted/<method>.jsonl; data/rejected/<method>.jsonl; results/pools/<method>.json: counts, cost,
         diversity
Alone    python -m stages.filter all_at_once data/candidates/all_at_once.jsonl data/dataset/relations.jsonl
         data/seeds/train.jsonl data/accepted/all_at_once.jsonl data/rejected/all_at_once.jsonl
         results/pools/all_at_once.json
"""

from pathlib import Path

from relseed.generation.answers import read_answers
from relseed.generation.judging import put_away, summary_of, verdicts
from relseed.llm.client import Budget
from relseed.pipeline.command import run
from relseed.pipeline.params import section
from relseed.tasks.relation.files import read_examples, read_schema
from relseed.tasks.relation.rules import Checks, Judge
from relseed.tracking.run import tracked


def main(
    method: str, candidates: Path, relations: Path, seeds: Path, accepted: Path, rejected: Path, pool: Path
) -> None:
    """Judge, count, measure, and write."""
    checks, budget = section(Checks), section(Budget)
    schema = read_schema(relations)
    reads, writes = [candidates, relations, seeds], [accepted, rejected, pool]
    with tracked("filter", params={"method": method, **checks.model_dump()}, reads=reads, writes=writes) as log:
        answers = read_answers(candidates)
        judged = verdicts(answers, Judge(schema, checks, read_examples(seeds, schema)))
        summary = summary_of(method, answers, judged, budget)
        put_away(judged, summary, log, accepted=accepted, rejected=rejected, pool=pool)


if __name__ == "__main__":
    run(main)
