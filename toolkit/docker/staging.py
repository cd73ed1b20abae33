"""Lay a series out on disk, so that Nix can be asked about it: the file at each stage, and a case.json.

They live in the cache under a key of their content: the commands in a report can be repeated as long
as they are there, and the same input is laid out once.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from toolkit.cache import default_cache
from toolkit.docker import choosing
from toolkit.docker.claims.case import BEFORE, STEPS, SYSTEMS, DockerCase, DockerStage
from toolkit.docker.rewrite.layout import docker_file
from toolkit.errors import RefusalError
from toolkit.git import reading
from toolkit.git.reading import TreeFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolkit.docker.plan import Plan
    from toolkit.docker.rewrite.layout import DockerFile
    from toolkit.model import Source

KIND = "stages"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What was laid out: the stages by name, and the JSON file that tells Nix about them.

    `own_library` says that the source has no `lib`, so that unlet's own is used.
    """

    stages: Mapping[str, DockerStage]
    question: Path
    own_library: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Siblings:
    """The files beside the target that it refers to: `present` by name, and the names that are `missing`."""

    present: Mapping[str, TreeFile]
    missing: tuple[str, ...]


def siblings(source: Source, *stages: DockerFile) -> Siblings:
    """Read the files that the stages refer to from beside the source, of a directory all that are below it.

    A link stays one if it leads to a file beside it, which comes along; of any other link, what it leads to comes.
    Raise RefusalError for one that is not below the source's directory: it would be written outside of the stage.
    """
    present: dict[str, TreeFile] = {}
    missing: list[str] = []
    waiting = list(dict.fromkeys(name for file in stages for name in file.paths()))
    for name in waiting:
        if ".." in PurePosixPath(name).parts:
            raise RefusalError(f"{stages[0].tree.name}: refers to './{name}', which is not below its directory")
        path = source.directory / name
        if path.is_dir():
            below = (each for each in path.rglob("*") if each.is_symlink() or not each.is_dir())
            found = sorted(str(each.relative_to(source.directory)) for each in below)
        elif not path.is_file():
            missing.append(name)
            continue
        else:
            led = _beside(path, source.directory) if path.is_symlink() else None
            present[name] = reading.read_file(path, follow=led is None)
            found = [led] if led is not None else []
        waiting += [each for each in found if each not in waiting]
    return Siblings(present=present, missing=tuple(missing))


def _beside(link: Path, directory: Path) -> str | None:
    """Return the name of the file that a link leads to, None if it is not below the directory."""
    led = Path(os.path.normpath(link.parent / link.readlink()))
    return str(led.relative_to(directory)) if led.is_relative_to(directory) else None


def case(contents: Mapping[str, bytes], *, name: str, beside: Siblings, source: Source, plan: Plan) -> DockerCase:
    """Lay the contents out, and return the case of them; raise as `lay_out` does."""
    laid_out = lay_out(contents, name=name, beside=beside, source=source, components=plan.components)
    return DockerCase(
        source=source,
        target=plan.target,
        components=plan.components,
        entry=plan.prefix_entry,
        stages=tuple(laid_out.stages.values()),
        question=laid_out.question,
        own_library=laid_out.own_library,
        missing=beside.missing,
    )


def unchanged(file: DockerFile, source: Source, plan: Plan) -> DockerCase:
    """Return the case of the file as it is, of which nothing is proposed."""
    return case({BEFORE: source.content}, name=file.tree.name, beside=siblings(source, file), source=source, plan=plan)


def lay_out(
    contents: Mapping[str, bytes], *, name: str, beside: Siblings, source: Source, components: Sequence[str]
) -> Layout:
    """Write each content as `STAGE/default.nix` with its siblings, empty files for those that are missing.

    `contents` maps the stage's name to the file's content, before any change first. Raise NixSyntaxError,
    RefusalError or LayoutError for a content that is no docker file.
    """
    parsed = {stage: docker_file(content, name=name) for stage, content in contents.items()}
    around = {**beside.present, **dict.fromkeys(beside.missing, TreeFile(content=b""))}
    written = {
        f"{stage}/{path}": file
        for stage, content in contents.items()
        for path, file in {**around, "default.nix": TreeFile(content=content)}.items()
    }
    question = ask([*parsed.values()], components, root=source.root)
    digest = hashlib.sha256(json.dumps(question).encode())
    for path, file in sorted(written.items()):
        digest.update(f"{path}\0{file.mode} {len(file.content)}\0".encode() + file.content)
    key = digest.hexdigest()[:32]
    cache = default_cache()
    sides = {stage: str(cache.root / KIND / key / stage) for stage in contents}
    document = json.dumps({"sides": sides, **question}, indent=1, ensure_ascii=False)
    written["case.json"] = TreeFile(content=document.encode())

    def make(directory: Path) -> None:
        for path, file in written.items():
            reading.write_file(directory / path, file)

    def check(directory: Path) -> bool:
        try:
            return all(reading.read_file(directory / path) == file for path, file in written.items())
        except OSError:
            return False

    root = cache.obtain(KIND, key, make=make, check=check)
    return Layout(
        stages={
            stage: DockerStage(
                name=stage,
                file=parsed[stage],
                content=content,
                path=root / stage / "default.nix",
                steps=STEPS.get(stage, frozenset()),
            )
            for stage, content in contents.items()
        },
        question=root / "case.json",
        own_library=not question["libPath"],
    )


def ask(files: Sequence[DockerFile], components: Sequence[str], *, root: Path | None = None) -> dict[str, object]:
    """Return what Nix has to know to evaluate files with stand-ins: what a case.json has besides the sides.

    `root` is the nixpkgs around them. `names` is whatever in the files might be a package of the set, but for the
    components, which callPackage would take from there; `finals` tells whether Go's builders take a function.
    """
    library = root / "lib" if root is not None else None
    words = {word for file in files for word in _NAME.findall(file.text)}
    return {
        "libPath": str(library) if library is not None and (library / "default.nix").is_file() else "",
        "names": sorted(words - {*components}),
        "finals": choosing.builder(files[0], root).takes_function,
        "components": list(components),
        "systems": [dict(zip(("label", "build", "host"), system, strict=True)) for system in SYSTEMS],
    }


_NAME = re.compile(r"[a-zA-Z_][\w'-]*")
