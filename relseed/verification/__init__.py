"""Whether written sentences state their relation: a blind sheet with controls, and what filled sheets say."""
