"""The former name of `alih.pretrained.open`."""

from __future__ import annotations

from alih.pretrained.open import BUILT_IN, Pooling, Pretrained, Source, default_model, language_model, load
from alih.pretrained.resolve import resolve

__all__ = ["BUILT_IN", "Pooling", "Pretrained", "Source", "default_model", "language_model", "load", "resolve"]
