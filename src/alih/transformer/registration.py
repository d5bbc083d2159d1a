"""Makes transformers' Auto classes know the Transformer."""

from __future__ import annotations

from transformers import AutoConfig, AutoModel, AutoModelForSeq2SeqLM

from alih.transformer.configuration import AlihTransformerConfig
from alih.transformer.model import AlihTransformerForConditionalGeneration, AlihTransformerModel


def register() -> None:
    """Register alih-transformer with the Auto classes; calling it again changes nothing."""
    AutoConfig.register(AlihTransformerConfig.model_type, AlihTransformerConfig, exist_ok=True)
    AutoModel.register(AlihTransformerConfig, AlihTransformerModel, exist_ok=True)
    AutoModelForSeq2SeqLM.register(AlihTransformerConfig, AlihTransformerForConditionalGeneration, exist_ok=True)
