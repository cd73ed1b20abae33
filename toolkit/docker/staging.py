"""From a nixpkgs to a case: a series on disk, so that Nix can be asked about it; for deeper tiers whole trees.

The file at each stage and a case.json live in the cache under a key of their content: the commands in a report can be
repeated as long as they are there, and the same input is laid out once.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import PurePosixPath
from posixpath import normpath
from typing import TYPE_CHECKING

from msgspec.structs import replace

from toolkit import documents, inside
from toolkit.cache import default_cache
from toolkit.docker import TARGET
from toolkit.docker.case import BEFORE, STAGES, Deep, DockerCase, DockerStage, ask
from toolkit.docker.rewrite.layout import docker_file
from toolkit.docker.steps import demotion_of
from toolkit.errors import RefusalError, ToolkitError, UsageError
from toolkit.git import reading
from toolkit.git.reading import TreeFile
from toolkit.inside import EntryKind
from toolkit.model import Tier
from toolkit.nix import evaluator, limits
from toolkit.shipped import EXPRESSIONS
from toolkit.sources import trees

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from toolkit.docker.rewrite.layout import DockerFile
    from toolkit.model import Depth, Progress, Proposal, Source
    from toolkit.sources.trees import NixpkgsTree

KIND = "stages"

_MOST_BESIDE = 1 << 26
"""How many bytes may stand beside a file; a name counts as a thousand."""


def siblings(source: Source, *stages: DockerFile) -> tuple[dict[str, TreeFile], tuple[str, ...]]:
    """Read the files that the stages refer to from beside the source, of a directory all that are below it.

    Return them by name, and the names of those that are not there.
    A link stays one if it leads to a file beside it, which comes along; of any other link in the tree, the file comes
    that it leads to there. Raise RefusalError for a name that is not below the source's directory: it would be written
    outside of the stage; ToolkitError for what is no regular file, and for a link that leads out of the tree.
    """
    present: dict[str, TreeFile] = {}
    missing: list[str] = []
    waiting = list(dict.fromkeys(name for file in stages for name in file.paths()))
    whole = source.root is not None and source.directory.is_relative_to(source.root)
    root = source.root if source.root is not None and whole else source.directory
    place = PurePosixPath(source.directory.relative_to(root))
    size = 0
    for name in waiting:
        if ".." in PurePosixPath(name).parts:
            raise RefusalError(f"{stages[0].tree.name}: refers to './{name}', which is not below its directory")
        path = place / name
        if inside.is_directory(root, path):
            below = (each.path for each in inside.entries(root, path) if each.kind is not EntryKind.DIRECTORY)
            found = sorted(str(PurePosixPath(each).relative_to(place)) for each in below)
        elif not inside.exists(root, path) and not inside.leads_out(root, path):
            missing.append(name)
            continue
        else:
            led = _beside(inside.link(root, path), name)
            present[name] = reading.read_file(root, path, follow=led is None)
            size += len(present[name].content) + 1000
            if size > _MOST_BESIDE:
                raise ToolkitError(f"{source.directory}: the files beside the package's are too many, or too long")
            found = [led] if led is not None else []
        waiting += [each for each in found if each not in waiting]
    return present, tuple(missing)


def _beside(said: str | None, name: str) -> str | None:
    """Return the name of the file that a link leads to by its own words, None if it is not below the directory."""
    led = normpath(PurePosixPath(name).parent / said) if said is not None else ".."
    return None if led.startswith(("..", "/")) else led


def case(contents: Mapping[str, bytes], *, name: str, source: Source) -> DockerCase:
    """Write each content as `STAGE/default.nix` with its siblings, empty files for those that are missing.

    `contents` maps the stage's name to the file's content, before any change first. Raise NixSyntaxError,
    RefusalError or LayoutError for a content that is no docker file.
    """
    parsed = {stage: docker_file(content, name=name) for stage, content in contents.items()}
    beside, missing = siblings(source, *parsed.values())
    around = {**beside, **dict.fromkeys(missing, TreeFile(content=b""))}
    written = {
        f"{stage}/{path}": file
        for stage, content in contents.items()
        for path, file in {**around, "default.nix": TreeFile(content=content)}.items()
    }
    question = ask([*parsed.values()], root=source.root)
    key = _key(written, json.dumps(question))
    sides = {stage: str(default_cache().root / KIND / key / stage) for stage in contents}
    document = json.dumps({"sides": sides, **question}, indent=1, ensure_ascii=False)
    root = _kept(KIND, key, {**written, "case.json": TreeFile(content=document.encode())})
    return DockerCase(
        source=source,
        target=TARGET,
        stages=tuple(
            DockerStage(
                name=stage,
                file=parsed[stage],
                content=content,
                path=root / stage / "default.nix",
                steps=frozenset(step for step, led in STAGES.items() if led == stage),
            )
            for stage, content in contents.items()
        ),
        question=root / "case.json",
        own_library=not question["libPath"],
        beside=beside,
        missing=missing,
    )


def of_proposal(proposal: Proposal, *, name: str, overlay: Path) -> DockerCase:
    """Return the case of a proposal whose overlay is, or will be, in a directory; raise as `case` does."""
    contents = {BEFORE: proposal.source.content}
    for step, commit in zip(proposal.steps, proposal.commits, strict=True):
        if step.name not in STAGES:
            hint = "'unlet propose' writes a proposal"
            raise ToolkitError(f"{name}: '{step.name}' is not a step of docker's", hint=hint)
        contents[STAGES[step.name]] = commit.after
    return replace(
        case(contents, name=name, source=proposal.source),
        demotion=demotion_of(proposal.steps),
        patches=proposal.patches,
        upstream_diff=proposal.upstream_diff,
        overlay=overlay,
    )


def lay_out(files: Mapping[str, bytes]) -> Path:
    """Write files into a directory of the cache that is theirs, so that the commands of a report can be repeated."""
    written = {name: TreeFile(content=content) for name, content in files.items()}
    return _kept("files", _key(written), written)


def _key(files: Mapping[str, TreeFile], beginning: str = "") -> str:
    digest = hashlib.sha256(beginning.encode())
    for path, file in sorted(files.items()):
        digest.update(f"{path}\0{file.mode} {len(file.content)}\0".encode() + file.content)
    return digest.hexdigest()[:32]


def _kept(kind: str, key: str, files: Mapping[str, TreeFile]) -> Path:
    def make(directory: Path) -> None:
        for path, file in files.items():
            reading.write_file(directory / path, file)

    def check(directory: Path) -> bool:
        try:
            return all(reading.read_file(directory, path) == file for path, file in files.items())
        except ToolkitError:
            return False

    return default_cache().obtain(kind, key, make=make, check=check)


def unchanged(file: DockerFile, source: Source) -> DockerCase:
    """Return the case of the file as it is, of which nothing is proposed."""
    return case({BEFORE: source.content}, name=file.tree.name, source=source)


KNOWN_SYSTEMS = EXPRESSIONS / "systems.nix"

NATIVE = "x86_64-linux"


def deepen(case: DockerCase, depth: Depth, *, offline: bool, progress: Progress, near: str | None = None) -> DockerCase:
    """Return the case for a depth; for the isolated tier it is the same, and nothing is done.

    If the depth allows to choose, and `near` is what the user called the source, a whole nixpkgs that is at hand takes
    part as it is, without a copy. Raise UsageError where the source is no whole nixpkgs, or a system is asked for which
    that does not know, ToolkitError where the tree cannot be had.
    """
    if depth.tier is Tier.ISOLATED:
        return _deepened_by_itself(case, depth, near, progress) if depth.by_itself and near is not None else case
    base = trees.whole(case.source, offline=offline, progress=progress)
    _check_systems(base, depth.systems)
    of_stages = {stage.name: {case.target: stage.content} for stage in case.stages[1:]}
    laid_out = trees.Changed(base, of_stages, name=case.before.name, progress=progress)
    return replace(case, deeper=Deep(depth=depth, trees=laid_out, progress=progress))


def _deepened_by_itself(case: DockerCase, depth: Depth, near: str, progress: Progress) -> DockerCase:
    free = limits.available()
    tree = trees.at_hand(case.source, near, progress=progress)
    if tree is None or (free is not None and free < limits.EVALUATION_MIB):
        return case
    chosen = replace(depth, tier=Tier.TREE, systems=(NATIVE,))
    return replace(case, deeper=Deep(depth=chosen, trees={case.before.name: tree}, progress=progress, whole=False))


def _check_systems(tree: NixpkgsTree, names: tuple[str, ...]) -> None:
    if not names:
        return
    with limits.sealed():
        answer = evaluator.evaluate(KNOWN_SYSTEMS, {"tree": str(tree.root)})
    known = documents.convert(answer, tuple[str, ...], document=f"{tree.root}/lib")
    for name in names:
        if name not in known:
            common = [other for other in known if re.fullmatch(r"(x86_64|aarch64|riscv64)-(linux|darwin)", other)]
            hint = f"it knows, for example, {', '.join(common)}"
            raise UsageError(f"--system: '{name}' is not a system that this nixpkgs knows", hint=hint)
