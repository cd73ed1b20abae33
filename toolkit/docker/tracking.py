"""docker's file as a subject of `track`; its definitions identify it anywhere."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from toolkit import confined
from toolkit.docker import PACKAGE, TARGET, evaluating, meaning
from toolkit.docker.rewrite.layout import GENERATOR
from toolkit.errors import ToolkitError
from toolkit.patches import tracked
from toolkit.sources.package_files import called_files, called_paths
from toolkit.track.memory import Memory
from toolkit.track.readings import EVALUATION, Reading
from toolkit.track.upstream import File, FoundFile, Reader, all_packages

_OWN = re.compile("docker|moby")
_BINDING = re.compile(rb"(?<![\w'-])\"?%b\"?\s*=(?!=)" % GENERATOR.encode())


class DockerFiles:
    """The file that defines all docker packages."""

    package = PACKAGE
    target = TARGET

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def find(self, read: Reader) -> File:
        """Return docker's file.

        Look in its usual place, in a known other one, and in those that
        all-packages.nix calls. If only another kind of file is there, return that one,
        because its state is still of interest.
        """
        there = _files(read, [TARGET])
        if not any(map(_may_bind, there)):
            try:
                there += _files(read, tracked().places)
                if not any(map(_may_bind, there)):
                    calls = filter(_OWN.search, called_paths(all_packages(read)))
                    paths = [path for call in calls for path in called_files(call)]
                    there += filter(_may_bind, _files(read, paths))
            except ToolkitError:
                if not there:
                    raise
        if not there:
            raise ToolkitError(
                f"the file '{TARGET}' no longer exists, and no other file defines "
                f"{GENERATOR}"
            )
        return next(filter(_may_bind, there), there[0])

    def readings(
        self,
        found: Sequence[FoundFile],
        repository: Path | None,  # noqa: ARG002
    ) -> list[Reading | None]:
        """Return the meaning of each file."""
        files = [each.file for each in found]
        known = self.read(
            {file.blob: file.content for file in files if file is not None}
        )
        return [known[file.blob] if file is not None else None for file in files]

    def read(self, contents: Mapping[str, bytes]) -> dict[str, Reading]:
        """Return the meanings of versions by their blobs.

        The syntax decides, and Nix if it is installed.
        """
        memory, kept = self._memory, self._memory.known.readings
        known = {blob: kept[blob] for blob in contents if blob in kept}
        found = {
            blob: each
            for blob, each in known.items()
            if not (memory.can_evaluate and meaning.is_open(each))
        }
        new = {blob: content for blob, content in contents.items() if blob not in found}
        with memory.budget.spending() as left:
            looked = confined.each(meaning.read, list(new.values()), seconds=left)
        for blob, each in zip(new, looked, strict=True):
            found[blob] = evaluating.reading_of(each)
            if each is confined.TOO_LARGE or not isinstance(each, confined.Unread):
                kept[blob] = found[blob]
        asked = {
            blob: (new[blob], found[blob])
            for blob in new
            if meaning.is_open(found[blob])
        }
        if not asked or not memory.can_evaluate:
            return found
        try:
            with memory.budget.spending() as left:
                answers = dict(
                    zip(
                        asked,
                        evaluating.evaluate([*asked.values()], seconds=left),
                        strict=True,
                    )
                )
        except ToolkitError as error:
            memory.warnings.append(
                "decided by the syntax, because Nix cannot evaluate it: "
                f"{error.message}"
            )
            return found
        kept.update(
            {
                blob: each
                for blob, each in answers.items()
                if each.overridable_by == EVALUATION
            }
        )
        return found | answers


def _files(read: Reader, paths: Sequence[PurePosixPath]) -> list[File]:
    found = zip(paths, read(paths), strict=True)
    return [
        File(path=path, blob=each[0], content=each[1])
        for path, each in found
        if each is not None
    ]


def _may_bind(file: File) -> bool:
    """Return whether a file may be of the known kind, without parsing it."""
    return _BINDING.search(file.content) is not None
