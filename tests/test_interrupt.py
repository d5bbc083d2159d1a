"""A Ctrl-C that Python drops inside a finaliser is heard at the next step."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from alih import interrupt


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    # Started in the background by a shell, tests inherit that the signal is ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
    interrupt.answered()


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_it_is_raised_at_once_where_python_lets_it() -> None:
    interrupt.listen()
    with pytest.raises(KeyboardInterrupt):
        press()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_one_that_a_finaliser_swallows_is_raised_at_the_next_step() -> None:
    class Swallows:
        def __del__(self) -> None:
            press()

    interrupt.listen()
    thing = Swallows()
    del thing
    with pytest.raises(KeyboardInterrupt):
        interrupt.check()


def test_one_that_was_answered_is_over() -> None:
    interrupt.listen()
    with pytest.raises(KeyboardInterrupt):
        press()
    interrupt.answered()
    interrupt.check()


def test_in_another_thread_nothing_is_installed() -> None:
    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=interrupt.listen)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGINT) is before
