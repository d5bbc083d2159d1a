"""What the trials say of the data."""

from __future__ import annotations

from alih.compare.diagnosis import diagnose
from alih.messages import Diagnosis


def keys(found: list[Diagnosis]) -> list[str]:
    return [one.text.key for one in found]


def test_a_domain_is_far_where_fine_tuning_takes_away_much_of_the_error() -> None:
    far, near = ({"transfer": 0.8, "finetune": tuned} for tuned in (0.9, 0.81))
    assert keys(diagnose(far, 120, {})) == ["domain_far"]
    assert keys(diagnose(near, 120, {})) == ["domain_near"]
    assert "With 120 examples" in diagnose(far, 120, {})[0].text.say()
