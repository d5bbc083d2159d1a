"""What a user may say about splitting, and the limits of it: the one place for `read` and for the options above it."""

from __future__ import annotations

from dataclasses import dataclass

from alih.errors import OptionError

#: Least share of the examples that has to be left to train on.
LEAST_TRAINING = 0.1
#: Fewest training examples that can be asked for.
FEWEST_EXAMPLES = 2


@dataclass(frozen=True)
class SplitOptions:
    """What the user said about splitting.

    Args:
        validation, test: shares to hold out where the source has no such split.
        seed: decides splits and subsample.
        max_examples: most training examples, or None.
    """

    validation: float = 0.2
    test: float = 0.2
    seed: int = 0
    max_examples: int | None = None

    def check(self) -> None:
        """Check the ranges.

        Raises:
            OptionError: a share or a number is out of range.
        """
        for flag, share in (("--validation", self.validation), ("--test", self.test)):
            if not 0 < share < 1:
                raise OptionError(f"{flag} {share}: the share to hold out must lie between 0 and 1, as in {flag} 0.2.")
        if self.validation + self.test > 1 - LEAST_TRAINING:
            raise OptionError(
                f"--validation {self.validation} and --test {self.test} leave less than a tenth of the examples to "
                "train on. Lower one."
            )
        if self.max_examples is not None and self.max_examples < FEWEST_EXAMPLES:
            raise OptionError(
                f"--max-examples {self.max_examples}: at least {FEWEST_EXAMPLES} training examples are needed."
            )
