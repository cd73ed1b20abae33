"""Read commits and files from any repository without writing to it."""

import hashlib
import os
import re
import stat
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from shlex import quote

from msgspec import Struct

from toolkit import files, inside
from toolkit.errors import CommandError, ToolkitError, UsageError
from toolkit.git import calls
from toolkit.model import Oid
from toolkit.writable import WritableRoot

_SUBMODULE = "160000"

FILE, EXECUTABLE, LINK = "100644", "100755", "120000"

_AS_THEY_ARE = "* -text -eol -filter -ident -working-tree-encoding\n"

MAXIMUM_BYTES = 32 << 20
"""The size limit of a file in a tree; the largest file of nixpkgs has 20 MB."""


class Located(Struct, frozen=True, kw_only=True):
    """A commit in a repository.

    `repository` is the git directory that holds the objects (a worktree's is its main
    repository's), `committed` is the committer's date in seconds since the epoch.
    """

    repository: Path
    commit: Oid
    committed: int


class TreeEntry(Struct, frozen=True, kw_only=True):
    """A file in a commit's tree; `mode` is git's, six octal digits."""

    path: PurePosixPath
    mode: str
    blob: Oid

    @property
    def is_submodule(self) -> bool:
        """Return whether the entry is a submodule.

        Its `blob` is then not an object of this repository.
        """
        return self.mode == _SUBMODULE


def is_repository(directory: Path) -> bool:
    """Return whether `directory` is the top of a worktree, or a git directory."""
    if (directory / ".git").exists():
        return True
    return all((directory / name).exists() for name in ("HEAD", "objects", "refs"))


def locate(directory: Path, rev: str = "HEAD") -> Located:
    """Find the commit that `rev` names in the repository at `directory`.

    It also finds a branch that only remotes have (`nixos-25.11` for
    `origin/nixos-25.11`), if they all agree. Raise ToolkitError if git cannot read it.
    """
    check_rev(rev)
    with explaining(directory):
        common, commit = _commit(directory, rev)
        when = calls.run_reading(
            Path(common), "log", "-1", "--no-show-signature", "--format=%ct", commit
        ).text
    return Located(repository=Path(common), commit=Oid(commit), committed=int(when))


def entries(
    repository: Path, commit: Oid, paths: Sequence[PurePosixPath]
) -> tuple[TreeEntry, ...]:
    """Return the files of a commit at and below `paths`; ignore missing paths."""
    with explaining(repository):
        listed = calls.run_reading(
            repository,
            "ls-tree",
            "-r",
            "-z",
            "--full-tree",
            str(commit),
            "--",
            *map(str, paths),
        ).stdout
    found: list[TreeEntry] = []
    for line in listed.split(b"\0")[:-1]:
        head, _, name = line.partition(b"\t")
        mode, _, blob = head.decode().split(" ")
        found.append(
            TreeEntry(path=PurePosixPath(os.fsdecode(name)), mode=mode, blob=Oid(blob))
        )
    return tuple(found)


def contents(
    repository: Path, names: Sequence[str], *, most: int | None = None
) -> tuple[tuple[Oid, bytes] | None, ...]:
    """Return the id and content of each file (`ID`, `COMMIT:PATH`), in one process.

    Return None for a missing file. Cut a longer file after `most` bytes and one more.
    """
    from toolkit.git import objects  # noqa: PLC0415 - GitPython, which most commands do without

    with objects.opened(repository) as repo:
        return tuple(objects.read(repo, name, most=most) for name in names)


def read_objects(
    repository: Path, names: Sequence[str], *, most: int | None = None
) -> tuple[bytes, ...]:
    """Return the content of each file, as `contents` does.

    Raise ToolkitError for a missing or too long file.
    """
    with explaining(repository):
        found = contents(repository, names, most=most)
    for name, each in zip(names, found, strict=True):
        if each is None:
            raise _missing(repository, name)
        if most is not None and len(each[1]) > most:
            raise ToolkitError(
                f"{repository}: the file {name[:12]} is larger than {most >> 20} MiB"
            )
    return tuple(each[1] for each in found if each is not None)


def _missing(repository: Path, name: str) -> ToolkitError:
    hint = (
        "this partial clone lacks some files: name its remote instead, with "
        "--nixpkgs URL --rev REV"
    )
    return ToolkitError(f"{repository}: object '{name}' is missing", hint=hint)


def missing_objects(repository: Path, oids: Sequence[Oid]) -> tuple[Oid, ...]:
    """Return those of `oids` that the repository lacks, with one git process."""
    asked = "".join(f"{oid}\n" for oid in oids).encode()
    answer = calls.run_reading(
        repository, "cat-file", "--batch-check", "--buffer", stdin=asked
    ).text
    return tuple(
        Oid(line.split(" ")[0])
        for line in answer.splitlines()
        if line.endswith(" missing")
    )


def missing_files(repository: Path, commit: Oid) -> tuple[Oid, ...]:
    """Return the objects that a partial clone lacks to check out a commit."""
    wanted = entries(repository, commit, ())
    return missing_objects(
        repository, [entry.blob for entry in wanted if not entry.is_submodule]
    )


def export(
    repository: Path, commit: Oid, paths: Sequence[PurePosixPath], into: Path
) -> tuple[TreeEntry, ...]:
    """Write the files of a commit at and below `paths` into the directory `into`.

    Omit submodules. Attributes such as `export-subst` have no effect: each file is its
    blob, byte for byte.
    """
    found = tuple(
        entry for entry in entries(repository, commit, paths) if not entry.is_submodule
    )
    for entry in found:
        if (
            not {"..", ".git"}.isdisjoint(str(entry.path).split("/"))
            or entry.path.is_absolute()
        ):
            raise ToolkitError(
                f"{repository}: commit {commit.short} contains the unsafe path '"
                f"{entry.path}'"
            )
    links = tuple(f"{entry.path}/" for entry in found if entry.mode == LINK)
    for entry in found:
        if str(entry.path).startswith(links):
            raise ToolkitError(
                f"{repository}: commit {commit.short} has the file '{entry.path}' "
                "below a link"
            )
    try:
        _check_out(repository, found, into)
    except CommandError as error:
        if missing := missing_objects(repository, [entry.blob for entry in found]):
            raise _missing(repository, str(missing[0])) from error
        raise explained(repository, error.stderr) from error
    return found


def _check_out(repository: Path, entries: Sequence[TreeEntry], into: Path) -> None:
    """Let git write the files, from our own repository with the same objects.

    Its attributes change no file.
    """
    into.mkdir(parents=True, exist_ok=True)
    listed = b"".join(
        b"%s %s\t%s\0" % (each.mode.encode(), str(each.blob).encode(), bytes(each.path))
        for each in entries
    )
    with files.temporary() as own:
        calls.init(own, bare=True)
        for name, text in (
            ("info/attributes", _AS_THEY_ARE),
            ("objects/info/alternates", f"{repository}/objects\n"),
        ):
            (own / name).parent.mkdir(exist_ok=True)
            (own / name).write_bytes(os.fsencode(text))
        asking = (
            f"--git-dir={own}",
            "--work-tree=.",
            "-c",
            "checkout.workers=0",
            "-c",
            "core.protectNTFS=false",
        )
        calls.run_hermetic(
            into, *asking, "update-index", "-z", "--index-info", stdin=listed
        )
        calls.run_hermetic(into, *asking, "checkout-index", "--quiet", "--all")


def check_rev(rev: str) -> None:
    """Raise UsageError if git could mistake the name of a commit for an option."""
    if not re.fullmatch(r"[^\s\x00-\x1f\x7f:-][^\s\x00-\x1f\x7f:]*", rev) or re.search(
        r"\.\.|\^[@!-]", rev
    ):
        raise UsageError(f"--rev: {rev!r} is not a commit, branch or tag")


def _commit(directory: Path, rev: str) -> tuple[str, str]:
    """Return the git directory that all worktrees share, and a commit's id."""
    asked = ("rev-parse", "--path-format=absolute", "--git-common-dir")
    found = calls.run_reading(
        directory, *asked, f"{rev}^{{commit}}", ok=None, found=False
    )
    if found.status != 0:
        remote = _in_remotes(directory, rev, said=found.stderr)
        found = calls.run_reading(
            directory, *asked, f"{remote}^{{commit}}", found=False
        )
    common, commit = found.names.rsplit("\n", 1)
    return common, commit


def _in_remotes(directory: Path, rev: str, *, said: str) -> Oid:
    """Return the commit of a branch `rev` of the remotes.

    `said` is git's message about the name itself.
    """
    if not re.search(
        r"unknown revision|ambiguous argument|bad revision|Needed a single revision",
        said,
    ):
        raise explained(directory, said)
    asked = (
        "for-each-ref",
        "--format=%(objectname) %(refname:lstrip=2)",
        f"refs/remotes/*/{rev}",
    )
    found = dict(
        line.split(" ")[::-1]
        for line in calls.run_reading(directory, *asked, found=False).text.splitlines()
    )
    if len(set(found.values())) > 1:
        raise ToolkitError(
            f"{directory}: '{rev}' means a different commit in each of "
            f"{', '.join(sorted(found))}"
        )
    if not found:
        raise ToolkitError(
            f"{directory}: has no commit, branch or tag '{rev}'",
            hint=_elsewhere(directory, rev),
        )
    return Oid(next(iter(found.values())))


def _elsewhere(directory: Path, rev: str) -> str:
    """Return the command that may fetch a missing commit, or one that lists all."""
    git = f"git -C {quote(str(directory))}"
    listed = ("config", "-z", "--name-only", "--get-regexp", r"^remote\..*\.url$")
    found = calls.run_reading(directory, *listed, found=False, ok=(0, 1)).names
    remotes = [key[len("remote.") : -len(".url")] for key in found.split("\0") if key]
    # `HEAD~1` is no name that a remote has.
    if remotes and re.fullmatch(r"[\w./-]+", rev):
        remote = "origin" if "origin" in remotes else remotes[0]
        return f"{git} fetch {quote(remote)} {quote(rev)}"
    return f"run '{git} log --oneline' to list its commits"


@contextmanager
def explaining(directory: Path) -> Generator[None]:
    """Turn a failure of git in the block into the error that `explained` returns."""
    try:
        yield
    except CommandError as error:
        raise explained(directory, error.stderr) from error


def explained(directory: Path, said: str) -> ToolkitError:
    """Return the error for git's stderr about the repository at `directory`."""
    if "dubious ownership" in said:
        hint = f"git config --global --add safe.directory {quote(str(directory))}"
        return ToolkitError(
            f"{directory}: the repository belongs to another user", hint=hint
        )
    lacks = re.search(
        r"missing|promisor|transport \S+ not allowed|could not (read|get object)|bad "
        r"object",
        said,
    )
    advice = (
        "if this is a partial or shallow clone, name its remote instead"
        if lacks
        else None
    )
    return ToolkitError(f"{directory}: git cannot read it: {fact(said)}", hint=advice)


def fact(said: str) -> str:
    """Return git's own reason: the first `fatal:` or `error:` line of its stderr."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    chosen = next(
        (line for line in lines if line.startswith(("fatal:", "error:"))),
        lines[-1] if lines else "unknown",
    )
    return re.sub(r"^(fatal|error): ", "", chosen)


class TreeFile(Struct, frozen=True, kw_only=True):
    """A file in a tree; a link's content is its target."""

    content: bytes
    mode: str = FILE


def read_file(
    root: Path,
    path: PurePosixPath | str,
    *,
    follow: bool = False,
    most: int = MAXIMUM_BYTES,
) -> TreeFile:
    """Return a file or a link below a root; with `follow`, the link's file.

    Raise ToolkitError as `toolkit.inside.read` does.
    """
    if not follow and (led := inside.link(root, path)) is not None:
        return TreeFile(content=os.fsencode(led), mode=LINK)
    content, status = inside.read_with_status(root, path, most=most)
    return TreeFile(
        content=content, mode=EXECUTABLE if status.st_mode & stat.S_IXUSR else FILE
    )


def write_file(root: WritableRoot, path: PurePosixPath | str, file: TreeFile) -> None:
    """Write a file or a link with its parent directories; replace an older file.

    Raise OSError as `WritableRoot` does, and if a link stands for a directory above it.
    """
    if file.mode == LINK:
        root.link(path, os.fsdecode(file.content))
        return
    root.write(path, file.content, mode=0o755 if file.mode == EXECUTABLE else None)


def blob_id(content: bytes) -> Oid:
    """Return the id that git gives a file with this content."""
    return Oid(
        hashlib.sha1(
            b"blob %d\0" % len(content) + content, usedforsecurity=False
        ).hexdigest()
    )
