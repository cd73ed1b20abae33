"""Filter git's stderr about a clone before it is shown.

A clone's files and links may be a stranger's, so git could quote any file of this
machine. Only git's own phrases are shown, with words of the command, existing paths,
and the system's reasons.
"""

import os
import re
from collections.abc import Mapping, Sequence
from functools import cache

_PHRASES = """
not a git repository (or any of the parent directories): .git |
not a git repository (or any parent up to mount point {}) | not a git repository: {} | invalid gitfile format: {} |
detected dubious ownership in repository at {} | cannot use bare repository {} (safe.bareRepository is 'explicit') |
cannot change to {}: {} | cannot chdir to {}: {} | this operation must be run in a work tree | Invalid path {}: {} |
unable to access {}: {} | unable to read config file {}: {} | bad config line {} in file {} |
bad numeric config value {} | bad boolean config value {} | expected git repo version {}, found {} |
unknown repository extensions found: | ambiguous argument {}: unknown revision or path not in the working tree. |
ambiguous argument {}: both revision and filename | bad revision {} | bad object {} | Needed a single revision |
short object ID {} is ambiguous | Not a valid object name {} | Not a valid commit name {} |
your current branch {} does not have any commits yet | reference broken: {} | ignoring broken ref {} |
revision walk setup failed | Failed to traverse parents of commit {} | Could not read {} | unable to read {} |
unable to get object info for {} | unable to open {}: {} | could not open {} for reading: {} |
unable to open loose object {}: {} | unable to unpack {} header | object file {} is empty | corrupt loose object {} |
loose object {} (stored in {}) is corrupt | packed object {} (stored in {}) is corrupt |
inflate: data stream error ({}) | missing {} object {} | bad tree object {} | too-short tree object |
index file {} is too small | object directory {} does not exist; check .git/objects/info/alternates |
unable to normalize alternate object path: {} | unexpected line in {}: {} | unterminated line in {}: {} |
bad shallow line: {} | bad graft data: {} | bad signature {} | bad index file sha1 signature | index file corrupt |
index file smaller than expected | transport {} not allowed | could not fetch {} from promisor remote |
lazy fetching disabled; some objects may not be available | unable to find remote helper for {}
"""
_REASONS = re.compile(
    "File name too long|Input/output error|Is a directory|No space left on device|No "
    "such file or directory|"
    "Not a directory|Operation not permitted|Permission denied|Too many levels of "
    "symbolic links|Too many open files"
)
_MOST_LINES = 100


def known(said: str, words: Sequence[str]) -> str:
    """Return the lines that match one of git's phrases.

    `words` are those of the command.
    """

    def value(text: str) -> str:
        plain = text.strip("'")
        is_path = plain.startswith("/") and os.path.lexists(plain)
        return text if plain in words or is_path or _REASONS.fullmatch(plain) else "…"

    shown: list[str] = []
    for line in said.replace("\0", "").splitlines()[:_MOST_LINES]:
        text = (
            line.removeprefix("fatal: ")
            .removeprefix("error: ")
            .removeprefix("warning: ")
        )
        for phrase, pattern in _patterns().items():
            if (found := pattern.fullmatch(text)) is not None:
                shown.append(
                    line[: len(line) - len(text)]
                    + phrase.format(*map(value, found.groups()))
                )
                break
    return "\n".join(shown)


@cache
def _patterns() -> Mapping[str, re.Pattern[str]]:
    return {
        phrase: re.compile(re.escape(phrase).replace(r"\{\}", "(.*)"))
        for phrase in map(str.strip, _PHRASES.split("|"))
    }
