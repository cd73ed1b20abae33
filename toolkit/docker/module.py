"""The commit of `--only nixos-module` for NixOS' module of rootless docker.

It adds an option, its test, and its release note. It applies to the pin alone, and to
the series, with which it shares no file.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

from toolkit import inside
from toolkit.docker.rewrite import nixos
from toolkit.docker.steps import MODULE, plan
from toolkit.errors import ToolkitError, UsageError
from toolkit.files import check_content
from toolkit.git import diffs, mailing, patching
from toolkit.inside import AbsentError
from toolkit.model import FileChange, Patch, Source, TreeCommit
from toolkit.proposal.leaf import Added

FILE = PurePosixPath("nixos/modules/virtualisation/docker-rootless.nix")
TEST = PurePosixPath("nixos/tests/docker-rootless.nix")
RELEASE_NOTES = PurePosixPath("nixos/doc/manual/release-notes")


def prepare(source: Source) -> TreeCommit:
    """Return the commit for the source's own nixpkgs.

    Raise UsageError for a single file, ToolkitError for a missing one, and RefusalError
    or NixSyntaxError for another form of file.
    """
    if source.root is None:
        raise UsageError(
            f"--only {MODULE}: {source.origin} is one file, without the nixpkgs "
            "around it",
            hint=(
                "name that nixpkgs with --nixpkgs; unlet then takes the file "
                "from it, too"
            ),
        )
    text = plan().module
    return TreeCommit(
        subject=text.subject,
        body=text.whole,
        why=text.why,
        files=tuple(_changes(source.root)),
    )


def mail(commit: TreeCommit, source: Source, *, number: int) -> Added:
    """Return the commit with its mail, number `number`.

    The series' mails stay the same.
    """
    return Added(
        patch=mailing.addition(commit, number=number, committed=source.committed),
        commit=commit,
    )


def read_back(letters: Sequence[Patch], source: Source) -> Added | None:
    """Return the commit in the mail that follows a series; None without a mail.

    Apply the mail to the source's nixpkgs. Raise ToolkitError for any other mail, and
    for a second one.
    """
    for number, patch in enumerate(letters):
        paths = diffs.touched(patch.content)
        if FILE not in paths or number:
            which = "is a second commit" if FILE in paths else "is not the commit"
            raise ToolkitError(
                f"{patch.name}: {which} of --only {MODULE}: it changes "
                f"{', '.join(map(str, paths))}"
            )
    if not letters:
        return None
    (patch,), root = letters, source.root
    if root is None:
        return Added(patch=patch, commit=None)
    try:
        files = patching.changes(patch.content, lambda path: inside.find(root, path))
    except ToolkitError as error:
        return Added(patch=patch, commit=None, failure=error.message)
    return Added(
        patch=patch, commit=TreeCommit(subject=patch.name, body="", files=files)
    )


def _changes(root: Path) -> Iterator[FileChange]:
    text = plan().module
    rewrites: dict[PurePosixPath, Callable[..., str | None]] = {
        FILE: partial(
            nixos.add_option, option=text.option, description=text.description
        ),
        TEST: partial(nixos.publish, option=text.option),
        RELEASE_NOTES / f"rl-{_release(root)}.section.md": partial(
            nixos.add_note, item=text.note
        ),
    }
    for path, rewrite in rewrites.items():
        if path == TEST and not inside.exists(root, path):
            continue
        before = _read(root, path)
        if (after := rewrite(before, name=str(path))) is not None:
            yield FileChange(path=path, before=before.encode(), after=after.encode())


def _release(root: Path) -> str:
    """Return the release that a nixpkgs will become, such as 2611.

    It is in `.version` and in `lib/.version`; one is a link to the other (nixpkgs
    swapped them once).
    """
    for name in (".version", "lib/.version"):
        found = re.match(rb"\s*(\d\d)\.(\d\d)\b", inside.find(root, name) or b"")
        if found is not None:
            return (found[1] + found[2]).decode()
    raise ToolkitError(".version: contains no release such as 26.11")


def _read(root: Path, path: PurePosixPath) -> str:
    try:
        content = inside.read(root, path)
    except AbsentError:
        raise ToolkitError(
            f"{path}: this nixpkgs lacks the file", hint="name another nixpkgs"
        ) from None
    check_content(str(path), content)
    return content.decode()
