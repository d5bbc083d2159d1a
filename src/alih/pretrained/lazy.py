"""Lets the Auto classes open Alih's own architectures once alih is imported, without importing anything heavy.

`import alih` only leaves a note: when transformers' Auto classes are imported (before or after), the architectures are
registered with them.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType

import wrapt

from alih.pretrained.clashes import refuse_broken_torchvision

# Registration needs all of these whole. Python imports them in many orders, some inside one another; whichever of them
# is complete last triggers the registration.
_NEEDED = (
    "transformers.configuration_utils",
    "transformers.modeling_utils",
    "transformers.processing_utils",
    "transformers.image_processing_utils",
    "transformers.image_processing_backends",
    "transformers.models.vit.image_processing_pil_vit",
    "transformers.models.auto.auto_factory",
    "transformers.models.auto.configuration_auto",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.image_processing_auto",
    "transformers.quantizers.auto",
    "transformers.quantizers.base",
    "alih.quantize.storage",
    "alih.pretrained.pooled",
    "alih.pretrained.registration",
    "alih.vision.resnet",
    "alih.vision.vgg",
    "alih.vision.registration",
)
_installed = False
_registered = False


def install() -> None:
    """Leave the note with Python's import system; calling it again changes nothing.

    It also switches the Hub client's usage reports off, unless the user switched them on.
    """
    global _installed
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    if _installed:
        return
    _installed = True
    if "transformers" not in sys.modules:
        wrapt.register_post_import_hook(refuse_broken_torchvision, "transformers")
    for name in _NEEDED:
        wrapt.register_post_import_hook(_after_import, name)


def _after_import(module: ModuleType) -> None:
    """Register as soon as no needed module is half imported; `module` has just run to its end."""
    global _registered
    if _registered or any(_is_half_imported(name) for name in _NEEDED if name != module.__name__):
        return
    _registered = True  # before the import below, which comes back here
    try:
        from alih.pretrained.registration import register_all

        register_all()
    except ImportError:
        # Something else that is needed is half imported: the next hook tries again, and so does alih's own loading.
        # An error here would make the user's import of transformers fail.
        _registered = False


def _is_half_imported(name: str) -> bool:
    module = sys.modules.get(name)
    return module is not None and bool(getattr(module.__spec__, "_initializing", False))
