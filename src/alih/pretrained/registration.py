"""Makes transformers' Auto classes know every architecture that is Alih's own."""

from __future__ import annotations

from transformers import AutoConfig, AutoModelForSequenceClassification

from alih.pretrained.pooled import AlihPooledConfig, AlihPooledForSequenceClassification
from alih.pretrained.prompted import AlihPromptedConfig, AlihPromptedForSequenceClassification
from alih.quantize import storage
from alih.transformer.registration import register as register_transformer
from alih.vision.registration import register as register_vision


def register_all() -> None:
    """Register alih-pooled, alih-prompted, alih-resnet, alih-vgg and alih-transformer; a second call changes nothing.

    Importing `alih.quantize.storage`, above, registers the format of quantised weights.
    """
    assert storage.METHOD == "alih-groups"
    AutoConfig.register(AlihPooledConfig.model_type, AlihPooledConfig, exist_ok=True)
    AutoModelForSequenceClassification.register(AlihPooledConfig, AlihPooledForSequenceClassification, exist_ok=True)
    AutoConfig.register(AlihPromptedConfig.model_type, AlihPromptedConfig, exist_ok=True)
    AutoModelForSequenceClassification.register(
        AlihPromptedConfig, AlihPromptedForSequenceClassification, exist_ok=True
    )
    register_vision()
    register_transformer()
