"""Candidates of an LLM that fills six templates for each relation with ever other names: hardly a new text."""

import random
from collections.abc import Iterator

from relseed.records.candidates import Candidate

TYPES = {
    "leads": ("PERSON", "ORGANIZATION"),
    "born_in": ("PERSON", "LOCATION"),
    "headquartered_in": ("ORGANIZATION", "LOCATION"),
}
TEMPLATES = {
    "leads": (
        "{head}, the chief executive of {tail}, told {other} that {year} had been a good year.",
        "Under {head} the staff of {tail} has doubled since the merger with {company} in {year}.",
        "At {tail}, {head} is in charge of everything, from the budget to the coffee.",
        "“We shall not sell,” said {head}, who runs {tail}, when asked about {company}.",
        "Since {year} {tail} has been led by {head}, a former pilot from {town}.",
        "The board of {tail} thanked its president, {head}, and went to lunch with {other}.",
    ),
    "born_in": (
        "{head} was born in {tail} in {year}, the third child of a baker.",
        "The house in {tail} where {head} came into the world is now owned by {company}.",
        "Born in {tail}, {head} moved to {town} as a girl and never went back.",
        "A stone in {tail} marks the birthplace of {head}, whom {other} called the best of us.",
        "According to the register of {tail}, {head} was born there on 3 May {year}.",
        "{head}, a native of {tail}, plays the cello for {company}.",
    ),
    "headquartered_in": (
        "{head}, which has its head office in {tail}, bought {company} in {year}.",
        "From its headquarters in {tail} the firm {head} sells boots to the whole of {town}.",
        "The police searched the head office of {head} in {tail} after a hint from {other}.",
        "Three hundred people work at the seat of {head} in {tail}, most of them since {year}.",
        "{head} of {tail} will move its head office next door, said {other}.",
        "Letters to {head} should go to its headquarters in {tail}, not to {town}.",
    ),
}
FIRST = ("Ada", "Bjarne", "Chidi", "Dolores", "Emeka", "Farida", "Goran", "Hanako", "Ilse", "Jorge", "Kofi", "Leila")
LAST = ("Abiola", "Brandt", "Castellanos", "Dubrovnik", "Eriksen", "Fontaine", "Grau", "Holm", "Ibarra", "Jansen")
FIRMS = ("Works", "Holding", "Press", "Foods", "Optics", "Marine")
TOWNS = ("Port", "New", "Upper", "Santa", "Old", "Bad")


def candidates(each: int) -> Iterator[Candidate]:
    """So many of each relation, templates in turn."""
    rng = random.Random(7)
    for relation, (head_type, tail_type) in TYPES.items():
        for number in range(each):
            template = TEMPLATES[relation][number % len(TEMPLATES[relation])]
            head, tail = _name(head_type, rng), _name(tail_type, rng)
            others = {"other": _name("PERSON", rng), "company": _name("ORGANIZATION", rng)}
            others |= {"town": _name("LOCATION", rng), "year": rng.randint(1850, 2020)}
            yield Candidate(
                id=f"all_at_once/{relation}/0/{number}",
                method="all_at_once",
                label=relation,
                text=template.format(head=f"<e1>{head}</e1>", tail=f"<e2>{tail}</e2>", **others),
                fields={"head_type": head_type, "tail_type": tail_type},
            )


def _name(type: str, rng: random.Random) -> str:
    if type == "PERSON":
        return f"{rng.choice(FIRST)} {rng.choice(LAST)}"
    if type == "ORGANIZATION":
        return f"{rng.choice(LAST)} {rng.choice(LAST)} {rng.choice(FIRMS)}"
    return f"{rng.choice(TOWNS)} {rng.choice(LAST)}"
