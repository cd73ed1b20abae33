"""What a branch is made on: the clone, the base in it, and the nixpkgs of that commit."""

from __future__ import annotations

from pathlib import PurePosixPath
from shlex import quote
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from toolkit.docker import PACKAGE, TARGET, staging
from toolkit.docker.plan import demotion_of, extras_of, plan, strategy_of
from toolkit.docker.rewrite.layout import docker_file
from toolkit.errors import ToolkitError
from toolkit.git import clone as clones
from toolkit.git import reading
from toolkit.git.clone import Base
from toolkit.model import SourceRequest
from toolkit.pr import contributions, making

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolkit.contribution import Contribution
    from toolkit.docker.plan import Extra
    from toolkit.docker.requests import BranchRequest
    from toolkit.docker.rewrite.layout import DockerFile
    from toolkit.git.clone import Clone
    from toolkit.model import Oid, Progress, Source

_FETCH = "--fetch gets what this partial clone lacks"


class Ground(Struct, frozen=True, kw_only=True):
    """A base in a clone, and what is there.

    `onto` are further branches of the clone by the names that the user gave them. `warnings` say, a line each, what may
    have been expected otherwise.
    """

    clone: Clone
    base: Base
    source: Source
    file: DockerFile
    onto: Mapping[str, Base] = field(default_factory=dict[str, Base])
    warnings: tuple[str, ...] = ()

    @property
    def request(self) -> SourceRequest:
        """The request by which the source is had again."""
        return _request(self.clone, self.base)


def find(clone: Clone, request: BranchRequest, *, progress: Progress) -> Ground:
    """Return the base that the request names, after a fetch where it asks for one.

    Raise ToolkitError for a base that the clone has not, and for one that is no nixpkgs.
    """
    base, onto = making.find_bases(clone, request, progress=progress)
    if clone.partial:
        files = [PurePosixPath(path) for path in plan().needed(request.extras)]
        for each in (base, *onto.values()):
            if request.fetch:
                clones.fetch_files(clone, each.commit, files)
            elif reading.missing_files(clone.common, each.commit, files):
                # Also where the files are in the cache: git works with those of the clone.
                raise ToolkitError(f"{clone.top}: lacks files of '{each.name}'", hint=_FETCH)
    ground = _ground(clone, base, request.extras, progress)
    return replace(ground, onto=onto, warnings=making.age_warnings(base))


def require_docker(clone: Clone, kept: Contribution) -> None:
    """Raise ToolkitError for a branch about another package, or made in a way that docker's series is not."""
    if kept.target != PACKAGE:
        hint = f"unlet pr --remove --branch {quote(kept.branch)}, then unlet pr {kept.target} makes it again"
        raise ToolkitError(f"{clone.top}: branch '{kept.branch}' is about {kept.target}, not {PACKAGE}", hint=hint)
    try:
        for read in (strategy_of, demotion_of):
            read(kept.steps)
        extras_of(kept.extras)
    except ToolkitError as error:
        raise ToolkitError(f"{contributions.place(clone.common, kept.branch)}: {error.message}") from None


def at(clone: Clone, commit: Oid, extras: Sequence[Extra], *, progress: Progress) -> Ground:
    """Return a commit of the clone as a base; raise ToolkitError as `find` does."""
    return _ground(clone, Base(name=str(commit), commit=commit), extras, progress)


def _ground(clone: Clone, base: Base, extras: Sequence[Extra], progress: Progress) -> Ground:
    source = _source(clone, base, extras, progress)
    return Ground(
        clone=clone,
        base=base,
        source=source,
        file=docker_file(source.content, name=str(TARGET)),
    )


def _request(clone: Clone, base: Base) -> SourceRequest:
    return SourceRequest(nixpkgs=str(clone.top), rev=base.name, offline=True)


def _source(clone: Clone, base: Base, extras: Sequence[Extra], progress: Progress) -> Source:
    try:
        source = staging.nixpkgs(_request(clone, base), extras=extras, progress=progress)
    except ToolkitError as error:
        if clone.partial and "missing" in error.message:
            raise ToolkitError(error.message, hint=_FETCH) from error
        raise
    if source.commit != base.commit:
        raise ToolkitError(f"--base: '{base.name}' is the name of two commits in {clone.top}", hint="--base COMMIT")
    return source
