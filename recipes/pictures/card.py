"""The model card that goes with weights made by the glyph recipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from alih.vision.glyphs import FONTS, HELD_OUT_FAMILIES, TRAINING_FAMILIES

_BODIES = {
    "resnet-small": "ResNet-20 of He et al. 2015 (arXiv 1512.03385, section 4.2): three stages of three basic blocks, "
    "16, 32 and 64 channels, shortcuts without parameters",
    "vgg-small": "a narrow VGG (Simonyan and Zisserman 2014, arXiv 1409.1556) with batch norm: six 3×3 convolutions of "
    "32 to 256 channels, global average pooling",
}

_CARD = """---
license: apache-2.0
library_name: transformers
pipeline_tag: image-classification
tags: [small-images, characters, transfer-learning]
---
# {architecture}

{body}; {parameters:,} parameters, pictures of 32×32.
Pre-trained on drawn characters, to be adapted to other small pictures.

```python
import alih  # makes the Auto classes know the model
from transformers import AutoImageProcessor, AutoModelForImageClassification

model = AutoModelForImageClassification.from_pretrained("this folder")
processor = AutoImageProcessor.from_pretrained("this folder")
```

## How it was made
`python -m recipes {architecture} --seed {seed}`, from random weights: {steps:,} steps of
{batch_size} pictures ({pictures:,} pictures, none seen twice), SGD with Nesterov momentum, one cycle of the learning
rate, in fp32 on one processor core in about a quarter of an hour. The same command on the same machine with the same
number of threads gives the same weights; elsewhere rounding differs.

The data are drawn while training: the 62 characters 0–9, A–Z, a–z from {fonts} font faces of the package matplotlib
({families}),
blended in pairs, with random size, proportions, place, rotation, slant, stroke thickness, elastic warp, colours,
background gradient, blur, scan resolution (down to 8×8) and noise. No picture that somebody else made was used.

## What was measured
| fresh pictures | accuracy, 62 classes | look-alikes counted as one (o O 0, l I 1, c C, …) |
|---|---|---|
| fonts trained on | {accuracy_training_fonts:.1%} | {folded_accuracy_training_fonts:.1%} |
| fonts held out ({held_out}) | {accuracy_held_out_fonts:.1%} | {folded_accuracy_held_out_fonts:.1%} |

Real scans that it never saw: scikit-learn's handwritten digits, logistic regression on frozen features, 500 test
digits, mean of five splits.

| features | 100 training digits | 1,297 training digits |
|---|---|---|
| this model's | {digits[pre-trained][n=100]:.1%} | {digits[pre-trained][n=1297]:.1%} |
| the same architecture's, random weights | {digits[random weights][n=100]:.1%} | {digits[random weights][n=1297]:.1%} |
| the pixels themselves | {digits[pixels][n=100]:.1%} | {digits[pixels][n=1297]:.1%} |

`pretraining.json` holds these figures and the recipe's settings.

## Limits
It knows printed Latin letters and digits, one in the middle of a picture; nothing of photographs, textures, other
scripts or whole words. Size varies in training, so it cannot tell letters apart that differ by size alone. Expect less
from it the further pictures are from drawn shapes: compare with random weights (`scratch`) on your own data.

## Licence
The weights are Apache-2.0. The fonts were only drawn with, none is included: DejaVu (Bitstream Vera licence), STIX
(STIX font licence) and Computer Modern (BaKoMa licence) may all be rendered freely.
"""


def write_card(folder: Path, figures: dict[str, Any]) -> None:
    """Write README.md (the card) and pretraining.json (settings and figures) into a model's folder.

    Args:
        folder: where the model lies.
        figures: what `pretrain_glyphs` returns.
    """
    (folder / "pretraining.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    card = _CARD.format(
        body=_BODIES[figures["architecture"]],
        fonts=sum(len(FONTS[family]) for family in TRAINING_FAMILIES),
        families=", ".join(TRAINING_FAMILIES),
        held_out=", ".join(HELD_OUT_FAMILIES),
        **figures,
    )
    (folder / "README.md").write_text(card, encoding="utf-8")
