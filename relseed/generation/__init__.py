"""Having examples and explanations written: how often to ask, what for, and when it is enough."""
