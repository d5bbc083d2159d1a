"""The commands that look: inspect a model, the cache, the installation."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any

from alih.cli.flags import Commands
from alih.cli.translating import inspect_translator


def add_commands(commands: Commands) -> None:
    """Add inspect, cache and doctor."""
    inspect = commands.add_parser("inspect", help="show a model's anatomy and what each route would train")
    inspect.add_argument("model", help="built-in name (alih/minilm), folder, run (runs/last), or Hub id")
    inspect.add_argument("--revision", help="revision of a model on the Hub")
    inspect.add_argument("--allow-pickle", action="store_true", help="also read pickled weights (tensors only)")
    inspect.add_argument("--config-only", action="store_true", help="go by config.json; open and download no weights")
    inspect.add_argument("--batch-size", type=int, default=32, metavar="N", help="examples a step (default: 32)")
    inspect.add_argument(
        "--length", type=int, metavar="N", help="tokens of a text (default: 128, or what the model takes)"
    )
    inspect.add_argument("--memory", metavar="SIZE", help="say which routes fit into so much memory: 8GB, 512MB")
    inspect.add_argument("--json", action="store_true", help="print JSON")
    inspect.set_defaults(run=run_inspect)

    cache = commands.add_parser("cache", help="show or clear the cache of frozen outputs")
    cache.add_argument("action", nargs="?", choices=("show", "clear"), default="show", help="default: show")
    cache.set_defaults(run=lambda arguments: run_cache(arguments))

    doctor = commands.add_parser("doctor", help="check the installation: versions, device, compute type, clashes")
    doctor.set_defaults(run=lambda arguments: run_doctor(arguments))


def run_inspect(arguments: argparse.Namespace) -> int:
    """Run `alih inspect`."""
    from alih.cli.inspecting import check, needs_of, render_needs
    from alih.errors import OptionError
    from alih.pretrained.inspect import describe, render
    from alih.pretrained.open import load, task_named
    from alih.pretrained.outline import has_weights, outline

    check(arguments.batch_size, arguments.length, arguments.memory)
    if not arguments.config_only and task_named(arguments.model) == "translation":
        return inspect_translator(arguments)
    if arguments.config_only or not has_weights(arguments.model):
        if arguments.allow_pickle:
            raise OptionError("--allow-pickle: no weights are opened here; leave it out.")
        pretrained = outline(arguments.model, revision=arguments.revision)
    else:
        pretrained = load(arguments.model, revision=arguments.revision, allow_pickle=arguments.allow_pickle)
    description = describe(pretrained)
    told = needs_of(pretrained, arguments.batch_size, arguments.length, arguments.memory)
    if arguments.json:
        print(json.dumps({**description, "needs": told}, indent=2))
    else:
        print(f"{render(description)}\n\n{render_needs(told)}")
    return 0


def run_cache(arguments: argparse.Namespace) -> int:
    """Run `alih cache`."""
    from alih.training.cache import default_cache

    cache = default_cache()
    if arguments.action == "clear":
        freed = cache.clear()
        print(f"cleared {freed / 1e6:,.1f} MB from {cache.folder}")
    else:
        entries = cache.entries()
        print(f"{cache.folder}: {len(entries)} entries, {sum(entry.nbytes for entry in entries) / 1e6:,.1f} MB")
        for entry in entries:
            print(f"  {entry.nbytes / 1e6:10,.1f} MB  {_told(entry.words)}")
    return 0


def _told(words: Mapping[str, Any]) -> str:
    """What a cache entry is: of which data and split, then what of them, then the rest by name."""
    rest = dict(words)
    data, split, what = (rest.pop(key, None) for key in ("data", "split", "what"))
    of = " ".join(str(part) for part in (data, f"({split})" if split else None) if part)
    named = [f"{key} {value}" for key, value in rest.items()]
    return ", ".join([*([f"{of}: {what}" if of else str(what)] if of or what else []), *named])


def run_doctor(_arguments: argparse.Namespace) -> int:
    """Run `alih doctor`."""
    from alih.cli.doctor import examine, render

    findings = examine()
    print(render(findings))
    return 0 if all(finding.good for finding in findings) else 2
