"""Use Nix without a store: its version, its parser, and its error messages.

Needs Nix 2.18, the oldest version that nixpkgs itself supports (its lib/minver.nix).
"""

import re
import signal
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

from msgspec.structs import replace
from packaging.version import Version

from toolkit import process
from toolkit.errors import (
    CommandError,
    LimitError,
    NixSyntaxError,
    NotRunError,
    RefusalError,
    ToolkitError,
    excerpt,
)
from toolkit.nix.limits import ANSWER_BYTES, confinement, raised_by, variables
from toolkit.process import Command

MINIMUM = Version("2.18")
_ESCAPES = str.maketrans(
    {"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r", "\t": r"\t"}
)
_PARSE_SECONDS = 5.0
# Nothing is evaluated, and the files are no paths of an expression.
_PARSE = (
    "nix-instantiate",
    "--store",
    "dummy://",
    "--option",
    "restrict-eval",
    "false",
    "--parse",
)
_AT_ONCE = 200

MOST_BROKEN = 50
"""unlet names at most so many files that are not valid Nix."""


@cache
def version() -> Version:
    """Return the version of the Nix on PATH.

    Raise ToolkitError if there is none, or it is older than MINIMUM.
    """
    said = process.run(["nix-instantiate", "--version"]).text
    found = re.search(r"\(Nix\) (\d+(?:\.\d+)+)", said)
    if found is None:
        raise ToolkitError(f"nix-instantiate: cannot read its version from '{said}'")
    if (number := Version(found[1])) < MINIMUM:
        raise ToolkitError(
            f"nix: version {number} is too old", hint=f"install Nix {MINIMUM} or newer"
        )
    return number


def parse_command(paths: Sequence[Path]) -> Command:
    """Return the command that parses files."""
    argv = (*_PARSE, *map(str, paths))
    return Command(argv=argv, env=variables(), within=confinement(*paths), grace=0.0)


def parse(paths: Sequence[Path]) -> None:
    """Parse files; raise NixSyntaxError for the first file that Nix rejects."""
    try:
        process.execute(parse_command(paths))
    except CommandError as error:
        # A stranger's attribute may be called after any other file, and Nix quotes its
        # name.
        found = (
            _syntax_error_at(error, re.escape(str(path)), str(path), path.read_bytes())
            for path in paths
        )
        raise next(filter(None, found), error) from error


def parse_text(content: bytes, *, name: str) -> str:
    """Return a content in Nix's own form: without comments, attributes in Nix's order.

    This needs no store.

    Relative paths start at the working directory. Raise NixSyntaxError if Nix rejects
    it, with `name` as the file's name, and RefusalError for a content that takes Nix
    too long: some words take it quadratic time.
    """
    try:
        command = replace(
            parse_command(()),
            argv=(*_PARSE, "-"),
            stdin=content,
            timeout=_PARSE_SECONDS,
        )
        return process.execute(command).text
    except CommandError as error:
        raise _unparsed(error, r"«stdin»", name, content) from error


def parsed_each(
    contents: Sequence[bytes], directory: Path, *, names: Sequence[str]
) -> list[str | NixSyntaxError | RefusalError | None]:
    """Return Nix's form of each content, or its error, from one process.

    The contents are written to `directory`, which must be empty; relative paths start
    there. After MOST_BROKEN errors, the rest is None.
    """
    paths = [directory / f"{number}.nix" for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    broken = 0

    def read(part: range) -> list[str | NixSyntaxError | RefusalError | None]:
        nonlocal broken
        if broken >= MOST_BROKEN:
            return [None] * len(part)
        command = replace(
            parse_command([paths[at] for at in part]),
            timeout=_PARSE_SECONDS,
            most=ANSWER_BYTES,
        )
        try:
            output = process.execute(command).stdout
        except CommandError as error:
            if len(part) > 1:
                middle = len(part) // 2
                return [*read(part[:middle]), *read(part[middle:])]
            broken += 1
            return [
                _unparsed(error, re.escape(str(paths[at])), names[at], contents[at])
                for at in part
            ]
        # Each content is one line, in which Nix writes those of its strings as it reads
        # them.
        return [
            line.decode("utf-8", "surrogateescape") for line in output.split(b"\n")[:-1]
        ]

    parts = [
        range(begin, min(begin + _AT_ONCE, len(paths)))
        for begin in range(0, len(paths), _AT_ONCE)
    ]
    return [answer for part in parts for answer in read(part)]


def _unparsed(
    error: CommandError, place: str, name: str, content: bytes
) -> NixSyntaxError | RefusalError:
    """Return why Nix does not parse a content.

    `place` is the pattern of its path in messages.
    """
    if error.status == -signal.SIGTERM:
        return RefusalError(
            f"{name}: Nix cannot parse this file within {_PARSE_SECONDS:g} s"
        )
    return _syntax_error_at(error, place, name, content) or RefusalError(
        f"{name}: {reason(error)}"
    )


def reason(error: CommandError) -> str:
    """Return the one line of Nix's stderr that states the error."""
    lines = [line.strip() for line in error.stderr.splitlines() if line.strip()]
    if error.status in {-9, -6}:
        return (
            f"signal {-error.status} killed the evaluation: the memory was probably "
            "full"
        )
    if isinstance(error, LimitError):
        return error.limit
    if (failed := _failed_build(lines)) is not None:
        return failed
    said = [
        line.removeprefix("error:").strip()
        for line in lines
        if line.startswith("error:")
    ]
    # Some messages begin on the line after a bare `error:`.
    bare = [
        after
        for line, after in pairwise(lines)
        if line == "error:" and not after.startswith("…")
    ]
    return next(
        (line for line in reversed(said + bare[-1:]) if line),
        lines[-1] if lines else error.message,
    )


def reached_limit(error: CommandError) -> bool:
    """Return whether an evaluation exceeded a limit, as it will the next time, too."""
    return (
        isinstance(error, LimitError)
        or error.status < 0
        or reason(error).startswith("out of memory")
    )


def failure(error: CommandError, fact: str) -> ToolkitError:
    """Return the error for a failed Nix command: NotRunError if a limit ended it."""
    return (
        NotRunError(f"{fact}: {at_limit(error)}")
        if reached_limit(error)
        else ToolkitError(f"{fact}: {reason(error)}")
    )


def at_limit(error: CommandError) -> str:
    """Return the limit that ended an evaluation, with the option that raises it."""
    if isinstance(error, LimitError) and error.of_disk:
        return raised_by("--max-disk", reason(error))
    if isinstance(error, LimitError) and not error.of_time:
        return reason(error)
    return raised_by(
        "--timeout" if isinstance(error, LimitError) else "--max-memory", reason(error)
    )


GOT_FUNCTION = "expected a set but found a function"
"""Nix's reason if an evaluation got a function instead of a set."""

LACKING = re.compile(
    rf"attribute '.*' missing|.* called with(out)? \S+ argument '.*'|{GOT_FUNCTION}"
)
"""Nix's message if an attribute or argument was missing, or had a wrong type."""


_ANNOUNCED = re.compile(
    r"building '|copying path '|/nix/store/\S+$|(this|these) .*(derivation|path)s? "
    r"will be "
)
"""The lines that Nix prints before the first line of a builder."""


def _failed_build(lines: Sequence[str]) -> str | None:
    """Return which derivation failed to build first, and its builder's last line."""
    for index, line in enumerate(lines):
        if found := re.match(
            r"error: (?:builder for|Cannot build) '[^']*/[0-9a-z]{32}-([^']+)\.drv'",
            line,
        ):
            said = [before for before in lines[:index] if not _ANNOUNCED.match(before)]
            if killed := re.search(r"failed due to (signal \d+)", line):
                return (
                    f"{found[1]} cannot be built: its builder was killed by {killed[1]}"
                )
            return (
                f"{found[1]} cannot be built: "
                f"{said[-1] if said else 'its builder printed nothing'}"
            )
    return None


def _syntax_error_at(
    error: CommandError, pattern: str, name: str, content: bytes
) -> NixSyntaxError | None:
    place = re.search(rf"at {pattern}:(\d+):(\d+)", error.stderr)
    if place is None:
        return None
    line, column = int(place[1]), int(place[2])
    lines = content.decode("utf-8", "replace").splitlines()
    shown = lines[line - 1] if line <= len(lines) else ""
    return NixSyntaxError(
        f"{name}:{line}:{column}: {reason(error)}", excerpt=excerpt(shown, column)
    )


def quoted(text: str) -> str:
    """Return a string as a literal of Nix, on one line."""
    return f'"{text.translate(_ESCAPES)}"'.replace("${", "\\${")


def nix_path(path: Path) -> str:
    """Return a path as an expression of Nix; a relative `path` stays relative."""
    text = path.as_posix()
    base = "/" if path.is_absolute() else "./"
    bare = text.removeprefix("/")
    if bare.isascii() and all(
        character.isalnum() or character in "._-+/" for character in bare
    ):
        return base + bare
    return f"({base}. + {quoted(f'/{bare}')})"
