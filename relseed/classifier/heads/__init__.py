"""Heads: how an example is shown to the encoder, and what reads the encoder's states; one module each.

A module has these functions, and beside it lies what the model card says of it:

- `options(task, train)`: what a checkpoint keeps of how inputs are made
- `lacking(items, options)`: what items lack of that, in words
- `show(task, example, tokenizer, head, options)`: the input
- `build(start, tokenizer, schema, dropout)`: an encoder with a fresh head
- `load(encoder, schema, state)`: a head from its weights
"""

SHARED = ("mentions",)  # by its modules: found by no name in params.yaml
