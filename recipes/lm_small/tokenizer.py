"""The small language model's tokenizer, and examples as token ids: which positions are learnt from, and batches.

The tokenizer is byte-pair encoding with bytes to fall back on, single digits and a chat template.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from recipes.lm_small.examples import Example

PAD, BOS, EOS, USER, ASSISTANT, SYSTEM = "<pad>", "<s>", "</s>", "<|user|>", "<|assistant|>", "<|system|>"
_SPECIAL: Final = (PAD, BOS, EOS, USER, ASSISTANT, SYSTEM)
_VISIBLE: Final = ("<think>", "</think>")  # part of the answer: not dropped when special tokens are
_BYTES: Final = tuple(f"<0x{byte:02X}>" for byte in range(256))
#: A digit, a word with its space, other signs with theirs, spaces: together they lose nothing.
_PIECES: Final = r"\d| ?\p{L}+| ?[^\s\p{L}\d]+|\s+(?!\S)|\s+"
#: The label of a position that is not learnt from.
IGNORED: Final = -100

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


@dataclass(frozen=True)
class Encoded:
    """One example as the chat template writes it.

    Args:
        ids: its tokens.
        learnt_from: the first position whose token is learnt: the answer's first, or a text's first.
    """

    ids: list[int]
    learnt_from: int


def encode(tokenizer: PreTrainedTokenizerBase, examples: Sequence[Example], context: int) -> list[Encoded]:
    """Encode examples; those longer than the context are left out.

    The ids equal `apply_chat_template`'s (a test says so), written here part by part to know where the answer begins.
    """
    bos, eos, user, assistant = (token_id(tokenizer, token) for token in (BOS, EOS, USER, ASSISTANT))
    prompts = tokenizer([example.prompt for example in examples], add_special_tokens=False)["input_ids"]
    answers = tokenizer([example.answer for example in examples], add_special_tokens=False)["input_ids"]
    encoded = []
    for example, prompt, answer in zip(examples, prompts, answers, strict=True):
        before = [bos, user, *prompt, assistant] if example.prompt else [bos]
        if len(before) + len(answer) < context:
            encoded.append(Encoded([*before, *answer, eos], len(before)))
    return encoded


def batches(encoded: Sequence[Encoded], most_tokens: int, seed: str) -> list[list[Encoded]]:
    """Batches of at most that many positions, examples of like length together (so hardly any padding), shuffled."""
    rng = random.Random(seed)
    by_length = sorted(encoded, key=lambda example: (len(example.ids), rng.random()))
    made: list[list[Encoded]] = []
    for example in by_length:
        if not made or (len(made[-1]) + 1) * len(example.ids) > most_tokens:
            made.append([])
        made[-1].append(example)
    rng.shuffle(made)
    return made


def collate(batch: Sequence[Encoded], pad: int, prompt_weight: float = 0.0) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs and labels, each (batch, length) int64, and weights, fp32; padded at the end, no example sees another.

    labels[:, t] is the token that follows input t, or −100 where it is not learnt. Padding at the end needs no mask:
    attention is causal. The n learnt tokens of an answer weigh 1/√n each, so that answers of one word are not drowned
    by long texts; the m tokens of its prompt weigh prompt_weight/√m each, and are not learnt where that is 0.
    """
    length = max(len(example.ids) for example in batch)
    inputs = torch.full((len(batch), length), pad)
    labels = torch.full((len(batch), length), IGNORED)
    weights = torch.zeros((len(batch), length))
    for row, example in enumerate(batch):
        ids = torch.tensor(example.ids)
        inputs[row, : len(ids)] = ids
        labels[row, example.learnt_from - 1 : len(ids) - 1] = ids[example.learnt_from :]
        if prompt_weight and example.learnt_from > 2:  # behind <s><|user|> the prompt begins
            labels[row, 1 : example.learnt_from - 2] = ids[2 : example.learnt_from - 1]
            weights[row, 1 : example.learnt_from - 2] = prompt_weight * (example.learnt_from - 3) ** -0.5
        weights[row, example.learnt_from - 1 : len(ids) - 1] = (len(ids) - example.learnt_from) ** -0.5
    return inputs, labels, weights


def token_id(tokenizer: PreTrainedTokenizerBase, token: str) -> int:
    """The number of a token of this project's own tokenizer."""
    number = tokenizer.convert_tokens_to_ids(token)
    assert isinstance(number, int)
    return number


def pad_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """The padding token's number."""
    return token_id(tokenizer, PAD)
