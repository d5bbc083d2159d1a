"""Group-wise quantised linear layers, the QA-LoRA adapters that merge into them exactly, and their files."""
