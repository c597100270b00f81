"""Losses: what an extractor is trained to do where no relation is stated; one module each.

A module has these functions of logits [batch, labels] and the class number of the negative label, None without one:

- `each(logits, targets, negative)`: the loss of each example, [batch]
- `decided(logits, negative)`: the logits whose softmax gives the probabilities, [batch, labels]
"""

SHARED = ("targets",)  # by its modules: found by no name in params.yaml
