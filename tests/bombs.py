"""Small patches that unpack to much."""

import base64
import hashlib
import struct
import zlib

_ZEROS = bytes(1 << 24)
_LINE = 52
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def delta(copies: int) -> bytes:
    """Return a patch of two parts: 16 MiB of zeros, and a delta that copies them.

    gitformat-pack(5), "Deltified representation": a copy of almost 16 MiB takes 4 bytes.
    """
    copy = b"\xf0\xff\xff\xff"
    sizes = _varint(len(_ZEROS)) + _varint(copies * 0xFFFFFF)
    nothing, zeros = "0" * 40, _blob(_ZEROS)
    return b"".join(
        (
            _part("new file mode 100644\n", nothing, zeros, "literal", _ZEROS),
            _part("", zeros, "1" * 40, "delta", sizes + copy * copies),
        )
    )


def _part(mode: str, old: str, new: str, kind: str, content: bytes) -> bytes:
    mode_of_index = "" if mode else " 100644"
    head = (
        f"diff --git a/lib/zeros b/lib/zeros\n{mode}index {old}..{new}{mode_of_index}\n"
        f"GIT binary patch\n{kind} {len(content)}\n"
    )
    packed = zlib.compress(content, 9)
    lines = [packed[at : at + _LINE] for at in range(0, len(packed), _LINE)]
    body = "".join(f"{_LETTERS[len(line) - 1]}{_base85(line)}\n" for line in lines)
    return f"{head}{body}\n".encode()


def _base85(line: bytes) -> str:
    return base64.b85encode(line, pad=True).decode()


def _varint(number: int) -> bytes:
    groups: list[int] = []
    while number >= 0x80:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return struct.pack(f"{len(groups) + 1}B", *groups, number)


def _blob(content: bytes) -> str:
    head = b"blob %d\0" % len(content)
    return hashlib.sha1(head + content, usedforsecurity=False).hexdigest()
