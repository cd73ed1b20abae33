"""Trying patches: the series and the diff of a proposal on a clean checkout, anybody's patch on a lone file."""

from __future__ import annotations

import os
import shlex
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from toolkit.errors import CommandError, ToolkitError
from toolkit.git import program, reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.git.reading import Located
    from toolkit.model import Patch


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What became of a series and a diff on a clean checkout.

    `after` is the target's content after each mail of the series that applied, `after_diff` after the diff alone
    (None where it does not apply). `failure` is git's own reason for the first thing that does not apply. `commands`
    repeat it all in a shell, in the directory of the proposal, which has `upstream.diff` and `series/`.
    """

    after: tuple[bytes, ...]
    after_diff: bytes | None
    failure: str | None
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patched:
    """A file after a patch, and all the paths that the patch touches, in its order."""

    content: bytes
    touched: tuple[PurePosixPath, ...]


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
    `copy` is where the commands find a file with the content `before`. Raises ToolkitError where the pin's file is
    another than that.
    """
    with tempfile.TemporaryDirectory(prefix="unlet-applies-") as name:
        checkout = Path(name) / "checkout"
        checkout.mkdir()
        commands = _commands(target, pin, copy)
        if pin is None:
            _commit(checkout, before, target)
        else:
            _borrow(checkout, target, pin)
        file = checkout / target
        if file.read_bytes() != before:
            raise ToolkitError(f"{target}: differs in the commit from the file that was changed")
        after_diff, failure = _try_diff(checkout, file, upstream_diff)
        file.write_bytes(before)
        after, refused = _try_mails(checkout, target, patches, mails=Path(name) / "series")
    return Applied(after=after, after_diff=after_diff, failure=failure or refused, commands=commands)


def apply(content: bytes, target: PurePosixPath, patch: bytes, *, reverse: bool = False) -> Patched:
    """Apply a patch (a diff, a mail, or several of them on end) to a file, and leave out what it does to others.

    `reverse` takes it back instead. Raises ToolkitError with git's reason where it does not apply, where it is no
    patch, and where it does not touch the file or takes it away.
    """
    with tempfile.TemporaryDirectory(prefix="unlet-apply-") as name:
        directory = Path(name)
        file = directory / target
        file.parent.mkdir(parents=True)
        file.write_bytes(content)
        try:
            counts = program.run_hermetic(directory, "apply", "--numstat", "-z", "-", stdin=patch, alone=True).stdout
            touched = tuple(dict.fromkeys(_touched(counts)))
            if target not in touched:
                others = ", ".join(map(str, touched[:3])) + (", …" if len(touched) > 3 else "")  # noqa: PLR2004
                raise ToolkitError(f"patch: does not touch '{target}', only {others}")
            turned = ("--reverse",) if reverse else ()
            program.run_hermetic(directory, "apply", *turned, f"--include={target}", "-", stdin=patch, alone=True)
        except CommandError as error:
            if "No valid patches" in error.stderr:
                raise ToolkitError("patch: contains no diff") from error
            raise ToolkitError(f"patch: does not apply: {reading.fact(error.stderr)}") from error
        if not file.is_file():
            raise ToolkitError(f"patch: takes '{target}' away")
        return Patched(content=file.read_bytes(), touched=touched)


def _touched(counts: bytes) -> list[PurePosixPath]:
    """Return the paths in the output of `git apply --numstat -z`: `ADDED TAB REMOVED TAB PATH NUL`."""
    return [PurePosixPath(line.split(b"\t", 2)[2].decode("utf-8", "replace")) for line in counts.split(b"\0")[:-1]]


def _commit(checkout: Path, content: bytes, target: PurePosixPath) -> None:
    """Make a repository with one commit, which has the target and nothing else, and check it out."""
    program.init(checkout)
    file = checkout / target
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    program.run_hermetic(checkout, "add", "--force", "--", str(target))
    program.run_hermetic(checkout, "commit", "--quiet", "--message=base", date=program.EPOCH)


def _borrow(checkout: Path, target: PurePosixPath, pin: Located) -> None:
    """Make a repository in which the pin is checked out as far as the target goes, with borrowed objects."""
    program.init(checkout, length=len(str(pin.commit)))
    directory = checkout / ".git"
    for place, line in (
        ("objects/info/alternates", pin.repository / "objects"),
        # The parents are not needed, and a shallow repository has none.
        ("shallow", str(pin.commit)),
        ("info/sparse-checkout", f"/{target}"),
    ):
        (directory / place).parent.mkdir(exist_ok=True)
        (directory / place).write_bytes(os.fsencode(f"{line}\n"))
    # That there is a promisor tells git that objects may be missing.
    for setting in ("core.sparseCheckout", "remote.pin.promisor"):
        program.run_hermetic(checkout, "config", setting, "true")
    program.run_hermetic(checkout, "checkout", "--quiet", "--detach", str(pin.commit))


def _try_diff(checkout: Path, file: Path, diff: bytes) -> tuple[bytes | None, str | None]:
    """Return the file's content after the diff, or None and git's reason."""
    try:
        program.run_hermetic(checkout, "apply", "--check", "-", stdin=diff)
        program.run_hermetic(checkout, "apply", "-", stdin=diff)
    except CommandError as error:
        return None, f"upstream.diff: {reading.fact(error.stderr)}"
    return file.read_bytes(), None


def _try_mails(
    checkout: Path, target: PurePosixPath, patches: Sequence[Patch], *, mails: Path
) -> tuple[tuple[bytes, ...], str | None]:
    """Return the target's content after each mail that applied, and git's reason where one did not."""
    mails.mkdir()
    for patch in patches:
        (mails / patch.name).write_bytes(patch.content)
    tried = program.run_hermetic(
        checkout,
        "am",
        "--quiet",
        "--keep-cr",
        *(str(mails / patch.name) for patch in patches),
        ok=None,
        date=program.EPOCH,
    )
    failure = None if tried.status == 0 else f"series: {reading.fact(tried.stderr)}"
    # The first is the base, which has no parent here.
    _, *log = program.run_hermetic(checkout, "rev-list", "--reverse", "HEAD").text.split()
    return reading.read_objects(checkout / ".git", [f"{commit}:{target}" for commit in log]), failure


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
