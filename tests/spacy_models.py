"""A model of spaCy that finds what a test writes, in a folder."""

from pathlib import Path

import spacy

PATTERNS = {
    "PERSON": ("Ada", "Bo", "Ida"),
    "ORG": ("Orrefors", "Vestfrost"),
    "GPE": ("Skagen",),
    "DATE": ("Monday",),
}


def name_finder(folder: Path) -> Path:
    """The new folder of a model that knows a few names, and nothing of sentences."""
    nlp = spacy.blank("en")
    patterns = [{"label": label, "pattern": word} for label, words in PATTERNS.items() for word in words]
    nlp.add_pipe("entity_ruler").add_patterns(patterns)
    nlp.to_disk(folder)
    return folder
