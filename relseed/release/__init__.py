"""Data sets to give away: what is ranked, split so that no pair of entities is in two splits, with a card."""
