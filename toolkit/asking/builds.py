"""Build chunks of questions to Nix as derivations, and read their outputs.

A chunk is a number of questions that one evaluation answers.
"""

import json
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from msgspec import Struct, field

from toolkit import documents, files, process
from toolkit.errors import ToolkitError, without_passwords
from toolkit.model import Progress
from toolkit.nix import stores
from toolkit.nix.evaluator import OFFLINE, SANDBOXED
from toolkit.process import Command
from toolkit.shipped import EXPRESSIONS
from toolkit.text import counted

_EXPRESSION = EXPRESSIONS / "chunks.nix"
_PURE = ("--option", "pure-eval", "false", "--option", "restrict-eval", "false")
_LOG = ("--log-format", "internal-json")
_PREFIX = "@nix "
_BUILD, _SUBSTITUTION, _LINE = 105, 108, 101
"""The numbers of two activity types and of a result type in Nix's log
(src/libutil/logging.hh).
"""

_HERE = "this machine"
_ATTEMPTS = 3
"""How many times Nix retries the chunks of a remote builder that fails."""

_MOST_TOLD = 10
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class FailureCause(StrEnum):
    """The reason why an evaluation of questions ended early."""

    ENDED = "Nix ended with an error"
    LATE = "Nix printed nothing for too long"
    KILLED = "a signal ended Nix"


class Built(Struct, frozen=True, kw_only=True):
    """The result of evaluating a chunk of questions in a Nix build.

    `mark` begins each line with an answer in `lines`. `cause` is the reason why the
    evaluation ended early, and `status` its exit status, negative for a signal.
    `question` is the number of the question at which the time limit ended it; empty if
    unknown.
    """

    derivation: str
    mark: str
    lines: str = ""
    cause: FailureCause | None = None
    status: int = 0
    question: str = ""


class _Derivation(Struct, frozen=True, kw_only=True):
    """The derivation of a chunk of questions, and its output path."""

    path: str
    output: str

    @property
    def mark(self) -> str:
        """The random-looking word that begins each line with an answer.

        chunk.sh takes the word from the output path.
        """
        return f"unlet-{Path(self.output).name.partition('-')[0]}:"

    @property
    def is_built(self) -> bool:
        """Whether the Nix store has the output of the derivation."""
        return stores.physical(Path(self.output)).exists()

    def read(self) -> Built | None:
        """Return the result in the output path, or None if it is not built."""
        with suppress(OSError):
            said = stores.physical(Path(self.output)).read_bytes()
            status, _, lines = said.decode("utf-8", "replace").partition("\n")
            return Built(
                derivation=self.path,
                mark=self.mark,
                lines=lines,
                cause=FailureCause.ENDED if int(status) else None,
                status=int(status),
            )
        return None


class ChunkBuilder(Struct, frozen=True, kw_only=True):
    """Builds derivations that evaluate chunks of questions.

    `shared` are attributes that all derivations have, and `options` the user's
    arguments for nix-store.
    """

    shared: Mapping[str, str]
    stored: Sequence[str]
    options: Sequence[str]
    progress: Progress

    def built(self, chunks: Sequence[Mapping[str, str | int]]) -> list[Built]:
        """Build chunks of questions, and return their results in order.

        Chunks that the store already has are not built. Raise ToolkitError if a chunk
        cannot be built for a reason other than the Nix code that it evaluates.
        """
        derivations = self._derivations(chunks)
        results = {each.path: each.read() for each in derivations}
        reason = ""
        for _ in range(_ATTEMPTS):
            missing = [each for each in derivations if results[each.path] is None]
            if not missing:
                break
            log = self._realised(missing)
            reason = log.reason(missing[0].path)
            for each in derivations:
                if results[each.path] is None:
                    results[each.path] = each.read() or log.failure(each)
        if None in results.values():
            raise ToolkitError(
                f"nix: it cannot build a part of the questions: {reason}",
                hint="with --on here, unlet evaluates on this machine",
            )
        return [result for each in derivations if (result := results[each.path])]

    def _derivations(
        self, chunks: Sequence[Mapping[str, str | int]]
    ) -> list[_Derivation]:
        with files.temporary() as directory:
            request = directory / "request.json"
            request.write_bytes(
                documents.write(
                    {"shared": self.shared, "stored": self.stored, "chunks": chunks}
                )
            )
            argv = (
                "nix-instantiate",
                *_PURE,
                str(_EXPRESSION),
                "--argstr",
                "request",
                str(request),
            )
            paths = process.run(argv, env=stores.environment()).text.split()
        query = ("nix-store", "--query", "--outputs", *paths)
        outputs = process.run(query, env=stores.environment()).text.split()
        return [
            _Derivation(path=path, output=output)
            for path, output in zip(paths, outputs, strict=True)
        ]

    def _realised(self, derivations: Sequence[_Derivation]) -> "_Log":
        log = _Log(progress=self.progress, derivations=derivations)
        argv = ("nix-store", "--realise", "--keep-going", *_LOG, *OFFLINE, *SANDBOXED)
        count = counted(len(derivations), "chunk")
        self.progress.step(f"evaluating {count} of questions with Nix")
        paths = [each.path for each in derivations]
        process.execute(
            Command(
                argv=(*argv, *self.options, *paths),
                env=stores.environment(),
                ok=None,
                on_stderr=log.read,
            )
        )
        log.tell()
        return log


class _Activity(Struct, frozen=True, kw_only=True):
    """An activity in Nix's log: a build or a download of a chunk.

    `place` is a phrase such as `on HOST` or `from CACHE`.
    """

    chunk: _Derivation
    place: str


class _Log(Struct, kw_only=True):
    """The state of Nix's log while Nix builds chunks of questions."""

    progress: Progress
    derivations: Sequence[_Derivation]
    began: float = field(default_factory=time.monotonic)
    running: dict[int, _Activity] = field(default_factory=dict[int, _Activity])
    done: Counter[str] = field(default_factory=Counter[str])
    """The number of finished chunks, by place: this computer, a builder or a cache."""
    last: dict[str, str] = field(default_factory=dict[str, str])
    """The last line that each derivation's build has printed."""
    errors: list[str] = field(default_factory=list[str])

    def read(self, line: str) -> None:
        """Update the state with one line of Nix's log."""
        if not line.startswith(_PREFIX):
            self.errors.append(line)
            return
        event = json.loads(line.removeprefix(_PREFIX))
        fields, number = event.get("fields", []), event.get("id")
        match event.get("action"), event.get("type"):
            case "start", kind if kind == _BUILD:
                self._start(number, fields[0], f"on {_called(fields[1]) or _HERE}")
            case "start", kind if kind == _SUBSTITUTION:
                self._start(number, fields[0], f"from {_called(fields[1])}")
            case "result", kind if kind == _LINE and number in self.running:
                self.last[self.running[number].chunk.path] = fields[0]
            case "stop", _ if number in self.running:
                self._stop(number)
            # Messages from a remote builder have no `raw_msg`.
            case "msg", _ if event.get("level") == 0 and "raw_msg" in event:
                self.errors.append(_COLOURS.sub("", event["msg"]))
            case _:
                pass

    def _start(self, number: int, path: str, place: str) -> None:
        for chunk in self.derivations:
            if path in {chunk.path, chunk.output}:
                self.running[number] = _Activity(chunk=chunk, place=place)

    def _stop(self, number: int) -> None:
        ended = self.running.pop(number)
        # A remote builder reports a nested activity for the same build.
        if any(each.chunk == ended.chunk for each in self.running.values()):
            return
        if not ended.chunk.is_built:
            return
        self.done[ended.place] += 1
        if self.done.total() % max(1, len(self.derivations) // _MOST_TOLD) == 0:
            self.tell()

    def tell(self) -> None:
        """Report progress: the number of finished chunks, and the estimated time."""
        done, total = self.done.total(), len(self.derivations)
        places = ", ".join(
            f"{count} {place}" for place, count in self.done.most_common()
        )
        left = (time.monotonic() - self.began) / max(done, 1) * (total - done)
        estimate = f", about {left:.0f} s left" if self.running else ""
        self.progress.step(
            f"evaluated {done} of {counted(total, 'chunk')} of questions"
            f"{f' ({places})' if places else ''}{estimate}"
        )

    def failure(self, derivation: _Derivation) -> Built | None:
        """Return the failure that chunk.sh reported for a derivation, or None."""
        last = self.last.get(derivation.path, "")
        said = re.fullmatch(r"unlet: (late|signal) ?(\d*)", last)
        if said is None:
            return None
        is_late = said[1] == "late"
        return Built(
            derivation=derivation.path,
            mark=derivation.mark,
            cause=FailureCause.LATE if is_late else FailureCause.KILLED,
            status=0 if is_late else -int(said[2]),
            question=said[2] if is_late else "",
        )

    def reason(self, path: str) -> str:
        """Return the reason why a derivation cannot be built, as one line."""
        lines = [line.strip() for text in self.errors for line in text.splitlines()]
        whole = [line.removeprefix("error: ") for line in lines if line]
        last = self.last.get(path, "").removeprefix("unlet: ")
        return last or (whole[0] if whole else "Nix gives no reason")


def _called(place: str) -> str:
    """Return the address of a builder or a binary cache without its settings."""
    return without_passwords(place.partition("?")[0])
