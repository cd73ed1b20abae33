"""Linux system calls and C functions that Python does not offer.

Structures are bytes, as `struct` packs them.
"""

import ctypes
from typing import Any


def call(number: int, *arguments: bytes | int | None) -> int:
    """Make a system call by its number and return its result, or -1 on failure.

    System calls that were added since Linux 5.1 have the same number on all
    architectures.
    """
    given = (
        ctypes.c_long(each) if isinstance(each, int) else each for each in arguments
    )
    result: int = ctypes.c_int(function("syscall")(ctypes.c_long(number), *given)).value
    return result


def function(name: str) -> Any:  # noqa: ANN401 - ctypes gives the function no type
    """Return a function of the C library by its name, or None if it is missing."""
    return getattr(ctypes.CDLL(None, use_errno=True), name, None)


def code() -> int:
    """Return the errno of this thread's last C call."""
    return ctypes.get_errno()
