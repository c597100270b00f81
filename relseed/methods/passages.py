"""Sentences as news has them, with every name marked and all that is stated listed: each pair becomes an example.

What is stated of one pair stands beside pairs of which nothing is stated, in the same sentence.
"""

from relseed.methods.all_at_once import Settings, write  # asked for as many in one response are; counted in sentences

__all__ = ["Settings", "write"]
