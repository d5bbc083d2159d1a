"""The small language model's tokenizer: byte-pair encoding, bytes to fall back on, single digits, a chat template."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

PAD, BOS, EOS, USER, ASSISTANT, SYSTEM = "<pad>", "<s>", "</s>", "<|user|>", "<|assistant|>", "<|system|>"
_SPECIAL: Final = (PAD, BOS, EOS, USER, ASSISTANT, SYSTEM)
_VISIBLE: Final = ("<think>", "</think>")  # part of the answer: not dropped when special tokens are
_BYTES: Final = tuple(f"<0x{byte:02X}>" for byte in range(256))
#: A digit, a word with its space, other signs with theirs, spaces: together they lose nothing.
_PIECES: Final = r"\d| ?\p{L}+| ?[^\s\p{L}\d]+|\s+(?!\S)|\s+"

CHAT_TEMPLATE: Final = (
    "{{ bos_token }}{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def train_tokenizer(texts: Iterable[str], size: int, context: int) -> PreTrainedTokenizerFast:
    """Train the vocabulary on these texts; what no piece covers is cut into bytes, so nothing is ever unknown.

    Args:
        texts: what to cut well.
        size: entries of the vocabulary: 8 special ones, 256 bytes, characters, merges.
        context: most tokens the model reads.
    """
    cutter = pre_tokenizers.Split(Regex(_PIECES), "isolated")
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = cutter
    learner.train_from_iterator(
        (text for text in texts if text),
        trainers.BpeTrainer(
            vocab_size=size - len(_SPECIAL) - len(_VISIBLE) - len(_BYTES), limit_alphabet=100, show_progress=False
        ),
    )
    learnt = learner.get_vocab()
    pieces = [*_SPECIAL, *_VISIBLE, *_BYTES, *sorted(learnt, key=lambda piece: learnt[piece])]
    merges = _merges(learner)
    model = models.BPE(vocab={piece: number for number, piece in enumerate(pieces)}, merges=merges, byte_fallback=True)
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = cutter
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in _SPECIAL])
    tokenizer.add_tokens([AddedToken(token, normalized=False, special=False) for token in _VISIBLE])
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        additional_special_tokens=[USER, ASSISTANT, SYSTEM],
        padding_side="left",
        model_max_length=context,
        clean_up_tokenization_spaces=False,
    )
    wrapped.chat_template = CHAT_TEMPLATE
    return wrapped


def _merges(tokenizer: Tokenizer) -> list[tuple[str, str]]:
    return [(left, right) for left, right in json.loads(tokenizer.to_str())["model"]["merges"]]
