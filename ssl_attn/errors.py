"""Errors that a person can act on: each message says what was expected, what came, and what to do."""


class SslAttnError(Exception):
    """A failure whose message is meant for the user; the command line prints it in one line and exits with 1."""


class UsageError(SslAttnError):
    """A request that cannot be carried out as worded; the command line exits with 2."""
