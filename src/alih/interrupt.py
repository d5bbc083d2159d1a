"""Ctrl-C that is not lost.

Python drops an exception that is raised inside a finaliser or the callback of a weak reference, a KeyboardInterrupt as
any other (it prints "Exception ignored in"). A run of hours would then go on as if nobody had asked it to stop. So the
signal is remembered, too, and long work looks after each step whether it was asked to stop.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType

_asked = False


def listen() -> None:
    """Remember SIGINT from now on, besides raising KeyboardInterrupt; in the main thread alone, as signals are."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _remember)


def check() -> None:
    """Stop, if Ctrl-C was pressed and nothing has stopped for it yet.

    Raises:
        KeyboardInterrupt: it was.
    """
    if _asked:
        raise KeyboardInterrupt


def answered() -> None:
    """What was asked for is being done: the next Ctrl-C is another one."""
    global _asked
    _asked = False


def _remember(_signal: int, _frame: FrameType | None) -> None:
    global _asked
    _asked = True
    raise KeyboardInterrupt
