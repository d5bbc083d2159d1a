"""The routes by name. Adding one is one new file and one line here.

No route is imported before it is asked for, so that the command line can list them at once.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

from alih.option import BELOW_HEAD, PRETRAINED, TRAINED

if TYPE_CHECKING:
    from alih.routes.base import Route

#: Name → "module:class", cheapest first: the order in which a comparison runs them.
ROUTES = {
    "zero-shot": "alih.routes.zero_shot:ZeroShot",
    "few-shot": "alih.routes.few_shot:FewShot",
    "transfer": "alih.routes.transfer:Transfer",
    "finetune": "alih.routes.finetune:Finetune",
    "lora": "alih.routes.lora:LoRA",
    "qlora": "alih.routes.lora:QLoRA",
    "qalora": "alih.routes.lora:QALoRA",
    "ia3": "alih.routes.ia3:IA3",
    "scratch": "alih.routes.scratch:Scratch",
}

#: What a comparison runs where none was named: quantised adapters save memory on large models, and are asked for;
#: prompting rests on class names that mean something, which only the user knows, and is asked for, too.
DEFAULT = ("transfer", "finetune", "lora", "scratch")
#: Routes that train low-rank adapters.
ADAPTERS = ("lora", "qlora", "qalora")
#: Routes that describe the classes and train nothing.
PROMPTED = ("zero-shot", "few-shot")
#: Groups of routes that options name as their readers.
GROUPS = {
    TRAINED: tuple(name for name in ROUTES if name not in PROMPTED),
    BELOW_HEAD: tuple(name for name in ROUTES if name not in (*PROMPTED, "transfer")),
    PRETRAINED: tuple(name for name in ROUTES if name != "scratch"),
}


def route(name: str) -> Route:
    """Return the route of that name.

    Raises:
        KeyError: there is none; options are checked against `ROUTES` before.
    """
    module, _, attribute = ROUTES[name].partition(":")
    return cast("Route", getattr(importlib.import_module(module), attribute)())
