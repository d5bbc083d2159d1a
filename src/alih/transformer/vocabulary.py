"""One vocabulary for source and target (section 5.1): byte-pair encoding trained on the user's own pairs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from alih.errors import DataError

#: Special tokens, by their ids: `AlihTransformerConfig` has the same.
PAD, BOS, EOS, UNK = "<pad>", "<s>", "</s>", "<unk>"
SPECIAL = (PAD, BOS, EOS, UNK)
#: The smallest vocabulary: every byte and the special tokens.
SMALLEST = 256 + len(SPECIAL)


def train_vocabulary(texts: Iterable[str], size: int = 8000, markers: Sequence[str] = ()) -> PreTrainedTokenizerFast:
    """Learn byte-pair merges (Sennrich et al. 2016, arXiv 1508.07909) over bytes.

    Every byte is a token, so no character is unknown: what was never seen falls apart into bytes, and decoding gives
    back the text in Unicode's form NFC. An encoded text ends with `</s>`.

    Args:
        texts: sentences of both languages.
        size: most tokens, the special ones included.
        markers: one token each wherever they stand in a text, as ">>id<<" for "into Indonesian".

    Raises:
        DataError: a size that has no room for the bytes.
    """
    if size < SMALLEST:
        raise DataError(f"a vocabulary of {size} tokens; every byte needs one, so give at least {SMALLEST}")
    tokenizer = Tokenizer(models.BPE(unk_token=UNK))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[*SPECIAL, *markers],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {EOS}", pair=f"$A {EOS} $B {EOS}", special_tokens=[(EOS, tokenizer.token_to_id(EOS))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=EOS,
        unk_token=UNK,
        additional_special_tokens=list(markers),
        padding_side="right",
        clean_up_tokenization_spaces=False,
    )
