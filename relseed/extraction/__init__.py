"""Relations from raw texts: their mentions, the pairs of these, and what an extractor asserts of them."""
