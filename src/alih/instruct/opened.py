"""Opens a causal language model: built in, a run or model folder, or a Hub id."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from alih.compare.adapted import model_folder
from alih.errors import ModelError
from alih.pretrained.build import read_config
from alih.pretrained.builtin import BUILT_IN, verify
from alih.pretrained.causal import load_causal, says_it_writes, writes
from alih.pretrained.folder import ModelFolder, examine
from alih.pretrained.hub import fetch
from alih.pretrained.processor import load_tokenizer, longest_text
from alih.pretrained.quiet import quiet
from alih.pretrained.registration import register_all
from alih.pretrained.resolve import resolve

#: Tokens that a model without any stated limit is given.
_NO_LIMIT = 2048


@dataclass(frozen=True)
class Opened:
    """A causal language model.

    Args:
        name: as the user typed it.
        folder: where it lies.
        model: in evaluation mode, fp32, on the CPU.
        tokenizer: its tokenizer; fills up rows on the right.
        context: most tokens that it takes.
    """

    name: str
    folder: Path
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    context: int

    @property
    def blocks(self) -> list[str]:
        """Names of the blocks, bottom to top.

        Raises:
            ModelError: they are not where a decoder has them.
        """
        for name, module in self.model.named_modules():
            if isinstance(module, nn.ModuleList) and len(module):
                return [f"{name}.{number}" for number in range(len(module))]
        raise ModelError(f"{self.name}: it has no list of blocks, so --blocks and adapters mean nothing here.")


@dataclass(frozen=True)
class Found:
    """A causal language model of which no weights were read.

    Args:
        name: as the user typed it.
        folder: its files.
        config: its configuration.
        tokenizer: its tokenizer.
        context: most tokens that it takes.
    """

    name: str
    folder: ModelFolder
    config: PreTrainedConfig
    tokenizer: PreTrainedTokenizerBase
    context: int

    def load(self, *, random_weights: bool = False, seed: int = 0) -> Opened:
        """Read the weights, or draw random ones for the same architecture.

        Raises:
            ModelError: they cannot be opened, or some are missing.
        """
        with quiet():
            if random_weights:
                torch.manual_seed(seed)
                model = AutoModelForCausalLM.from_config(self.config, dtype=torch.float32)
            else:
                model = load_causal(self.folder, self.config, self.name)
        model.eval()
        return Opened(self.name, self.folder.path, model, self.tokenizer, self.context)


def find(
    name: str | Path,
    revision: str | None = None,
    *,
    allow_pickle: bool = False,
    weights_needed: bool = True,
    to_adapt: bool = False,
) -> Found:
    """Find a model and open its tokenizer; no weights are read.

    Args:
        name: which.
        revision: on the Hub.
        allow_pickle: also read pickled weights, as tensors only.
        weights_needed: False where only the configuration will be used.
        to_adapt: it will be trained, so its weights must not be quantised.

    Raises:
        ModelError: nothing usable is there, or it writes no text.
        RunError: a run folder without a model.
    """
    register_all()
    given = Path(name).expanduser()
    if (given / "spec.json").is_file() or (given.name == "last" and given.exists()):
        name = str(model_folder(given))
    source = resolve(name, revision)
    if source.kind == "file":
        raise ModelError(f"{name}: is a file. Give a built-in name, a run or model folder, or a Hub id.")
    with quiet():
        path = source.path or fetch(source, allow_pickle=allow_pickle)
        folder = examine(path, source.name, allow_pickle=allow_pickle, weights_needed=weights_needed, to_adapt=to_adapt)
        config = read_config(folder, source.name)
        if not writes(config):
            raise ModelError(
                f"{source.name}: a model of the kind {folder.model_type} writes no text. Take a causal language model "
                "(GPT-2, Llama, Qwen, …) or alih/lm-small."
            )
        if source.kind == "built-in" and weights_needed:
            verify(source.name, path)
        tokenizer = load_tokenizer(folder, config, source.name)
        return Found(source.name, folder, config, tokenizer, longest_text(tokenizer, config, folder) or _NO_LIMIT)


def is_writer(name: str | Path) -> bool:
    """Whether a run, folder or built-in name holds a model that writes text; False where nothing can be told."""
    given = Path(name).expanduser()
    try:
        if str(name) in BUILT_IN:
            folder = BUILT_IN[str(name)].locate()
        elif given.exists():
            folder = model_folder(given)
        else:
            return False
        register_all()
        config = read_config(examine(folder, str(name), weights_needed=False, to_adapt=False), str(name))
    except Exception:  # whatever is wrong with it is said by the command that opens it
        return False
    return says_it_writes(config)
