"""A paragraph about each entity of tuples (AmalREC's extended context): a user's own, or one that an LLM writes."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from relseed.generation.exchanges import Exchange
from relseed.generation.runner import CostEstimate, RequestRunner
from relseed.llm.client import Client
from relseed.llm.llm import LLM
from relseed.llm.request import Message, Request
from relseed.pipeline.params import Section
from relseed.pipeline.templates import render
from relseed.quality.duplicates import normalise
from relseed.records.candidates import Candidate, candidate_id, request_id
from relseed.records.files import read_records
from relseed.tasks.relation import Schema
from relseed.tasks.relation.entity_tuple import EntityTuple
from relseed.tasks.structured import CUT_OFF, describe_error, json_schema, list_object

METHOD = "contexts"


class Contexts(Section):
    """The section `contexts`."""

    llm: str  # an entry of `llms` that writes them; one that is null: `reads` holds them
    reads: Path  # recorded responses; or JSON Lines with `name` and `text`
    per_request: PositiveInt  # entities of one request, at most
    max_tokens_per_entity: PositiveInt  # of a response: this for each entity, and as much once more


class Paragraph(BaseModel):
    """A line of a user's own file."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str
    text: str = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Entity:
    """What a paragraph is to be about, and one fact of it that the paragraph must agree with."""

    name: str
    type: str | None
    relation: str
    fact: str

    @property
    def key(self) -> str:
        """Its name as names are compared."""
        return normalise(self.name)


def entities_of(tuples: Iterable[EntityTuple], schema: Schema) -> list[Entity]:
    """Each entity once, with the first of its tuples that asserts something."""
    found: dict[str, Entity] = {}
    for each in tuples:
        relation = schema.by_label[each.relation]
        if relation.negative:
            continue
        fact = f"{relation.definition} (head: {each.head}, tail: {each.tail})"
        for name, type in ((each.head, each.head_type), (each.tail, each.tail_type)):
            entity = Entity(name, type, each.relation, fact)
            found.setdefault(entity.key, entity)
    return list(found.values())


def with_contexts(tuples: Iterable[EntityTuple], paragraphs: Mapping[str, str]) -> Iterator[EntityTuple]:
    """The tuples with the paragraphs of their entities, which are found by their names as these are compared."""
    for each in tuples:
        found = {role: paragraphs.get(normalise(getattr(each, role))) for role in ("head", "tail")}
        yield each.model_copy(update={f"{role}_context": text for role, text in found.items() if text})


def read_paragraphs(path: Path) -> dict[str, str]:
    """A user's own paragraphs, by name.

    Raises:
        DataError: The file is missing, or a line has no name or no text.
    """
    cure = 'each line is an object with "name" and "text"'
    return {normalise(each.name): " ".join(each.text.split()) for _, each in read_records(path, Paragraph, cure=cure)}


@dataclass(frozen=True, slots=True)
class ContextPrompt:
    """A request for paragraphs about some entities."""

    entities: Sequence[Entity]

    def messages(self) -> tuple[Message, ...]:
        """The conversation that names them."""
        text = render(Path(__file__).with_name("contexts.jinja"), entities=self.entities)
        return (Message(role="user", content=text),)

    def response_schema(self) -> dict[str, Any]:
        """The JSON schema that a response must fit."""
        numbers = {"enum": list(range(1, len(self.entities) + 1))}
        article = json_schema(entity=numbers, paragraph={"type": "string"})
        count = {"minItems": len(self.entities), "maxItems": len(self.entities)}
        return json_schema(articles={"type": "array", "items": article, **count})

    def parse(self, id: str, text: str, *, truncated: bool) -> list[Candidate]:
        """A response, whatever it is, as a candidate for each paragraph in it. Never raises."""
        label = self.entities[0].relation
        made: dict[str, Any] = {"method": METHOD, "label": label}
        try:
            values, rest = list_object(text, "articles", truncated=truncated)
            held = [self._read(each) for each in _Response.model_validate(values).articles]
        except (ValueError, RecursionError) as error:
            return [Candidate(id=candidate_id(id, 0), text=text, problem=describe_error(error), **made)]
        if rest is not None:
            held.append({"text": rest, "truncated": True, "problem": CUT_OFF})
        return [Candidate(id=candidate_id(id, at), **each, **made) for at, each in enumerate(held)]

    def _read(self, article: Any) -> dict[str, Any]:
        try:
            found = _Article.model_validate(article)
        except ValueError as error:
            return {"text": json.dumps(article, ensure_ascii=False), "problem": describe_error(error)}
        if not 1 <= found.entity <= len(self.entities):
            return {"text": found.paragraph, "problem": f"there is no entity {found.entity}"}
        entity = self.entities[found.entity - 1]
        text = " ".join(found.paragraph.split())
        problem = None if entity.name.casefold() in text.casefold() else f"it does not name {entity.name}"
        return {"text": text, "fields": {"name": entity.name}, "problem": problem}


class _Article(BaseModel):
    model_config = ConfigDict(extra="ignore")

    entity: int
    paragraph: str


class _Response(BaseModel):
    model_config = ConfigDict(extra="ignore")

    articles: list[Any]


def first_requests(entities: Sequence[Entity], settings: Contexts, llm: LLM) -> list[Request]:
    """All that is asked."""
    return [request for _, _, request in _requests(entities, settings, llm)]


def _requests(entities: Sequence[Entity], settings: Contexts, llm: LLM) -> Iterator[tuple[str, ContextPrompt, Request]]:
    by_relation: dict[str, list[Entity]] = {}
    for each in entities:
        by_relation.setdefault(each.relation, []).append(each)
    for relation, own in by_relation.items():
        for number, start in enumerate(range(0, len(own), settings.per_request)):
            prompt = ContextPrompt(own[start : start + settings.per_request])
            id, most = request_id(METHOD, relation, number), settings.max_tokens_per_entity * (len(prompt.entities) + 1)
            asked = llm.for_label(relation).request(id, prompt.messages(), prompt.response_schema(), most)
            yield id, prompt, asked


async def write_contexts(entities: Sequence[Entity], settings: Contexts, llm: LLM, client: Client) -> list[Exchange]:
    """Have a paragraph written about each entity.

    Raises:
        UserError: Not every request was answered.
    """
    asked = list(_requests(entities, settings, llm))
    estimate = CostEstimate.of(request for _, _, request in asked)
    print(estimate.describe(client.engine.name, client.prices), flush=True)
    runner = RequestRunner(client, METHOD, len(entities))
    return await runner.run([_write(runner, *each) for each in asked])


async def _write(runner: RequestRunner, id: str, prompt: ContextPrompt, request: Request) -> Exchange:
    exchange = await runner.send(id, request, prompt.parse)
    runner.count_accepted(sum(candidate.problem is None for candidate in exchange.candidates))
    return exchange


def written_paragraphs(exchanges: Iterable[Exchange]) -> dict[str, str]:
    """The paragraphs that could be read, by the names of their entities."""
    candidates = (candidate for exchange in exchanges for candidate in exchange.candidates)
    return {normalise(each.fields["name"]): each.text for each in candidates if each.problem is None}
