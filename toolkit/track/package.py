"""Determine the state of any package for `unlet track`.

Nix tries overrides in the trees of a clone. Without a clone, only the syntax of the
package's file is read.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from msgspec.structs import replace

from toolkit import confined, process
from toolkit.errors import ToolkitError
from toolkit.lift.candidates import FileBindings, file_bindings, questions
from toolkit.model import Progress, Source
from toolkit.nix import limits
from toolkit.nix.limits import no_time, sealed
from toolkit.proposal.inspection import Methods, part, working_methods
from toolkit.sources import package_files, trees
from toolkit.track.memory import Memory
from toolkit.track.readings import (
    EVALUATION,
    SYNTAX,
    Component,
    Overridable,
    Reading,
    State,
    overall,
)
from toolkit.track.upstream import (
    Content,
    File,
    FoundFile,
    NoPackageError,
    Reader,
    all_packages,
)

_BESIDE = re.compile(rb"\./[\w.+-]+\.nix\b")

_STATES = {
    Overridable.YES: State.FIXED,
    Overridable.PARTLY: State.HALF_FIXED,
    Overridable.NO: State.NOT_FIXED,
    Overridable.NOT_APPLICABLE: State.NOT_APPLICABLE,
    Overridable.UNKNOWN: State.UNKNOWN,
}

_SECONDS = 25.0
"""The time limit of Nix in seconds for one version of a package."""

_SHARE = 15.0
"""The additional seconds of the shared time limit for each commit to examine."""


class Package:
    """A package to track, named by its attribute path.

    `names` are the let-bound packages to examine; if empty, `settle` chooses all
    packages that the file defines in a let at any ref.
    """

    def __init__(
        self, package: str, names: Sequence[str], memory: Memory, progress: Progress
    ) -> None:
        self.package = package
        self.target = package_files.by_name_file(package)
        self.names = tuple(names)
        self._memory = memory
        self._progress = progress

    def find(self, read: Reader) -> File:
        """Return the package's file at a ref, preferably the one with a let.

        Search pkgs/by-name, all-packages.nix, and the neighbours of the file found
        there.
        """
        path, (found,) = self.target, read([self.target])
        if found is None:
            path, found = self._called(read)
        beside = [
            path.parent / name[2:].decode()
            for name in dict.fromkeys(_BESIDE.findall(found[1]))
        ]
        if beside and not package_files.has_let(found[1]):
            others = zip(beside, read(beside), strict=True)
            path, found = next(
                (
                    (place, each)
                    for place, each in others
                    if each is not None and package_files.has_let(each[1])
                ),
                (path, found),
            )
        return File(path=path, blob=found[0], content=found[1])

    def _called(self, read: Reader) -> tuple[PurePosixPath, Content]:
        """Return the path and content of the file that all-packages.nix names.

        Raise ToolkitError if no such file is found.
        """
        bound = package_files.bound_value(all_packages(read), self.package)
        if bound is None:
            raise NoPackageError(f"nixpkgs has no package '{self.package}'")
        path = package_files.called_path(bound)
        files = package_files.called_files(path) if path is not None else []
        for file, content in zip(files, read(files), strict=True):
            if content is not None:
                return file, content
        raise ToolkitError(
            f"'{package_files.ALL_PACKAGES}' does not show which file defines '"
            f"{self.package}'"
        )

    def settle(self, contents: Sequence[bytes]) -> None:
        """Choose all packages in the lets of these files, if the user named none."""
        if not self.names:
            bound = (each.name for file in self._files(contents) for each in file.bound)
            self.names = tuple(dict.fromkeys(bound))

    def readings(
        self, found: Sequence[FoundFile], repository: Path | None
    ) -> list[Reading | None]:
        """Return the state of the package in each file; None for a missing file.

        Nix tries overrides in the tree of the file's commit. If Nix cannot run, the
        syntax of the file decides, and the result has the reason.
        """
        there = [each.file.content for each in found if each.file is not None]
        self.settle(there)
        self._memory.renew(_SHARE * len({each.commit for each in found}))
        files = iter(self._files(there))
        return [
            self._reading(each, next(files), repository)
            if each.file is not None
            else None
            for each in found
        ]

    def read(self, contents: Mapping[str, bytes]) -> dict[str, Reading]:
        """Return the state of the package according to the syntax of each file.

        The keys are blob ids.
        """
        files = self._files(list(contents.values()))
        return {
            blob: self.meaning(file, None)
            for blob, file in zip(contents, files, strict=True)
        }

    def _files(self, contents: Sequence[bytes]) -> list[FileBindings]:
        with self._memory.budget.spending() as left:
            found = confined.each(file_bindings, list(contents), seconds=left)
        return [
            FileBindings(problem=each.reason)
            if isinstance(each, confined.Unread)
            else each
            for each in found
        ]

    def _reading(
        self, found: FoundFile, file: FileBindings, repository: Path | None
    ) -> Reading:
        if found.tree is None and (repository is None or found.commit is None):
            return self.meaning(
                file, None, why="Nix needs a clone with the whole tree to evaluate it"
            )
        if process.find("nix-instantiate") is None:
            return self.meaning(file, None, why="Nix is not installed")
        try:
            answer = self._answer(found, file, repository)
        except ToolkitError as error:
            return self.meaning(file, None, why=error.message)
        return self.meaning(file, answer, why=answer.reason, limited=answer.limited)

    def _answer(
        self, found: FoundFile, file: FileBindings, repository: Path | None
    ) -> Methods:
        """Return Nix's answer about the package at a commit.

        If an earlier run has found the answer, it comes from the cache.
        """
        asked = questions(file, self.names)
        key = f"{found.commit} {self.package} {' '.join(asked)}"
        known = self._memory.known.answers
        if found.tree is None and key in known:
            return known[key]
        tree = found.tree or self._tree(found, repository)
        self._progress.step(f"evaluating {self.package} at {found.wanted.name}")
        with self._memory.budget.spending() as left:
            if left <= 0:
                return Methods(methods={}, reason=no_time(), limited=True)
            with sealed(seconds=min(limits.seconds(_SECONDS), left)):
                answer = working_methods(tree, self.package, file, self.names)
        if answer.limited and self._memory.budget.left <= 0:
            answer = replace(answer, reason=no_time())
        if found.tree is None and not answer.limited:
            known[key] = answer
        return answer

    def _tree(self, found: FoundFile, repository: Path | None) -> Path:
        if repository is None or found.file is None:
            raise AssertionError(found)
        source = Source(
            origin=found.wanted.name,
            content=found.file.content,
            directory=repository,
            commit=found.commit,
            repository=repository,
        )
        return trees.whole(source, offline=True, progress=self._progress).root

    def meaning(
        self,
        file: FileBindings,
        answer: Methods | None,
        *,
        why: str | None = None,
        limited: bool = False,
    ) -> Reading:
        """Return the state of the tracked let-bound packages in a file.

        `answer` is Nix's answer, and `why` explains why Nix has none. If Nix hit a
        limit, the state is unknown.
        """
        by_nix = answer is not None and answer.reason is None
        decider = EVALUATION if by_nix else SYNTAX
        version = file.version or (answer.version if answer is not None else None)
        parts = [part(name, file, answer if by_nix else None) for name in self.names]
        components = tuple(
            Component(
                name=each.name,
                bound=each.bound,
                overridable=each.reached,
                methods=each.methods,
                line=each.line,
            )
            for each in parts
        )
        reached = overall(components) if components else Overridable.NOT_APPLICABLE
        reason = f"only the text was read, because {why}" if why is not None else None
        if file.problem is not None:
            reached, reason = Overridable.UNKNOWN, f"the file {file.problem}"
        elif limited:
            reached, reason = Overridable.UNKNOWN, f"Nix could not decide: {why}"
        elif not self.names:
            reason = "the file's let defines no package"
        elif reached is Overridable.UNKNOWN and (missing := _missing(components)):
            reason = (
                f"the file does not define {', '.join(missing)}; name other parts "
                "with --binding"
            )
        return Reading(
            state=_STATES[reached],
            overridable=reached,
            overridable_by=None if reached is Overridable.UNKNOWN else decider,
            newest=version,
            releases={self.package: version},
            components=components,
            reason=reason,
        )


def _missing(components: Sequence[Component]) -> list[str]:
    """Return the let-bound packages that neither the file nor Nix has."""
    return [
        component.name
        for component in components
        if component.bound == "absent" and component.overridable is None
    ]
