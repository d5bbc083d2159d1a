"""The limits of splitting are said in words, in one place that costs nothing to import."""

from __future__ import annotations

import subprocess
import sys

import pytest

from alih.data.messages import did_you_mean
from alih.data.split_options import SplitOptions
from alih.errors import OptionError


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (SplitOptions(validation=0.0), "--validation 0.0: the share to hold out must lie between 0 and 1"),
        (SplitOptions(test=1.0), "--test 1.0: the share to hold out must lie between 0 and 1"),
        (SplitOptions(validation=0.6, test=0.35), "leave less than a tenth of the examples to train on"),
        (SplitOptions(max_examples=1), "--max-examples 1: at least 2 training examples"),
    ],
)
def test_what_is_out_of_range_is_refused_by_its_flag(options: SplitOptions, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        options.check()


def test_a_tenth_is_enough_to_train_on() -> None:
    SplitOptions(validation=0.5, test=0.4, max_examples=2).check()


def test_the_nearest_name_is_offered_whatever_its_letter_case() -> None:
    assert did_you_mean("Finetun", ["transfer", "finetune"]) == ' Did you mean "finetune"?'
    assert did_you_mean("xyz", ["transfer", "finetune"]) == ""


def test_options_and_messages_can_be_used_without_numpy() -> None:
    program = "import sys, alih.data.split_options, alih.data.messages; print('numpy' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "False"
