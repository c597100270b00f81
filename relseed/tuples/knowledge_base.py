"""What exports of knowledge bases have in common: their own names for relations and types."""

from collections.abc import Collection, Iterable, Mapping

from relseed.pipeline.errors import UserError
from relseed.tasks.relation import Relation, Schema
from relseed.tasks.relation.entity_tuple import EntityTuple
from relseed.tuples.source import Unwanted


def local_name(identifier: str) -> str:
    """The last part of an IRI: `P108` of `http://www.wikidata.org/prop/direct/P108`."""
    return identifier.rstrip("/#").replace("#", "/").rpartition("/")[2]


def check_labels(relations: Iterable[str], schema: Schema) -> None:
    """Raises UserError where a label is none that a tuple can have."""
    for label in relations:
        if label not in schema.by_label or label == schema.negative:
            known = ", ".join(each.relation for each in schema.relations if not each.negative)
            raise UserError(f"tuples.relations names the label {label}: the schema has {known}")


def tuple_of(
    relation: Relation, names: Mapping[str, str], known: Mapping[str, Collection[str]], source: str
) -> EntityTuple:
    """The tuple of an entry, its types as the relation wants them.

    `known` has the types of an entity under `head_type` and `tail_type`: none are known where it is empty.

    Raises:
        Unwanted: An entity is of other types, or its name is none.
    """
    shown, types = " | ".join(names.values()), dict[str, str | None]()
    for role, found in known.items():
        wanted = getattr(relation, role)
        if wanted is not None and found and wanted not in found:
            raise Unwanted("other_type", shown)
        types[role] = wanted if wanted is not None or not found else min(found)
    try:
        return EntityTuple.model_validate({**names, **types, "relation": relation.relation, "source": source})
    except ValueError:
        raise Unwanted("no_name", shown) from None
