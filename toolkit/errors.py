"""The exception tree of the package.

ToolkitError                 a failure that the user can fix; exit code 3
├── UsageError               a wrong command line; exit code 2
├── UnreachableError         a server does not answer
├── RefusalError             a rewrite would have to guess
│   └── LayoutError          a rewrite does not apply to files of this kind
├── NixSyntaxError           a file is not valid Nix
├── NotRunError              a proof cannot run, not even for the unchanged file
├── FullError                a disk is full
└── CommandError             a program failed
    └── LimitError           a program exceeded its time or size limit

Messages have the form `subject: fact`, on one line, in lower case, with quoted values.
"""

import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import TypeVar

T = TypeVar("T")

_NEAR = 0.66
"""The similarity that a misspelt name must have to a known name, for difflib."""

_EXCERPT_WIDTH = 120

_CREDENTIALS = re.compile(r"(https?://)[^/?#\s'\"]*@|(://[^/?#\s'\":@]*):[^/?#\s'\"]*@")


def without_passwords(text: str) -> str:
    """Return a text without the passwords in its URLs.

    HTTP URLs also lose the user, which may be a token.
    """
    return _CREDENTIALS.sub(lambda found: found[1] or f"{found[2]}@", text)


def did_you_mean(name: str, known: Iterable[str], *, otherwise: str) -> str:
    """Return a hint with the known names that resemble a misspelt one.

    Return `otherwise` if no known name resembles it.
    """
    near = get_close_matches(name, [*known], cutoff=_NEAR)
    return f"did you mean {' or '.join(near)}?" if near else otherwise


class ToolkitError(Exception):
    """A failure that the user can understand and fix.

    `hint` is one line of advice.
    """

    exit_code = 3

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(ToolkitError):
    """The command line names something unknown, or options that exclude each other."""

    exit_code = 2


class UnreachableError(ToolkitError):
    """A server or a remote does not answer.

    unlet may still use earlier answers from the cache.
    """


class RefusalError(ToolkitError):
    """A rewrite refuses a file because it would have to guess."""


class LayoutError(RefusalError):
    """A rewrite does not apply to files of this kind."""


class NixSyntaxError(ToolkitError):
    """Nix's grammar rejects a file.

    `excerpt` is the source line with a caret below it.
    """

    def __init__(self, message: str, *, excerpt: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.excerpt = excerpt


class NotRunError(ToolkitError):
    """A proof cannot run, not even for the unchanged file.

    The claim is neither proven nor refuted. `limited` is true if time or memory ran
    out.
    """

    def __init__(
        self, message: str, *, hint: str | None = None, limited: bool = False
    ) -> None:
        super().__init__(message, hint=hint)
        self.limited = limited


class FullError(ToolkitError):
    """A disk is full, so no proof can reach a result."""


class CommandError(ToolkitError):
    """A program ended with a status that its caller does not expect.

    `argv` is the command, `status` its exit status (negative: the signal that ended the
    program), and `stderr` its whole error output. `argv` and `stderr` lack the
    passwords of URLs.
    """

    def __init__(
        self, argv: Sequence[str], *, status: int, stderr: str, hint: str | None = None
    ) -> None:
        stderr = without_passwords(stderr)
        last = next(
            (line for line in reversed(stderr.splitlines()) if line.strip()),
            "no message",
        )
        ended = (
            f"was ended by signal {-status}"
            if status < 0
            else f"ended with status {status}"
        )
        super().__init__(f"{argv[0]}: {ended}: {last.strip()}", hint=hint)
        self.argv = tuple(map(without_passwords, argv))
        self.status = status
        self.stderr = stderr

    @property
    def command(self) -> str:
        """The command as one line for a shell."""
        return shlex.join(self.argv)


class LimitError(CommandError):
    """unlet ended a program because it exceeded a limit.

    `limit` names the limit, in words that end a sentence. `of_time` is true for a time
    limit, `of_pace` for the time limit of one task, and `of_disk` for the limit on
    written bytes.
    """

    def __init__(  # noqa: PLR0913 - one parameter per kind of limit
        self,
        argv: Sequence[str],
        *,
        status: int,
        stderr: str,
        limit: str,
        of_time: bool = False,
        of_pace: bool = False,
        of_disk: bool = False,
    ) -> None:
        super().__init__(argv, status=status, stderr=f"{stderr}\n{limit}")
        self.limit = limit
        self.of_time = of_time
        self.of_disk = of_disk
        self.of_pace = of_pace


def excerpt(line: str, column: int) -> str:
    """Return an excerpt of a line, with a caret below the column (counted from 1)."""
    left_out = max(0, column - 1 - _EXCERPT_WIDTH // 2)
    return f"{line[left_out : left_out + _EXCERPT_WIDTH]}\n{' ' * (column - 1 - left_out)}^"


def reason_of(error: OSError | ValueError) -> str:
    """Return the system's reason for a failure, in lower case."""
    return (getattr(error, "strerror", None) or str(error)).lower()


def tried(make: Callable[[], T]) -> T | ToolkitError:
    """Return the result of a call, or the ToolkitError that the call raises."""
    try:
        return make()
    except ToolkitError as error:
        return error


def only(outcome: T | ToolkitError) -> T:
    """Return the result of a call that `tried` made, or raise its error."""
    if isinstance(outcome, ToolkitError):
        raise outcome
    return outcome
