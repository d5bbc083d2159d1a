"""Tiny random language models for the tests of quantisation."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedModel

from alih.quantize.model import qalora_layers


def gpt2(seed: int = 0) -> PreTrainedModel:
    """Two blocks of GPT-2, whose linear layers are `Conv1D`."""
    torch.manual_seed(seed)
    config = GPT2Config(n_layer=2, n_embd=32, n_head=2, vocab_size=50, n_positions=32, bos_token_id=0, eos_token_id=0)
    return GPT2LMHeadModel(config).eval()


def llama(*, tied: bool = False, width: int = 32, inner: int = 44) -> PreTrainedModel:
    """Two blocks of Llama; `inner` inputs of down_proj that 32 does not divide."""
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        vocab_size=50,
        max_position_embeddings=32,
        tie_word_embeddings=tied,
    )
    return LlamaForCausalLM(config).eval()


def token_ids(batch: int = 2, length: int = 9) -> Tensor:
    return torch.randint(0, 50, (batch, length), generator=torch.Generator().manual_seed(1))


def train_adapters(model: PreTrainedModel) -> None:
    """Give the adapters values as training would."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in qalora_parameters(model):
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.05)


def qalora_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Return the adapters' parameters, A and B layer by layer: what an optimiser is given."""
    return [parameter for layer in qalora_layers(model).values() for parameter in (layer.lora_A, layer.lora_B)]
