"""What frozen features are worth on real scans: scikit-learn's handwritten digits, which no recipe here trains on."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from transformers import PreTrainedModel

from alih.vision.registration import image_processor

_SPLITS = 5  # random splits that a score is the mean of
_TEST = 500
_SMALL = 100


def digits_scores(features: NDArray[np.float32]) -> dict[str, float]:
    """Mean test accuracy of logistic regression on features of the 1,797 digits, over five stratified splits.

    Args:
        features: (1797, width), a row for each digit in scikit-learn's order.

    Returns:
        "n=100" and "n=1297": accuracy with so many training examples; 500 others are tested on.
    """
    labels = load_digits().target
    scores: dict[str, list[float]] = {}
    for seed in range(_SPLITS):
        rows, test = train_test_split(np.arange(len(labels)), test_size=_TEST, random_state=seed, stratify=labels)
        few, _ = train_test_split(rows, train_size=_SMALL, random_state=seed, stratify=labels[rows])
        for train in (few, rows):
            regression = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
            searched = GridSearchCV(regression, {"logisticregression__C": (0.01, 0.1, 1.0)}, cv=3)
            fitted = searched.fit(features[train], labels[train])
            scores.setdefault(f"n={len(train)}", []).append(fitted.score(features[test], labels[test]))
    return {name: float(np.mean(values)) for name, values in scores.items()}


def digits_pixels() -> NDArray[np.float32]:
    """(1797, 64): the 8×8 scans themselves, 0…1."""
    return np.asarray(load_digits().data / 16.0, dtype=np.float32)


@torch.no_grad()
def digits_features(model: PreTrainedModel) -> NDArray[np.float32]:
    """(1797, width): what the frozen model's head would read, the scans enlarged to 32×32 by the image processor."""
    scans = [Image.fromarray((scan * 255.0 / 16.0).astype(np.uint8)) for scan in load_digits().images]
    pixels: Tensor = image_processor()(scans, return_tensors="pt")["pixel_values"]
    model.train(False)
    return torch.cat([model.base_model(part).pooler_output for part in torch.split(pixels, 256)]).numpy()
