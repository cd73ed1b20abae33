"""Linux system calls that Python has no function for; they need the C library.

Structures are bytes, as `struct` packs them.
"""

import ctypes
from typing import Any


def call(number: int, *arguments: bytes | int | None) -> int:
    """Make a system call by its number, which all machines share since Linux 5.1.

    Return -1 on failure.
    """
    given = (
        ctypes.c_long(each) if isinstance(each, int) else each for each in arguments
    )
    result: int = ctypes.c_int(function("syscall")(ctypes.c_long(number), *given)).value
    return result


def function(name: str) -> Any:  # noqa: ANN401 - as ctypes has it
    """Return a function of the C library, or None."""
    return getattr(ctypes.CDLL(None, use_errno=True), name, None)


def code() -> int:
    """Return the errno of this thread's last call."""
    return ctypes.get_errno()
