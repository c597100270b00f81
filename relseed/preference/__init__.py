"""Preference pairs, the split of the relations, and DPO."""
