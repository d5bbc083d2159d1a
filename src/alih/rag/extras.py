"""What to say when an optional package is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from alih.errors import OptionError


@contextmanager
def needs(extra: str) -> Iterator[None]:
    """Turn a missing package, imported inside, into a message that names the extra.

    Raises:
        OptionError: the package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise OptionError(f"the package {error.name} is missing. Run: pip install 'alih[{extra}]'") from error
