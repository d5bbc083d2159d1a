"""Errors a user can mend: each message says what is wrong, where, and what to do next."""

from __future__ import annotations


class AlihError(Exception):
    """A mistake that the user can mend; the CLI prints the message alone and exits with `exit_code`."""

    exit_code = 2


class OptionError(AlihError):
    """An option (CLI flag, keyword argument) that cannot be honoured."""


class DataError(AlihError):
    """Data that cannot be read or used; the message names file, row or column, and the remedy."""


class ModelError(AlihError):
    """A pre-trained model that cannot be found, trusted, opened or adapted."""


class RunError(AlihError):
    """A run folder that is missing, incomplete or damaged."""
