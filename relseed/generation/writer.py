"""The two ways to have samples written: all at once, and one by one."""

import random
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from pydantic import Field, PositiveInt

from relseed.generation.answers import Answer
from relseed.generation.asking import Asking, Expected, gathered
from relseed.generation.counts import reject_table
from relseed.llm.client import CHARACTERS_PER_TOKEN
from relseed.llm.request import Request
from relseed.llm.teacher import Generator, Teacher, open_client
from relseed.pipeline.params import Section
from relseed.records.files import write_records
from relseed.tasks.relation import Example, Relation, Schema
from relseed.tasks.relation.continuation import Continuation
from relseed.tasks.relation.rules import Judge
from relseed.tasks.relation.samples import Kind, Manner, Samples
from relseed.tasks.relation.tags import tagged
from relseed.tasks.relation.templates import demonstration
from relseed.tasks.relation.written import Accepted, Rejected
from relseed.tracking.run import Run


class Generate(Section):
    """How many samples to have written, and what to ask for."""

    per_relation: PositiveInt  # accepted samples wanted
    at_most: float = Field(
        ge=1, allow_inf_nan=False
    )  # times per_relation that are asked for; then a relation stays short
    samples: PositiveInt  # asked for in one answer, all_at_once
    demonstrations: PositiveInt  # seeds shown, at most
    negatives: tuple[Literal["co_occurrence", "hard"], ...]  # kinds of negative samples, in turn; none: none written
    diversity: bool  # ask for samples as different as possible
    sample_tokens: PositiveInt  # of an answer, for each sample

    @property
    def bound(self) -> int:
        """Samples that are asked for, at most, of one relation."""
        return int(round(self.per_relation * self.at_most, 6))


Asked = Samples | Continuation


class Write(Generate):
    """How many samples the generator is to write, and how."""

    manner: Manner


class Writer:
    """Has the samples of one relation written, all at once or one by one, under the name of a method."""

    def __init__(
        self,
        method: str,
        manner: Manner,
        relation: Relation,
        judge: Judge,
        teacher: Teacher,
        generate: Generate,
    ) -> None:
        """Show the seeds of `judge`, and count what its checks accept; its pool stays as it is."""
        self.method, self.manner, self.relation = method, manner, relation
        self.teacher, self.generate = teacher, generate
        self._judge = judge.anew()
        self.rejected: list[Rejected] = []
        own = [seed for seed in judge.seeds if seed.relation == relation.relation]
        self._shown = [demonstration(seed) for seed in own[: self.generate.demonstrations]]

    def expected(self) -> Expected:
        """What the writing will take if every sample is accepted."""
        if self.manner == "all_at_once":
            wanted = self._round(0, self.generate.per_relation)
            return Expected.of([self._shuffled(number, count)[1] for number, count in wanted])
        first = Expected.of([self.request(0, 1, self._shown)[1]])
        count = self.generate.per_relation
        sample = sum(map(len, self._shown)) // max(1, len(self._shown)) // CHARACTERS_PER_TOKEN
        grown = sample * count * (count - 1) // 2  # the second prompt shows one sample more, the third two
        return Expected(count, first.prompt_tokens * count + grown, first.completion_tokens * count)

    async def write(self, asking: Asking) -> list[Answer]:
        """Ask until enough samples are accepted, or the bound is reached.

        Raises:
            StoppedError: An answer did not come.
        """
        return await (self._one_by_one(asking) if self.manner == "one_by_one" else self._all_at_once(asking))

    async def _all_at_once(self, asking: Asking) -> list[Answer]:
        """Ask for what is missing, several answers at a time (Xu et al. 2023; TKRE's schema-constrained generation)."""
        answers: list[Answer] = []
        accepted = asked = 0
        while (missing := min(self.generate.per_relation - accepted, self.generate.bound - asked)) > 0:
            wanted = self._round(len(answers), missing)
            got = await gathered(
                [self._ask(asking, number, *self._shuffled(number, count)) for number, count in wanted]
            )
            for answer in got:
                if isinstance(answer, BaseException):
                    raise answer
                answers.append(answer)
                accepted += len(self._accepted(asking, answer))
            asked += missing
        return answers

    async def _one_by_one(self, asking: Asking) -> list[Answer]:
        """Ask for one sample after another; each prompt shows all that were accepted (Li, Dai and Li 2025)."""
        answers: list[Answer] = []
        shown = list(self._shown)
        written = 0
        while written < self.generate.per_relation and len(answers) < self.generate.bound:
            number = len(answers)
            answers.append(await self._ask(asking, number, *self.request(number, 1, shown)))
            new = self._accepted(asking, answers[-1])
            shown += map(tagged, new)
            written += len(new)
        return answers

    def _round(self, start: int, missing: int) -> list[tuple[int, int]]:
        """Numbers of requests and how many samples each asks for."""
        size = self.generate.samples
        counts = [min(size, missing - done) for done in range(0, missing, size)]
        return list(enumerate(counts, start))

    def _shuffled(self, number: int, count: int) -> tuple[Asked, Request]:
        """A request that shows the seeds in an order of its own, lest the last one be copied time and again."""
        shown = list(self._shown)
        random.Random(f"{self.teacher.seed}/{self._id(number)}").shuffle(shown)
        return self.request(number, count, shown)

    def request(self, number: int, count: int, shown: Sequence[str]) -> tuple[Asked, Request]:
        """What is asked for as number `number`, and how, where `shown` are the samples in the prompt."""
        asked, tokens = self._asked(number, count), self.generate.sample_tokens * (count + 1)
        return asked, self.teacher.request(self._id(number), asked.messages(shown), asked.answer(), tokens)

    def _asked(self, number: int, count: int) -> Asked:
        if isinstance(self.teacher, Generator) and self.teacher.prompt == "continuation":
            return Continuation(self.method, self.relation, count, self.teacher.prompt_characters)
        return Samples(
            method=self.method,
            manner=self.manner,
            schema=self._judge.schema,
            relation=self.relation,
            kind=self._kind(number),
            count=count,
            shortest=self._judge.checks.shortest,
            longest=self._judge.checks.longest,
            types=self._judge.types,
            diversity=self.generate.diversity,
        )

    def _kind(self, number: int) -> Kind:
        kinds = self.generate.negatives
        return kinds[number % len(kinds)] if self.relation.negative else "stated"

    def _id(self, number: int) -> str:
        return f"{self.method}/{self.relation.relation}/{number}"

    async def _ask(self, asking: Asking, number: int, asked: Asked, request: Request) -> Answer:
        id = self._id(number)
        return await asking.ask(id, request, partial(asked.parse, id))

    def _accepted(self, asking: Asking, answer: Answer) -> list[Accepted]:
        judged = list(map(self._judge.judge, answer.drafts))
        accepted = [one for one in judged if isinstance(one, Accepted)]
        self.rejected += [one for one in judged if isinstance(one, Rejected)]
        asking.accept(len(accepted))
        return accepted


def to_write(schema: Schema, seeds: Sequence[Example], params: Generate) -> list[Relation]:
    """The relations to have samples of: those with seeds to show, the negative label only where it is wanted."""
    seeded = {seed.relation for seed in seeds}
    wanted = [relation for relation in schema.relations if params.negatives or not relation.negative]
    for relation in wanted:
        if relation.relation not in seeded:
            print(f"no samples of {relation.relation} are asked for: it has no seeds to show")
    return [relation for relation in wanted if relation.relation in seeded]


async def written_by(
    writers: Sequence[Writer], llm: Teacher, title: str, shown: str, adapters: Mapping[str, str] = MappingProxyType({})
) -> list[Answer]:
    """Have all writers write, side by side; `title` names it in files, `shown` on the progress bar.

    Raises:
        UserError: Not everything was answered.
    """
    async with open_client(title, llm, adapters) as client:
        asking = Asking(client, shown, sum(writer.generate.per_relation for writer in writers))
        asking.announce(sum((writer.expected() for writer in writers), Expected(0, 0, 0)))
        return [answer for each in await asking.all([writer.write(asking) for writer in writers]) for answer in each]


def put_away(answers: Sequence[Answer], writers: Sequence[Writer], log: Run, candidates: Path) -> None:
    """Print what was rejected on the way and why, log the counts, and write the answers."""
    rejected = [one for writer in writers for one in writer.rejected]
    drafts = sum(len(answer.drafts) for answer in answers)
    print("\n".join(reject_table(rejected, drafts - len(rejected))))
    log.log_metrics({"requests": len(answers), "drafts": drafts, "rejected": len(rejected)})
    write_records(candidates, answers)
