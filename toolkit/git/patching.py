"""Patches: made of commits, read, and tried on a clean checkout or on some files.

All of it happens in directories and repositories of our own that live for a block. unidiff is the one reader of what
git writes and of what others send.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import TYPE_CHECKING

from msgspec import Struct
from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchSet

from toolkit import files, inside
from toolkit.errors import CommandError, ToolkitError
from toolkit.git import program, reading
from toolkit.inside import Kind
from toolkit.model import FileChange, Patch

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence

    from toolkit.git.reading import Located, TreeFile
    from toolkit.model import Commit, TreeCommit


# All that another version of git or a user's configuration could print in another way is spelled out. Histogram
# keeps a moved block in one piece, where the default may pair its closing braces with somebody else's.
DIFF = (
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--no-renames",
    "--full-index",
    "--diff-algorithm=histogram",
    "--indent-heuristic",
    "--unified=3",
    "--inter-hunk-context=0",
    "--src-prefix=a/",
    "--dst-prefix=b/",
)

_MAIL = ("--zero-commit", "--no-signature", "--no-attach", "--no-thread", "--no-cover-letter", "--stat=72")


class NewCommit(Struct, frozen=True, kw_only=True):
    """A commit with files to put into the tree of the one before it on `branch`."""

    files: Mapping[PurePosixPath, bytes]
    message: str = "base\n"
    branch: str = "main"
    author: str = program.IDENTITY


@contextmanager
def holding(contents: Mapping[PurePosixPath, bytes]) -> Generator[Path]:
    """Yield a directory with these files, in which git finds no repository if it runs `alone`."""
    with files.temporary() as name:
        for path, content in contents.items():
            reading.write_file(name / path, reading.TreeFile(content=content))
        yield name


@contextmanager
def throwaway(*commits: NewCommit, date: int | None = None, checked_out: bool = True) -> Generator[Path]:
    """Yield a repository with these commits, `main` being checked out; what is in them depends on nothing else."""
    with files.temporary() as name:
        made = name / "repository"
        made.mkdir()
        program.init(made)
        program.run_hermetic(
            made,
            "fast-import",
            "--quiet",
            "--done",
            stdin=b"".join(_stream(commits, program.EPOCH if date is None else date)),
        )
        if checked_out:
            program.run_hermetic(made, "reset", "--quiet", "--hard")
        yield made


def am(checkout: Path, mails: Iterable[Patch]) -> str | None:
    """Run git-am(1) on mails one after the other; return git's reason if one does not apply, None if all do."""
    stdin = b"".join(mail.content for mail in mails)
    tried = program.run_hermetic(checkout, "am", "--quiet", "--keep-cr", stdin=stdin, ok=None, date=program.EPOCH)
    return None if tried.status == 0 else reading.fact(tried.stderr)


def _stream(commits: Sequence[NewCommit], date: int) -> Iterator[bytes]:
    """Yield commits in the form of git-fast-import(1), by which one process makes all of them."""
    for commit in commits:
        yield f"commit refs/heads/{commit.branch}\nauthor {commit.author} {date} +0000\n".encode()
        yield f"committer {program.IDENTITY} {date} +0000\n".encode()
        yield from _data(commit.message.encode())
        for path, content in commit.files.items():
            yield f"M {reading.FILE} inline {path}\n".encode()
            yield from _data(content)
    yield b"done\n"


def _data(content: bytes) -> Iterator[bytes]:
    yield b"data %d\n" % len(content)
    yield content
    yield b"\n"


class Series(Struct, frozen=True, kw_only=True):
    """The commits of a proposal: one mail each for `git am`, and all of them as one diff for `git apply`."""

    patches: tuple[Patch, ...]
    upstream_diff: bytes


def series(
    commits: Sequence[Commit], target: PurePosixPath, *, committed: int | None = None, author: str | None = None
) -> Series:
    """Return the commits, which follow one another, as mails and as one diff against the first one's `before`.

    The date of each mail is `committed`, that of the pin in seconds since the epoch, and now if there is none; its
    author is `author`, `NAME <EMAIL>`, and git's user if there is none. All else depends on the commits alone. Mails
    are called `0001-….patch` after their subjects, which are numbered `[PATCH 1/2]`; `git am` drops that.
    """
    base = NewCommit(files={target: commits[0].before})
    author = author or program.author()
    made = [NewCommit(files={target: commit.after}, message=commit.message, author=author) for commit in commits]
    with throwaway(base, *made, date=_date(committed), checked_out=False) as made_in:
        span = (f"main~{len(made)}", "main")
        patches = _mails(made_in, "..".join(span))
        diff = program.run_hermetic(made_in, "diff", *DIFF, *span).stdout
    return Series(patches=patches, upstream_diff=diff)


def addition(commit: TreeCommit, *, number: int, committed: int | None = None, author: str | None = None) -> Patch:
    """Return a commit as the mail which follows `number - 1` others; date and author are as for `series`.

    The bytes of the others do not depend on it: its subject has no number.
    """
    base = NewCommit(files={file.path: file.before for file in commit.files if file.before is not None})
    after = {file.path: file.after for file in commit.files}
    made = NewCommit(files=after, message=commit.message, author=author or program.author())
    with throwaway(base, made, date=_date(committed), checked_out=False) as made_in:
        (mail,) = _mails(made_in, "main~1..main", "--no-numbered", f"--start-number={number}")
    return mail


def _date(committed: int | None) -> int:
    return committed if committed is not None else int(time.time())


def _mails(repository: Path, commits: str, *options: str) -> tuple[Patch, ...]:
    mails = repository.with_name("mails")
    how = ("--quiet", *DIFF, *_MAIL, *options, f"--output-directory={mails}")
    program.run_hermetic(repository, "format-patch", *how, commits)
    return tuple(Patch(name=path.name, content=path.read_bytes()) for path in sorted(mails.iterdir()))


class Applied(Struct, frozen=True, kw_only=True):
    """What became of a series and a diff on a clean checkout.

    `after` is the target's content after each mail of the series that applied, `after_diff` after the diff alone
    (None if it does not apply). `failure` is git's own reason for the first thing that does not apply. `commands`
    repeat it all in a shell, in the directory of the proposal, which has `upstream.diff` and `series/`.
    """

    after: tuple[bytes, ...]
    after_diff: bytes | None
    failure: str | None
    commands: tuple[str, ...]


class Fitting(Struct, frozen=True, kw_only=True):
    """How a diff fits: `offset` is the greatest distance in lines, `conflicts` are the lines where it does not."""

    applies: bool
    offset: int
    conflicts: tuple[int, ...]
    reason: str | None = None


class Stacked(Struct, frozen=True, kw_only=True):
    """The files after the last mail, by their paths; `failure` is git's reason where one does not apply."""

    after: Mapping[PurePosixPath, bytes]
    failure: str | None


def apply(content: bytes, target: PurePosixPath, patch: bytes, *, reverse: bool = False) -> bytes:
    """Return a file after a patch (a diff, a mail, or several of them on end); what that does to others is left out.

    `reverse` takes it back instead. Raise ToolkitError with git's reason if it does not apply, if it is no
    patch, and if it does not touch the file or takes it away.
    """
    options = (*(("--reverse",) if reverse else ()), f"--include={target}")
    after = _applied({target: content}, patch, *options, read=lambda _: None)
    paths = touched(patch)
    if target not in paths:
        others = ", ".join(map(str, paths[:3])) + (", …" if len(paths) > 3 else "")  # noqa: PLR2004
        raise ToolkitError(f"patch: does not touch '{target}', only {others}")
    return _kept(after, target)


def changes(patch: bytes, read: Callable[[PurePosixPath], bytes | None]) -> tuple[FileChange, ...]:
    """Return what a patch does to the files that `read` gives, None for one that is not there.

    Raise ToolkitError with git's reason if it does not apply, and for one that takes a file away.
    """
    before = {path: read(path) for path in touched(patch)}
    after = _applied({path: content for path, content in before.items() if content is not None}, patch, read=read)
    return tuple(FileChange(path=path, before=content, after=_kept(after, path)) for path, content in before.items())


def outcome(patch: bytes, before: Mapping[PurePosixPath, TreeFile]) -> Mapping[PurePosixPath, TreeFile]:
    """Return the files of these, and of those that a patch adds, that are there after it.

    Raise ToolkitError with git's reason if it does not apply.
    """
    with files.temporary() as directory:
        for path, file in before.items():
            reading.write_file(directory / path, file)
        _run_apply(directory, patch)
        return {
            PurePosixPath(entry.path): reading.read_file(directory, entry.path)
            for entry in inside.entries(directory)
            if entry.kind is not Kind.DIRECTORY
        }


def fit(content: bytes, target: PurePosixPath, diff: bytes) -> Fitting:
    """Try a diff on a file of this content, without changing anything."""
    with holding({target: content}) as directory:
        arguments = ("apply", "--check", "--verbose", f"--include={target}", "-")
        tried = program.run_hermetic(directory, *arguments, stdin=diff, ok=None, alone=True)
    offsets = [abs(int(found)) for found in re.findall(r"\(offset (-?\d+) lines?\)", tried.stderr)]
    conflicts = tuple(
        dict.fromkeys(int(found) for found in re.findall(r"patch failed: .*?:(\d+)$", tried.stderr, re.MULTILINE))
    )
    return Fitting(
        applies=tried.status == 0,
        offset=max(offsets, default=0),
        conflicts=conflicts,
        reason=reading.fact(tried.stderr) if tried.status != 0 else None,
    )


def stack(files: Mapping[PurePosixPath, bytes], mails: Sequence[Patch]) -> Stacked:
    """Try `git am` of the mails, one after the other, on a commit that has these files and nothing else."""
    with throwaway(NewCommit(files=files)) as checkout:
        failure = am(checkout, mails)
        listed = program.run_hermetic(checkout, "ls-files", "-z").stdout.split(b"\0")[:-1]
        after = {path: inside.read(checkout, path) for path in map(PurePosixPath, map(os.fsdecode, listed))}
    return Stacked(after=after, failure=failure)


def applies(  # noqa: PLR0913 - a series, its diff, and where it is tried
    before: bytes,
    target: PurePosixPath,
    patches: Sequence[Patch],
    upstream_diff: bytes,
    *,
    pin: Located | None = None,
    copy: Path = Path("FILE"),
) -> Applied:
    """Try `git apply --check` of the diff and `git am` of the series on a clean checkout.

    With `pin` the checkout is one of that commit, in a repository of our own which borrows the objects of
    `pin.repository` and writes none to it; without, it is one of a commit that has nothing but the target.
    `copy` is where the commands find a file with the content `before`. Raise ToolkitError if the pin's file
    differs from that.
    """
    here = throwaway(NewCommit(files={target: before})) if pin is None else _borrowed(target, pin)
    with here as checkout:
        if inside.read(checkout, target) != before:
            raise ToolkitError(f"{target}: differs in the commit from the file that was changed")
        after_diff, failure = _try_diff(checkout, target, upstream_diff)
        refused = am(checkout, patches)
        # The first is the base, which has no parent here.
        _, *log = program.run_hermetic(checkout, "rev-list", "--reverse", "HEAD").text.split()
        after = tuple(program.run_hermetic(checkout, "cat-file", "blob", f"{commit}:{target}").stdout for commit in log)
    return Applied(
        after=after,
        after_diff=after_diff,
        failure=failure or (f"series: {refused}" if refused is not None else None),
        commands=_commands(target, pin, copy),
    )


def _applied(
    files: Mapping[PurePosixPath, bytes], patch: bytes, *options: str, read: Callable[[PurePosixPath], bytes | None]
) -> Mapping[PurePosixPath, bytes]:
    """Return the files of these, and of those that the patch adds, that are there after it.

    In place of a link there is the file that it leads to, among these or among those that `read` gives. Raise
    ToolkitError for a link that leads to none of them.
    """
    with holding(files) as directory:
        _run_apply(directory, patch, *options)
        return {
            PurePosixPath(entry.path): _content(directory, PurePosixPath(entry.path), entry.kind, read)
            for entry in inside.entries(directory)
            if entry.kind is not Kind.DIRECTORY
        }


def _content(directory: Path, path: PurePosixPath, kind: Kind, read: Callable[[PurePosixPath], bytes | None]) -> bytes:
    if kind is not Kind.LINK or inside.is_file(directory, path):
        return inside.read(directory, path)
    led = PurePosixPath(normpath(path.parent / (inside.link(directory, path) or "")))
    # What leads out of the tree begins with `..` or `/`.
    content = None if led.is_absolute() or ".." in led.parts else read(led)
    if content is None:
        raise ToolkitError(f"patch: makes '{path}' a link that leads to no file of the tree")
    return content


def _run_apply(directory: Path, patch: bytes, *options: str) -> None:
    try:
        program.run_hermetic(directory, "apply", *options, "-", stdin=patch, alone=True)
    except CommandError as error:
        if "No valid patches" in error.stderr:
            raise ToolkitError("patch: contains no diff") from error
        raise ToolkitError(f"patch: does not apply: {reading.fact(error.stderr)}") from error


def _kept(after: Mapping[PurePosixPath, bytes], path: PurePosixPath) -> bytes:
    if path not in after:
        raise ToolkitError(f"patch: takes '{path}' away")
    return after[path]


@contextmanager
def _borrowed(target: PurePosixPath, pin: Located) -> Generator[Path]:
    """Yield a repository in which the pin is checked out as far as the target goes, with borrowed objects."""
    with holding({}) as checkout:
        program.init(checkout)
        for place, line in (
            ("objects/info/alternates", pin.repository / "objects"),
            # The parents are not needed, and a shallow repository has none.
            ("shallow", str(pin.commit)),
            ("info/sparse-checkout", f"/{target}"),
        ):
            path = checkout / ".git" / place
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(os.fsencode(f"{line}\n"))
        # That there is a promisor tells git that objects may be missing.
        for setting in ("core.sparseCheckout", "remote.pin.promisor"):
            program.run_hermetic(checkout, "config", setting, "true")
        program.run_hermetic(checkout, "checkout", "--quiet", "--detach", str(pin.commit))
        yield checkout


def _try_diff(checkout: Path, target: PurePosixPath, diff: bytes) -> tuple[bytes | None, str | None]:
    """Return the file's content after the diff, or None and git's reason; nothing is written to the checkout.

    A diff can make links, and what is written through one lands outside of it.
    """
    index = checkout / ".git" / "index"
    kept = index.read_bytes()
    try:
        program.run_hermetic(checkout, "apply", "--check", "-", stdin=diff)
        program.run_hermetic(checkout, "apply", "--cached", "-", stdin=diff)
        entry = program.run_hermetic(checkout, "ls-files", "--stage", "-z", "--", str(target)).stdout
        mode, _, rest = entry.partition(b" ")
        if mode.decode() not in {reading.FILE, reading.EXECUTABLE}:
            return None, f"upstream.diff: '{target}' is no regular file after it"
        after = program.run_hermetic(checkout, "cat-file", "blob", rest[: rest.index(b" ")].decode()).stdout
    except CommandError as error:
        return None, f"upstream.diff: {reading.fact(error.stderr)}"
    finally:
        index.write_bytes(kept)
    return after, None


def _commands(target: PurePosixPath, pin: Located | None, copy: Path) -> tuple[str, ...]:
    path = shlex.quote(str(target))
    if pin is None:
        prepare = (
            f"git init --quiet checkout && mkdir -p checkout/{shlex.quote(str(target.parent))}"
            f" && cp {shlex.quote(str(copy))} checkout/{path}"
            f" && git -C checkout add {path} && git -C checkout commit --quiet --message=base"
        )
    else:
        objects = shlex.quote(str(pin.repository / "objects"))
        prepare = (
            f"git init --quiet checkout && echo {objects} > checkout/.git/objects/info/alternates"
            f" && echo {pin.commit} > checkout/.git/shallow"
            f" && git -C checkout config remote.pin.promisor true"
            f" && git -C checkout sparse-checkout set --no-cone /{path}"
            f" && git -C checkout checkout --quiet --detach {pin.commit}"
        )
    return (
        prepare,
        "git -C checkout apply --check ../upstream.diff",
        "(cd checkout && git am ../series/*.patch)",
    )


def read_diff(diff: bytes, name: str = "patch") -> PatchSet:
    """Return the files of a diff, or of a mail that has one; raise ToolkitError for a hunk that is not whole."""
    try:
        return PatchSet(io.StringIO(diff.decode("utf-8", "replace"), newline="\n"))
    except UnidiffParseError as error:
        raise ToolkitError(f"{name}: unidiff cannot read it: {str(error).strip()}") from error


def touched(diff: bytes, name: str = "patch") -> tuple[PurePosixPath, ...]:
    """Return the paths that a diff touches, in its order; raise ToolkitError for what has no diff in it."""
    paths = tuple(dict.fromkeys(_unquoted(file.path) for file in read_diff(diff, name)))
    if not paths:
        raise ToolkitError(f"{name}: contains no diff")
    return paths


def named(diff: bytes) -> tuple[PurePosixPath, ...]:
    """Return the paths that a diff names, those that it takes away or moves included.

    Raise ToolkitError for what has no diff in it, for a path that leads elsewhere, and for a submodule.
    """
    with files.temporary() as directory:
        try:
            listed = program.run_hermetic(directory, "apply", "--numstat", "-z", "-", stdin=diff, alone=True).names
        except CommandError as error:
            fact = "contains no diff" if "No valid patches" in error.stderr else reading.fact(error.stderr)
            raise ToolkitError(f"patch: {fact}") from error
    if re.search(rb"^(new file|deleted file|old|new) mode 160000$|^index \S+ 160000$", diff, re.MULTILINE):
        raise ToolkitError("patch: changes a submodule, which has nothing to evaluate")
    # A file that is renamed has no name in the first part of its record, and both in the two that follow.
    paths = [record.rpartition("\t")[2] for record in listed.split("\0")]
    moved = re.findall(rb"^(?:rename|copy) from (.+)$", diff, re.MULTILINE)
    paths += [str(_unquoted(name.decode("utf-8", "replace"))) for name in moved]
    found = tuple(PurePosixPath(path) for path in dict.fromkeys(paths) if path)
    if unsafe := next((path for path in found if path.is_absolute() or {"..", ".git"} & set(path.parts)), None):
        raise ToolkitError(f"patch: names the unsafe path '{unsafe}'")
    return found


# As git quotes a path in which a character is none of ASCII's, and reads it (core.quotePath in git-config(1), and
# unquote_c_style in its quote.c).
_QUOTED = re.compile(rb'"(?:[^"\\]|\\(?:[abfnrtv"\\]|[0-3][0-7]{2}))*"')
_ESCAPE = re.compile(rb'\\(?:([abfnrtv"\\])|([0-3][0-7]{2}))')
_ESCAPED = dict(zip(b'abfnrtv"\\', b'\a\b\f\n\r\t\v"\\', strict=True))


def _unquoted(path: str) -> PurePosixPath:
    """Return a path that git may have quoted; raise ToolkitError for one that only looks so."""
    if not path.startswith('"'):
        return PurePosixPath(path)
    content = path.encode("utf-8", "surrogateescape")
    if _QUOTED.fullmatch(content) is None:
        raise ToolkitError(f"patch: names the path {path}, which git does not write in this way")
    plain = _ESCAPE.sub(lambda found: bytes([_ESCAPED[found[1][0]] if found[1] else int(found[2], 8)]), content[1:-1])
    return PurePosixPath(plain.decode("utf-8", "replace"))


class Changes(Struct, frozen=True):
    """Lines of a diff. `moved` of the added ones are removed elsewhere in it, to the letter."""

    added: int
    removed: int
    moved: int


def count_lines(diff: bytes) -> Changes:
    """Count the lines of a unified diff; blank lines count as added or removed, and never as moved."""
    lines = [line for file in read_diff(diff) for hunk in file for line in hunk]
    added = Counter(line.value for line in lines if line.is_added)
    removed = Counter(line.value for line in lines if line.is_removed)
    moved = sum(number for text, number in (added & removed).items() if text.strip())
    return Changes(added.total(), removed.total(), moved)
