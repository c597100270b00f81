"""How good extractors are on running text: on all pairs of marked mentions, and from raw text on."""

from collections.abc import Mapping, Sequence

import numpy as np

from relseed.classifier.checkpoint import Extractor
from relseed.classifier.inference import answer
from relseed.evaluation.record import Wire
from relseed.evaluation.reliability import natural
from relseed.evaluation.spread import spread
from relseed.extraction.extract import extract
from relseed.extraction.scoring import EndToEnd, end_to_end
from relseed.extraction.settings import Extract
from relseed.tasks.relation import Schema
from relseed.tasks.relation.passages import Passage


def wire_scores(
    extractors: Sequence[Extractor], passages: Sequence[Passage], settings: Extract, intervals: Mapping[str, int]
) -> Wire:
    """The scores of extractors, one per random seed, on passages whose every pair is labelled.

    Raises:
        UserError: spaCy's model does not fit the settings.
    """
    schema: Schema = extractors[0].schema
    pairs = [pair for passage in passages for pair in passage.pairs(schema)]
    gold = np.array([schema.labels.index(pair.relation) for pair in pairs])
    answers = np.array([answer(extractor, pairs).classes for extractor in extractors])
    negative = schema.labels.index(str(schema.negative))
    raw = [_from_raw_text(extractor, passages, settings) for extractor in extractors]
    return Wire(
        pairs=len(pairs),
        stated=int((gold != negative).sum()),
        **natural(gold, answers, negative, **intervals),
        raw_precision=spread([each.lenient.precision for each in raw]),
        raw_recall=spread([each.lenient.recall for each in raw]),
        raw_f1=spread([each.lenient.f1 for each in raw]),
        raw_f1_exact=spread([each.strict.f1 for each in raw]),
    )


def _from_raw_text(extractor: Extractor, passages: Sequence[Passage], settings: Extract) -> EndToEnd:
    schema: Schema = extractor.schema
    symmetric = [relation.relation for relation in schema.relations if relation.symmetric]
    found = extract(extractor, [(passage.id, passage.text) for passage in passages], settings)
    return end_to_end(passages, found, symmetric=symmetric)
