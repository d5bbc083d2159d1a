"""What adapting made a model forget: of the pictures it was trained on, or of text in general.

Both are measured with the adapted backbone under the pre-trained model's own head; a language model that was adapted
as one has its own.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_MASKED_LM_MAPPING,
    PreTrainedModel,
)

from alih.errors import AlihError
from alih.generate.general import general_passages
from alih.pretrained.families import head_modules
from alih.pretrained.kinds import Form
from alih.pretrained.open import Pretrained, load
from alih.pretrained.prompted import AlihPromptedForSequenceClassification
from alih.training.precision import device

#: Built-in models whose source task Alih can draw any number of fresh examples of.
_DRAWN = frozenset({"alih/resnet-small", "alih/vgg-small"})
#: Fresh examples of the source task, and the series they are drawn from: no recipe trains on it.
_SOURCE_EXAMPLES, _SOURCE_SEED = 620, -2
#: Most tokens of a passage, and the share of them that is hidden from a masked language model, as in its training
#: (Devlin et al. 2018, arXiv 1810.04805, section 3.1).
_TOKENS, _HIDDEN = 256, 0.15


def is_drawn(name: str) -> bool:
    """Whether examples of this model's source task can be drawn here."""
    return name in _DRAWN and _source_before(name) is not None


def check_general(general: str | None) -> None:
    """Read the user's general text before anything runs.

    Raises:
        OptionError: no such file, or nothing in it.
    """
    if general is not None:
        general_passages(general)


def text_forgotten(adapted: Pretrained, general: str | None = None) -> float | None:
    """Change of the cross-entropy on general text, nats a token; above zero: forgotten.

    A causal language model foretells each token, a masked one those that are hidden from it, the same ones each time.

    Args:
        adapted: what became of the pre-trained model.
        general: text file with passages; None takes the standard library's documentation.

    Returns:
        None where the pre-trained model has no language-model head, or no passages are at hand.
    """
    if isinstance(adapted.model, AlihPromptedForSequenceClassification):
        return 0.0  # the language model itself, unchanged
    try:
        original = _language_model(adapted)
        passages = general_passages(general)
    except AlihError:
        return None
    if original is None:
        return None
    before = _loss(original, adapted.processor, passages)
    if type(adapted.model) is type(original):
        return _loss(adapted.model, adapted.processor, passages) - before
    setattr(original, original.base_model_prefix, adapted.model.base_model)
    return _loss(original, adapted.processor, passages) - before


def _language_model(adapted: Pretrained) -> PreTrainedModel | None:
    """The pre-trained model with its language-model head; None where it has none."""
    kind: Any = type(adapted.model.config)
    masked, causal = kind in MODEL_FOR_MASKED_LM_MAPPING, kind in MODEL_FOR_CAUSAL_LM_MAPPING
    if not (masked or causal):
        return None
    form: Form = "masked" if masked else "causal"
    # Where there are pickled weights alone, whoever adapted the model allowed them.
    model = load(adapted.name, form=form, allow_pickle=True, revision=adapted.source.revision).model
    if model.base_model_prefix != adapted.model.base_model_prefix or model.base_model is model:
        return None
    model.to(device())  # type: ignore[arg-type]
    return model


@torch.no_grad()
def _loss(model: PreTrainedModel, tokenizer: Any, passages: list[str]) -> float:
    masked = type(model.config) in MODEL_FOR_MASKED_LM_MAPPING
    generator = torch.Generator().manual_seed(0)
    on, longest = device(), min(_TOKENS, int(getattr(model.config, "max_position_embeddings", _TOKENS) or _TOKENS))
    model.to(on).eval()  # type: ignore[arg-type]
    total, count = 0.0, 0
    for passage in passages:
        ids = tokenizer(passage, truncation=True, max_length=longest, return_tensors="pt")["input_ids"]
        labels, shown = _asked(ids, tokenizer, generator) if masked else (ids, ids)
        if labels.shape[1] < 2 or (labels != -100).sum() == 0:
            continue
        logits: Tensor = model(input_ids=shown.to(on)).logits.float().cpu()
        if not masked:
            logits, labels = logits[:, :-1], labels[:, 1:]
        asked = labels != -100
        total += float(nn.functional.cross_entropy(logits[asked], labels[asked], reduction="sum"))
        count += int(asked.sum())
    return total / max(1, count)


def _asked(ids: Tensor, tokenizer: Any, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """What is asked (-100 elsewhere), and the tokens with it hidden."""
    special = torch.tensor([[token in set(tokenizer.all_special_ids) for token in ids[0].tolist()]])
    hidden = (torch.rand(ids.shape, generator=generator) < _HIDDEN) & ~special
    return torch.where(hidden, ids, -100), torch.where(hidden, int(tokenizer.mask_token_id or 0), ids)


def pictures_forgotten(name: str, adapted: Pretrained) -> float | None:
    """Accuracy on fresh examples of the source task with the adapted backbone under the original head, less before.

    Args:
        name: of the pre-trained model.
        adapted: what became of it.

    Returns:
        None where the source task is not known, or cannot be drawn here.
    """
    before = _source_before(name) if name in _DRAWN else None
    if before is None:
        return None
    original = load(name)
    own_head = {id(tensor) for module in [head_modules(original.model, original.anatomy)] for tensor in _all(module)}
    changed = adapted.model.state_dict()
    with torch.no_grad():
        for key, tensor in [*original.model.named_parameters(), *original.model.named_buffers()]:
            if id(tensor) not in own_head and key in changed:
                tensor.copy_(changed[key].to(tensor.device))
    return _source_accuracy(original) - before


def _all(module: nn.Module) -> list[torch.Tensor]:
    return [*module.parameters(), *module.buffers()]


@cache
def _source_before(name: str) -> float | None:
    try:
        return _source_accuracy(load(name))
    except AlihError:  # the fonts to draw with are an extra
        return None


@torch.no_grad()
def _source_accuracy(model: Pretrained) -> float:
    from alih.vision.pictures import Pictures, normalised

    pictures, labels = Pictures().draw(_SOURCE_SEED, range(_SOURCE_EXAMPLES))
    module: nn.Module = model.model
    module.to(device()).eval()
    right = 0
    for start in range(0, _SOURCE_EXAMPLES, 124):
        logits = model.model(normalised(pictures[start : start + 124]).to(device())).logits
        right += int((logits.argmax(-1).cpu() == labels[start : start + 124]).sum())
    return right / _SOURCE_EXAMPLES
