"""The model card that goes with weights made by the glyph recipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def write_card(folder: Path, figures: dict[str, Any]) -> None:
    """Write README.md (the card) and pretraining.json (recipe and figures) into a model's folder."""
    (folder / "pretraining.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    (folder / "README.md").write_text("# card\n", encoding="utf-8")
