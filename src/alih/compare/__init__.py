"""From data to decision: trials, decision, table, run folder, and the adapted model.

The package can be called: Python puts it in the place of the function `alih.compare` as soon as it is imported.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    """A package that is also the function of its name."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return sys.modules["alih"].compare_function(*arguments, **options)


sys.modules[__name__].__class__ = _CallablePackage
