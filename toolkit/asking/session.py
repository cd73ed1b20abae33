"""Ask one Nix process many questions; it continues after errors.

`nix repl` keeps evaluated values even if an evaluation fails later, so fifty questions
cost little more than one.
"""

import json
import os
import queue
import re
import secrets
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Self, TypeVar

from msgspec.structs import replace

from toolkit import documents, process
from toolkit.environment import BUILDING, variables
from toolkit.errors import CommandError, ToolkitError
from toolkit.nix.limits import bounded, is_sealed, memory, raised_by, restrict
from toolkit.nix.program import reason
from toolkit.nix.stores import own, remote
from toolkit.pipes import LONGEST_WAIT
from toolkit.process import Command

# The directories in which `nix repl` stores its history.
_HISTORY = ("NIX_DATA_HOME", "XDG_DATA_HOME")
_SETTINGS = {
    "fsync-metadata": "false",
    "warn-dirty": "false",
    # Nothing is built, not even for the evaluation, and failed downloads end quickly.
    "max-jobs": "0",
    "builders": "",
    "download-attempts": "1",
    "connect-timeout": "10",
}
_MEBIBYTES = 4096
"""The memory limit of an unsandboxed Nix in MiB, enough for fifty overrides."""

_CUT = "syntax error, unexpected ':', expecting end of file\n       at «string»:"
_DEEP = "error: stack overflow"
_MOST_LINES, _MOST_CHARACTERS = 1_000, 2_000
"""The maximum number of lines of Nix's error output that are stored, and their maximum
length.
"""

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


T = TypeVar("T")

_INPUT = re.compile(r"… unlet: input '([^']+)'")
_ABSENT = re.compile(
    r"^unlet: |unable to download|cannot fetch|Cannot find Git revision|"
    r"Unable to start any build|Failed to open archive"
)

_MISSING = re.compile(r"^attribute '.*' missing|^undefined variable '")


class EvaluationError(ToolkitError):
    """Nix could not answer a question; the message is the reason, in one line.

    `stderr` is the whole error output of Nix. `is_limit` is true if the evaluation
    exceeded its time or memory.
    """

    def __init__(self, message: str, stderr: str, *, is_limit: bool = False) -> None:
        super().__init__(message)
        self.stderr = stderr
        self.is_limit = is_limit

    @property
    def is_absent(self) -> bool:
        """Return whether one of the user's files is missing on this computer."""
        return _ABSENT.search(self.message) is not None

    @property
    def is_missing(self) -> bool:
        """Return whether a name is undefined, which an unread file may define."""
        return _MISSING.search(self.message) is not None

    @property
    def fact(self) -> str:
        """The reason for the error, which names an unavailable flake input."""
        found = (
            _INPUT.search(self.stderr)
            if self.is_absent and " is not locked" not in self.message
            else None
        )
        return (
            f"input '{found[1]}' cannot be downloaded"
            if found is not None
            else self.message.removeprefix("unlet: ")
        )


class Session:
    """A `nix repl` process that has loaded a Nix function of strings.

    Use the session in a `with` statement, which ends the process.
    """

    def __init__(
        self,
        expression: Path,
        arguments: Mapping[str, str],
        *,
        lookup: Path,
        seconds: float,
        notice: str = "unlet",
    ) -> None:
        """Prepare the command that starts Nix.

        All answers together may take `seconds` from the last call of `begin`. `lookup`
        is the path of `<nixpkgs>`. Warnings that begin with `notice` are kept.
        """
        self._notice = notice
        # The evaluated code cannot know the sign, so it cannot forge an answer.
        sign = secrets.token_hex(8)
        self._answer, self._end = f"trace: {sign}@", f"{sign}@end"
        words = [
            word
            for name, value in {**arguments, "sign": sign}.items()
            for word in ("--argstr", name, value)
        ]
        # A sandboxed evaluation has no builtin that reads a flake.
        features = (
            "--extra-experimental-features",
            "nix-command" if is_sealed() else "nix-command flakes",
        )
        options = [
            word
            for name, value in _SETTINGS.items()
            for word in ("--option", name, value)
        ]
        argv = ("nix", *features, "repl", *options, "--file", str(expression), *words)
        more = {"NIX_REMOTE": remote(own()), **dict.fromkeys(_HISTORY, os.devnull)}
        # A fetch ends at SIGTERM; a running function does not.
        command = Command(argv=argv, env=variables(BUILDING, more), grace=0.5)
        within = command if is_sealed() else bounded(command, memory(_MEBIBYTES))
        sealed = restrict(within, expression.parent, writes=(own(),))
        # In an overlay, <nixpkgs> is the nixpkgs to which it is applied. The link comes
        # after the path to which it points.
        self._command = replace(sealed, argv=(*sealed.argv, "-I", f"nixpkgs={lookup}"))
        self._defined: dict[str, str] = {}
        self._written = 0
        """The bytes written by earlier processes, which share a limit with this one."""
        self.warnings: dict[str, None] = {}
        self._seconds = min(seconds, self._command.timeout or seconds)
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.begin()

    def begin(self) -> None:
        """Restart the session's time limit, for the next override."""
        self._deadline = time.monotonic() + self._seconds

    def __enter__(self) -> Self:
        self._answers = 0
        self._process = process.begin(self._command)
        self._lines = queue.SimpleQueue()
        self._readers = [
            threading.Thread(
                target=self._read, args=(self._process.stdout, None), daemon=True
            ),
            threading.Thread(
                target=self._read, args=(self._process.stderr, self._lines), daemon=True
            ),
        ]
        for thread in self._readers:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def ask(self, question: str, kind: type[T]) -> T | EvaluationError:
        """Return the answer to a question, a Nix expression, or the error.

        The expression prints its value with `say`. Raise ToolkitError if the value does
        not fit `kind`.
        """
        if time.monotonic() >= self._deadline:
            return self._late("")
        try:
            return documents.convert(
                self._asked(question), kind, document="Nix's answer"
            )
        except EvaluationError as error:
            # Earlier answers may have filled the memory.
            return (
                self.ask(question, kind) if error.is_limit and self._has_room else error
            )

    def known(self, question: str, kind: type[T], otherwise: T) -> T:
        """Return Nix's answer to a question, or `otherwise` if there is an error."""
        answer = self.ask(question, kind)
        return otherwise if isinstance(answer, EvaluationError) else answer

    def _asked(self, question: str) -> object:
        # For Nix, a file that ends too early is an incomplete question; a second line
        # that cannot continue it ends it.
        self._write(f'{question}\n:p null\nbuiltins.trace "{self._end}" null')
        answer: str | None = None
        said: deque[str] = deque(maxlen=_MOST_LINES)
        while True:
            line = self._next(said)
            if line == f"trace: {self._end}":
                break
            if line.startswith(self._answer):
                answer = line.removeprefix(self._answer)
            else:
                said.append(line[:_MOST_CHARACTERS])
                if (found := line.partition(f"warning: {self._notice}")[2]) and len(
                    self.warnings
                ) < _MOST_LINES:
                    self.warnings.setdefault(
                        f"{self._notice}{found[:_MOST_CHARACTERS]}"
                    )
        if answer is None:
            stderr = "\n".join(said)
            if _CUT in stderr:
                raise EvaluationError(
                    "it reads a file that ends too early: syntax error, unexpected "
                    "end of file",
                    stderr,
                )
            raise EvaluationError(
                reason(CommandError(self._command.argv, status=1, stderr=stderr)),
                stderr,
            )
        self._answers += 1
        return json.loads(answer)

    def define(self, kind: str, expression: str) -> str:
        """Return a name for an expression, which Nix evaluates once, on first use."""
        if expression not in self._defined:
            self._defined[expression] = f"{kind}_{len(self._defined)}"
            self._write(f"{self._defined[expression]} = {expression}")
        return self._defined[expression]

    def _write(self, lines: str) -> None:
        stdin = self._process.stdin
        with suppress(OSError):
            if stdin is not None:
                stdin.write(f"{lines}\n".encode(errors="surrogateescape"))
                stdin.flush()

    def _next(self, said: Sequence[str]) -> str:
        self._has_room = False
        line = self._awaited(said)
        if line is None:
            self._has_room = self._answers > 0
            self._restart()
            if deep := next((each for each in said if each.startswith(_DEEP)), None):
                self._has_room = False
                raise EvaluationError(deep.removeprefix("error: "), "\n".join(said))
            fact = raised_by(
                "--max-memory", "Nix has ended: the memory was probably full"
            )
            raise EvaluationError(fact, "\n".join(said), is_limit=True)
        return line

    def _awaited(self, said: Sequence[str]) -> str | None:
        """Return the next line that Nix prints, or None if Nix has ended.

        Raise EvaluationError at a limit.
        """
        while (left := self._deadline - time.monotonic()) > 0:
            self._require_room()
            with suppress(queue.Empty):
                return self._lines.get(timeout=min(left, LONGEST_WAIT))
        self._restart()
        raise self._late("\n".join(said))

    def _require_room(self) -> None:
        """Raise EvaluationError if Nix has written more bytes than its limit."""
        most = self._command.writes
        now = process.written(self._process.pid)
        if most is None or self._written + now <= most << 20:
            return
        self._restart()
        limit = f"it wrote more than {most} MiB to the store"
        raise EvaluationError(raised_by("--max-disk", limit), "", is_limit=True)

    def _late(self, said: str) -> EvaluationError:
        return EvaluationError(
            raised_by("--timeout", f"it takes more than {self._seconds:g} s"),
            said,
            is_limit=True,
        )

    def _restart(self) -> None:
        self._close()
        self.__enter__()
        for expression, name in self._defined.items():
            self._write(f"{name} = {expression}")

    def _close(self) -> None:
        # Between two questions, Nix ends when its input ends: SIGTERM ends only an
        # evaluation.
        self._written += process.written(self._process.pid)
        _shut(self._process.stdin)
        process.end(self._process, grace=self._command.grace)
        for thread in self._readers:
            thread.join()
        _shut(self._process.stdout)
        _shut(self._process.stderr)

    def _read(
        self, stream: IO[bytes] | None, lines: queue.SimpleQueue[str | None] | None
    ) -> None:
        """Read a stream of Nix to its end, so that Nix never blocks.

        The lines are put into the queue `lines`, if there is one.
        """
        for line in stream or ():
            if lines is not None:
                lines.put(
                    _COLOURS.sub("", line.decode("utf-8", "replace").rstrip("\n"))
                )
        if lines is not None:
            lines.put(None)


def _shut(stream: IO[bytes] | None) -> None:
    if stream is not None:
        with suppress(OSError):
            stream.close()
