"""From data to decision: trials, decision, table, run folder, and the adapted model.

The package can be called: Python puts it in the place of the function `alih.compare` as soon as it is imported.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alih.compare.comparison import Comparison
    from alih.data.examples import Dataset


def run(data: str | Path | Dataset, model: str | None = None, **options: Any) -> Comparison:
    """What `alih.compare` does; see there."""
    from alih.compare.compare import compare
    from alih.compare.options import Options

    return compare(data, Options.from_mapping({"model": model, **options}))


class _CallablePackage(ModuleType):
    """A package that is also the function of its name."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return sys.modules["alih"].compare_function(*arguments, **options)


sys.modules[__name__].__class__ = _CallablePackage
