"""The commits that a series has on request alone: what they change in the nixpkgs around the file.

Each stands for itself: it goes onto the pin alone, and onto the series with any of the others. No two change the same
file, and none mentions what only another one brings.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from toolkit import inside
from toolkit.docker.rewrite import nixos, release_note
from toolkit.docker.steps import TEST_FILE, Demotion, Extra, plan, ports_test
from toolkit.errors import ToolkitError, UsageError
from toolkit.git import diffs, mailing, patching
from toolkit.inside import AbsentError
from toolkit.model import FileChange, TreeCommit
from toolkit.proposal.leaf import Added

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from toolkit.model import Patch, Source
    from toolkit.patches import Message

TEST = PurePosixPath("nixos/tests") / TEST_FILE
ALL_TESTS = PurePosixPath("nixos/tests/all-tests.nix")
MODULE = PurePosixPath("nixos/modules/virtualisation/docker-rootless.nix")
MODULE_TEST = PurePosixPath("nixos/tests") / f"{nixos.NEIGHBOUR}.nix"
RELEASE_NOTES = PurePosixPath("nixos/doc/manual/release-notes")


def prepare(wanted: Sequence[Extra], source: Source, demotion: Demotion | None = None) -> tuple[TreeCommit, ...]:
    """Return the commits of the wanted extras in the order of Extra, made for the source's own nixpkgs.

    `demotion` is what the series does to the PATH, which the texts describe. Raise UsageError for a lone file,
    ToolkitError if nixpkgs lacks what an extra changes, RefusalError or NixSyntaxError if that is not
    understood.
    """
    extras = [extra for extra in Extra if extra in wanted]
    if not extras:
        return ()
    if source.root is None:
        raise UsageError(
            f"--with {extras[0]}: {source.origin} is a file without the nixpkgs around it",
            hint="name a nixpkgs with --nixpkgs; that file is read from it, too",
        )
    changes: dict[Extra, Callable[[Path], tuple[FileChange, ...]]] = {
        Extra.NIXOS_TEST: lambda root: _nixos_test(root, demotion),
        Extra.NIXOS_MODULE: _nixos_module,
        Extra.RELEASE_NOTE: lambda root: _release_note(root, note(demotion, extras)),
    }
    if Extra.RELEASE_NOTE in extras and not note(demotion, extras):
        fact = "there is nothing to tell, since neither PATH nor the module changes"
        raise UsageError(f"--with {Extra.RELEASE_NOTE}: {fact}")
    messages: dict[Extra, Message] = {extra: plan().extras[extra] for extra in extras}
    if demotion is None and Extra.RELEASE_NOTE in messages:
        messages[Extra.RELEASE_NOTE] = plan().module.released
    return tuple(
        TreeCommit(
            subject=messages[extra].subject,
            body=messages[extra].whole,
            files=changes[extra](source.root),
            extra=extra,
        )
        for extra in extras
    )


def note(demotion: Demotion | None, extras: Sequence[Extra]) -> str:
    """Return the item of the release notes for a series with these extras, without its bullet."""
    option = (plan().module.note,) if Extra.NIXOS_MODULE in extras else ()
    return " ".join((*((plan().notes[demotion],) if demotion is not None else ()), *option))


def mails(
    commits: Sequence[TreeCommit], *, first: int, committed: int | None = None, author: str | None = None
) -> tuple[Added, ...]:
    """Return the commits with their mails, the first of which is number `first`; the series' own are not touched."""
    return tuple(
        Added(
            extra=Extra(str(commit.extra)),
            patch=mailing.addition(commit, number=number, committed=committed, author=author),
            commit=commit,
        )
        for number, commit in enumerate(commits, first)
    )


def of_patch(patch: Patch) -> Extra:
    """Tell which extra a mail is, by the files that it touches; raise ToolkitError for one that is none of them."""
    paths = diffs.touched(patch.content)
    for extra, there in (
        (Extra.NIXOS_TEST, TEST in paths),
        (Extra.NIXOS_MODULE, MODULE in paths),
        (Extra.RELEASE_NOTE, any(path.parent == RELEASE_NOTES for path in paths)),
    ):
        if there:
            return extra
    raise ToolkitError(
        f"{patch.name}: is not one of the commits that --with adds: touches {', '.join(map(str, paths))}"
    )


def read_back(letters: Sequence[Patch], source: Source) -> tuple[Added, ...]:
    """Return the commits of mails that stand behind a series, as they change the source's nixpkgs.

    Raise ToolkitError for one that is no extra, and for a second one of the same kind.
    """
    found: list[Added] = []
    for patch in letters:
        extra = of_patch(patch)
        if extra in {added.extra for added in found}:
            raise ToolkitError(f"{patch.name}: is a second commit for --with {extra}")
        found.append(_read_back(extra, patch, source.root))
    return tuple(found)


def _read_back(extra: Extra, patch: Patch, root: Path | None) -> Added:
    if root is None:
        return Added(extra=extra, patch=patch, commit=None)
    try:
        files = patching.changes(patch.content, lambda path: _content(root, path))
    except ToolkitError as error:
        return Added(extra=extra, patch=patch, commit=None, failure=error.message)
    return Added(extra=extra, patch=patch, commit=TreeCommit(subject=patch.name, body="", files=files, extra=extra))


def _content(root: Path, path: PurePosixPath) -> bytes | None:
    return inside.find(root, path)


def _nixos_test(root: Path, demotion: Demotion | None) -> tuple[FileChange, ...]:
    if inside.exists(root, TEST):
        raise ToolkitError(f"{TEST}: is already there", hint=f"leave --with {Extra.NIXOS_TEST} out")
    before = _read(root, ALL_TESTS, Extra.NIXOS_TEST)
    after = nixos.register(before, name=str(ALL_TESTS), test=TEST.stem)
    form = nixos.registration(after, name=str(ALL_TESTS), test=TEST.stem).form
    module = ports_test().read_text(encoding="utf-8")
    test = nixos.in_form(module, form, brought=demotion is not Demotion.DROP)
    return (_change(ALL_TESTS, before, after), FileChange(path=TEST, before=None, after=test.encode()))


def _nixos_module(root: Path) -> tuple[FileChange, ...]:
    before = _read(root, MODULE, Extra.NIXOS_MODULE)
    option, description = plan().module.option, plan().module.description
    after = nixos.add_option(before, name=str(MODULE), option=option, description=description)
    changes = [_change(MODULE, before, after)]
    if inside.exists(root, MODULE_TEST):
        test = _read(root, MODULE_TEST, Extra.NIXOS_MODULE)
        if (published := nixos.publish(test, name=str(MODULE_TEST), option=option)) is not None:
            changes.append(_change(MODULE_TEST, test, published))
    return tuple(changes)


def _release_note(root: Path, item: str) -> tuple[FileChange, ...]:
    path = RELEASE_NOTES / f"rl-{_release(root)}.section.md"
    before = _read(root, path, Extra.RELEASE_NOTE)
    return (_change(path, before, release_note.add(before, item, name=str(path))),)


def _release(root: Path) -> str:
    """Return the release that a nixpkgs becomes, such as 2611.

    It is in `.version` and in `lib/.version`, one of which is a link to the other (which one has changed).
    """
    for name in (".version", "lib/.version"):
        found = re.match(rb"\s*(\d\d)\.(\d\d)\b", inside.find(root, name) or b"")
        if found is not None:
            return (found[1] + found[2]).decode()
    raise ToolkitError(".version: contains no release, such as 26.11", hint=f"leave --with {Extra.RELEASE_NOTE} out")


def _read(root: Path, path: PurePosixPath, extra: Extra) -> str:
    try:
        content = inside.read(root, path)
    except AbsentError:
        message = f"{path}: this nixpkgs has no such file"
        raise ToolkitError(message, hint=f"leave --with {extra} out, or name another nixpkgs") from None
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise ToolkitError(f"{path}: is not UTF-8") from None
    if "\r" in text:
        raise ToolkitError(f"{path}: has carriage returns")
    return text


def _change(path: PurePosixPath, before: str, after: str) -> FileChange:
    return FileChange(path=path, before=before.encode(), after=after.encode())
