"""The error a person can do something about."""


class UserError(Exception):
    """Something outside the code is wrong: the message says what, where, and what to do.

    A stage that ends with one prints the message alone, without a traceback.
    """
