"""Copy the user's files for an evaluation, some of them with other texts.

A copy is in a directory of unlet; its relative paths lead to the same files as the
paths of the original, or to other copies. The user's files are only read.
"""

from collections.abc import Mapping
from pathlib import Path

from toolkit import files
from toolkit.errors import RefusalError
from toolkit.nix.edit import Edit, apply
from toolkit.nix.program import quoted
from toolkit.nix.tree import Node, parsed
from toolkit.reach import sources

_DEFAULT, _FLAKE, _LOCK = "default.nix", "flake.nix", "flake.lock"


class Mirror:
    """Copies of files in a directory, made when they are needed.

    `texts` are the new texts, by file.
    """

    def __init__(
        self,
        directory: Path,
        texts: Mapping[Path, str],
        others: Mapping[Path, Path],
    ) -> None:
        """Prepare copies in a directory.

        `others` maps directories that do not exist yet to the ones that replace them.
        """
        self._directory = directory
        self._texts = texts
        self._copies: dict[Path, Path | None] = {**others}
        self._count = 0
        self.originals: dict[str, Path] = {}
        """The user's files, by the paths of their copies."""

    def path(self, path: Path) -> Path:
        """Return the copy of a user's path, or the path itself if no copy is needed."""
        if path.name != _FLAKE and (path / _FLAKE).is_file():
            path /= _FLAKE
        elif path.is_dir() and not (path / _DEFAULT).is_file():
            return self._overlays(path)
        # Nix resolves a link before it reads the file.
        copy = self._copy((path / _DEFAULT if path.is_dir() else path).resolve())
        if copy is None:
            return path
        return copy.parent if path.name == _FLAKE else copy

    def _overlays(self, path: Path) -> Path:
        """Return a copy of a directory of overlays, if one of its files changes."""
        places = [Path(source.file) for source in sources.overlays(path)]
        copies = [self._copy(place.resolve()) for place in places]
        if not any(copies):
            return path
        directory = self._place("overlays").parent
        for number, (place, copy) in enumerate(zip(places, copies, strict=True)):
            target = quoted(str(copy or place))
            entry = directory / f"{number:04}.nix"
            entry.write_text(f"import {target}\n")
            self.originals[str(entry)] = place
        return directory

    def _place(self, name: str) -> Path:
        self._count += 1
        directory = self._directory / str(self._count)
        directory.mkdir()
        return directory / name

    def _copy(self, file: Path) -> Path | None:
        """Return the copy of a file, or None if no copy is needed.

        A copy is needed if the file, or a file to which its paths lead, has a new text.
        """
        if file in self._copies or not file.is_file() or file.suffix != ".nix":
            return self._copies.get(file)
        self._copies[file] = None
        text = self._texts.get(file)
        tree = parsed(text or files.read(file).decode(), name=str(file))
        literals = [each for each in tree.root.walk() if each.kind == "path_expression"]
        targets = {each: self._target(file, each) for each in literals}
        copies = {each: self._copy(path) for each, path in targets.items() if path}
        if text is None and not any(copies.values()):
            return None
        edits: list[Edit] = []
        for literal, target in targets.items():
            if target is None and literal.text.startswith("."):
                raise RefusalError(
                    f"{file}:{literal.place}: unlet cannot try the file elsewhere, "
                    "because this path is computed"
                )
            if literal.text.startswith("."):
                place = copies.get(literal) or (file.parent / literal.text).absolute()
                edits.append(
                    Edit(literal.start, literal.end, f"(/. + {quoted(str(place))})")
                )
        copy = self._place(file.name)
        copy.write_text(apply(tree.text, edits))
        if file.name == _FLAKE and (file.parent / _LOCK).is_file():
            (copy.parent / _LOCK).write_bytes(files.read(file.parent / _LOCK))
        self._copies[file] = copy
        self.originals[str(copy)] = file
        return copy

    def _target(self, file: Path, literal: Node) -> Path | None:
        """Return the file to which a path in Nix code leads; None if it is computed."""
        if "${" in literal.text:
            return None
        path = (file.parent / literal.text).absolute()
        place = path / _DEFAULT if path.is_dir() else path
        return place.resolve() if place.suffix == ".nix" else place
