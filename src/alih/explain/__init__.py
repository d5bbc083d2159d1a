"""What a text model computes for one text: tokens, positions, Q, K, V, attention, and how each next word comes out.

The package can be called: Python puts it in the place of the function `alih.explain` as soon as it is imported.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alih.explain.explanation import Explanation


def run(model: Any, text: str, **options: Any) -> Explanation:
    """What `alih.explain` does; see there."""
    from alih.explain.explanation import explain

    return explain(model, text, **options)


class _CallablePackage(ModuleType):
    """A package that is also the function of its name."""

    def __call__(self, model: Any, text: str, **options: Any) -> Explanation:
        return run(model, text, **options)


sys.modules[__name__].__class__ = _CallablePackage
