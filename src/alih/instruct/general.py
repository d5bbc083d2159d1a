"""General text in the form that losses are taken of."""

from __future__ import annotations

from transformers import PreTrainedTokenizerBase

from alih.instruct.conversation import ASSISTANT, Conversation, Turn
from alih.instruct.encode import Encoded, encode
from alih.instruct.template import Template

#: Most tokens of a passage.
_TOKENS = 256


def encode_passages(tokenizer: PreTrainedTokenizerBase, passages: list[str], context: int) -> Encoded:
    """Passages as sequences of which every token counts."""
    rows = [Conversation((Turn(ASSISTANT, text),), f"passage {place}", "text") for place, text in enumerate(passages)]
    return encode(tokenizer, Template(None, "none"), rows, min(context, _TOKENS))
