"""The series of docker on disk, which its proofs work on, and the nixpkgs in which Nix evaluates it.

The file at each stage and a case.json live in the cache under a key of their content: the commands in a report can be
repeated as long as they are there, and the same input is laid out once.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from posixpath import normpath
from threading import Lock
from typing import TypeVar, cast

from msgspec import Struct, field
from msgspec.structs import replace

from toolkit import documents, inside
from toolkit.cache import default_cache
from toolkit.docker import COMPONENTS, PACKAGE, TARGET, builder
from toolkit.docker.rewrite.layout import DockerFile, docker_file, ordered
from toolkit.docker.steps import DEMOTE, LIFT, Demotion, demotion_of
from toolkit.errors import NotRunError, RefusalError, ToolkitError, UsageError, only, tried
from toolkit.git import reading
from toolkit.git.reading import TreeFile
from toolkit.inside import EntryKind
from toolkit.model import Depth, Progress, Proposal, Silence, Source, SourceRequest
from toolkit.nix import evaluator, limits
from toolkit.proposal import judged, prove
from toolkit.proposal.judged import Judging
from toolkit.proposal.leaf import Series
from toolkit.proposal.requests import Request
from toolkit.shipped import EXPRESSIONS
from toolkit.sources import changes, stand_in, trees
from toolkit.sources.stand_in import Surroundings
from toolkit.sources.trees import NixpkgsTree

T = TypeVar("T")

KIND = "stages"

BEFORE, LIFTED, DEMOTED = "before", "lifted", "demoted"
"""The stages of our own series, by name."""

STAGES = {LIFT: LIFTED, DEMOTE: DEMOTED}
"""The stage that each step leads to."""

SYSTEMS: tuple[tuple[str, str, str], ...] = (
    ("x86_64-linux", "x86_64-linux", "x86_64-linux"),
    ("aarch64-linux", "aarch64-linux", "aarch64-linux"),
    ("aarch64-darwin", "aarch64-darwin", "aarch64-darwin"),
    ("x86_64-linux → aarch64-linux", "x86_64-linux", "aarch64-linux"),
)
"""Label, build platform and host platform of each pair that is evaluated."""

KNOWN_SYSTEMS = EXPRESSIONS / "systems.nix"

_SILENT = Silence()

_MOST_BESIDE = 1 << 26
"""How many bytes may stand beside a file; a name counts as a thousand."""

_MOST_TRIED = 4
"""Releases of which one is asked how it can be overridden, which is up to the function that makes them all."""

_NAME = re.compile(r"[a-zA-Z_][\w'-]*")


class DockerStage(prove.Stage, frozen=True, kw_only=True, eq=False):
    """The docker file at one point of the series, in a directory with the files that it references."""

    file: DockerFile


class Ground(Struct, frozen=True, kw_only=True, eq=False):
    """The nixpkgs to evaluate, and the depth; each tree is made on first use.

    `around` makes the stand-in tree, `contents` has the file after each stage. If `offline`, nothing is fetched.
    """

    source: Source
    around: Surroundings
    contents: Mapping[str, bytes]
    depth: Depth = field(default_factory=Depth)
    offline: bool = True
    progress: Progress = _SILENT
    _kept: dict[str, NixpkgsTree | None] = field(default_factory=dict[str, "NixpkgsTree | None"])
    _lock: Lock = field(default_factory=Lock)
    _known: dict[str, object] = field(default_factory=dict[str, object])
    _asking: Lock = field(default_factory=Lock)

    @property
    def whole(self) -> NixpkgsTree | None:
        """The whole nixpkgs around the file; None if it is not on this machine and the depth does not require it."""
        with self._lock:
            if "whole" not in self._kept:
                self._kept["whole"] = (
                    trees.whole(self.source, offline=self.offline, progress=self.progress)
                    if self.depth.whole
                    else trees.at_hand(self.source, progress=self.progress)
                )
            return self._kept["whole"]

    @property
    def stand_in(self) -> NixpkgsTree:
        """The stand-in tree, in which builds need no network."""
        return stand_in.tree(self.around)

    @property
    def tree(self) -> NixpkgsTree:
        """The nixpkgs to evaluate: the whole one, or the stand-in tree if only the file is available."""
        return self.whole or self.stand_in

    def after(self, stage: str) -> NixpkgsTree:
        """Return the nixpkgs with the file of a stage in it."""
        content = self.contents[stage]
        is_there = inside.find(self.tree.root, self.around.target) == content
        return self.tree if is_there else trees.changed(self.tree, {self.around.target: content})

    def once(self, name: str, make: Callable[[], T]) -> T:
        """Return what is made on first use, which all claims share; an error is shared, too."""
        with self._asking:
            if name not in self._known:
                self._known[name] = tried(make)
            return only(cast("T | ToolkitError", self._known[name]))

    def judging(self, stage: str, patch: str) -> Judging:
        """Return the judge of a stage's file; `patch` is the name of the change on the command line."""

        def make() -> Judging:
            base = self.after(BEFORE)
            source = SourceRequest(nixpkgs=str(base.root))
            change = changes.one_file(base, self.around.target, self.contents[stage], source=source)
            # What is compared of a docker besides its derivations hardly depends on the system.
            asked = judged.systems(self.depth.systems or (self.native,), narrowed=True)
            return Judging(change=change, systems=asked, named=("--patch", patch))

        return self.once(f"judging of {stage}", make)

    @property
    def place(self) -> str:
        """The tree's name for messages."""
        if self.whole is None:
            return "the stand-in tree"
        return "the specimen's package set" if self.tree.is_specimen else "the real package set"

    @property
    def otherwise(self) -> str:
        """The user's next step if the tree does not evaluate, for messages."""
        is_alone = self.whole is None
        return (
            "'--tier tree' asks a whole nixpkgs"
            if is_alone
            else "take a nixpkgs that does, or other systems by --system"
        )

    @property
    def systems(self) -> tuple[tuple[str, str, str], ...]:
        """The label, build and host platform of each system: those that the user named, or the default ones."""
        return tuple((name, name, name) for name in self.depth.systems) or SYSTEMS

    @property
    def native(self) -> str:
        """One of them that is Linux and builds for itself."""
        return next((label for label, build, host in self.systems if build == host and "linux" in label), SYSTEMS[0][0])

    @property
    def jobs(self) -> int:
        """The number of evaluations that run in parallel."""
        return limits.jobs(self.depth.max_memory)

    @property
    def memory(self) -> int | None:
        """The memory limit of one evaluation in MiB, None for no limit."""
        return self.depth.max_memory // self.jobs if self.depth.max_memory is not None else None

    def require_systems(self) -> None:
        """Raise UsageError if the user named a system that the nixpkgs does not have."""
        if not self.depth.systems:
            return
        with limits.sealed():
            answer = evaluator.evaluate(KNOWN_SYSTEMS, {"tree": str(self.tree.root)})
        known = documents.convert(answer, tuple[str, ...], document=f"{self.tree.root}/lib")
        for name in self.depth.systems:
            if name not in known:
                common = [other for other in known if re.fullmatch(r"(x86_64|aarch64|riscv64)-(linux|darwin)", other)]
                hint = f"it knows, for example, {', '.join(common)}"
                raise UsageError(f"--system: '{name}' is not a system that this nixpkgs knows", hint=hint)


class DockerCase(Series[DockerStage], frozen=True, kw_only=True, eq=False):
    """A series to be proven. A foreign patch may do one of the steps alone, or both at once.

    `question` is the JSON file that describes the stages to Nix. `beside` maps names to the files that the source
    references; empty files replace those that are `missing`.
    """

    question: Path
    ground: Ground
    beside: Mapping[str, TreeFile]
    missing: tuple[str, ...] = ()
    demotion: Demotion | None = None

    @property
    def bounded(self) -> bool:
        """Return whether the tree is made from the specimen: then all evaluations share one time limit."""
        found = tried(lambda: self.ground.whole)
        return found is None or isinstance(found, ToolkitError) or found.is_specimen

    @property
    def left_out(self) -> tuple[str, ...]:
        """The files that the source has and the whole tree lacks."""
        return self.ground.whole.warnings if self.ground.whole is not None else ()

    @property
    def tried_on(self) -> tuple[str, ...]:
        """The systems to try overrides on: which parts one reaches hardly depends on the system."""
        return self.ground.depth.systems or (self.ground.native,)

    @property
    def lifted(self) -> DockerStage | None:
        """The file after the components leave the let; None if no step does that."""
        return next((stage for stage in self.stages if LIFT in stage.steps), None)

    @property
    def demoted(self) -> DockerStage | None:
        """The file after rootlesskit leaves the PATH prefix; None if no step does that."""
        return next((stage for stage in self.stages if DEMOTE in stage.steps), None)

    def require_lifted(self) -> DockerStage:
        """Return `lifted`; raise NotRunError if there is none."""
        if self.lifted is None:
            raise NotRunError("the patch leaves the components where they are")
        return self.lifted

    def require_apart(self) -> DockerStage:
        """Return `lifted`; raise NotRunError if there is none, or if its commit demotes too."""
        lifted = self.require_lifted()
        if lifted is self.demoted:
            raise NotRunError("one patch makes both changes, of which the second rebuilds docker")
        return lifted

    def require_demoted(self) -> DockerStage:
        """Return `demoted`; raise NotRunError if there is none."""
        if self.demoted is None:
            raise NotRunError("the patch leaves the wrapper's PATH as it is")
        return self.demoted

    @property
    def before_demotion(self) -> DockerStage:
        """The stage before the demotion."""
        return self.stages[[DEMOTE in stage.steps for stage in self.stages].index(True) - 1]


def surroundings(files: Sequence[DockerFile], source: Source, beside: Mapping[str, TreeFile]) -> Surroundings:
    """Return the contents of the stand-in tree for the source's file at each stage."""
    first = files[0]
    releases = sorted(first.releases(), key=lambda release: ordered(release.version or ""))
    return Surroundings(
        target=TARGET,
        content=first.text.encode(),
        beside=beside,
        exported=tuple(release.attr for release in releases),
        names=names(files),
        takes_function=builder.builder(first, source.root).takes_function,
        root=source.root,
    )


def names(files: Sequence[DockerFile]) -> tuple[str, ...]:
    """Return every name that the files may take as a package.

    Components and parameters with a default are excluded: callPackage would fill the latter.
    """
    words = {word for file in files for word in _NAME.findall(file.text)}
    return tuple(sorted(words - {*COMPONENTS} - {name for file in files for name in file.optional()}))


def spread(releases: Sequence[str]) -> tuple[str, ...]:
    """Return the last of some releases, and a few more at equal distances down to the first."""
    last, count = len(releases) - 1, min(_MOST_TRIED, len(releases))
    return tuple(releases[last - index * last // max(count - 1, 1)] for index in range(count))


def require_linux() -> None:
    """Raise NotRunError on any system but Linux: only Linux has docker's daemon."""
    if (system := os.uname().sysname) != "Linux":
        raise NotRunError(f"the daemon is built for Linux and runs there, and this is {system}")


def siblings(source: Source, *stages: DockerFile) -> tuple[dict[str, TreeFile], tuple[str, ...]]:
    """Read the files beside the source that the stages refer to; a directory counts with everything below it.

    Return them by name, and the missing names. A link to a file beside the source stays a link, and its target is
    added; for a link to elsewhere in the tree, its target's content is returned. Raise RefusalError for a name outside
    of the source's directory, since it would be written outside of the stage; ToolkitError for anything but regular
    files, and for a link out of the tree.
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


def case(contents: Mapping[str, bytes], *, name: str, source: Source, request: Request | None = None) -> DockerCase:
    """Write each content as `STAGE/default.nix` with its siblings; create empty files for missing ones.

    `contents` maps stage names to file contents, the unchanged file first. Raise NixSyntaxError, RefusalError or
    LayoutError if a content is not a docker file.
    """
    parsed = {stage: docker_file(content, name=name) for stage, content in contents.items()}
    beside, missing = siblings(source, *parsed.values())
    around = {**beside, **dict.fromkeys(missing, TreeFile(content=b""))}
    written = {
        f"{stage}/{path}": file
        for stage, content in contents.items()
        for path, file in {**around, "default.nix": TreeFile(content=content)}.items()
    }
    key = _key(written)
    sides = {stage: str(default_cache().root / KIND / key / stage) for stage in contents}
    document = json.dumps({"sides": sides, "components": COMPONENTS}, indent=1)
    root = _kept(KIND, key, {**written, "case.json": TreeFile(content=document.encode())})
    return DockerCase(
        request=request or Request(target=PACKAGE),
        source=source,
        package=PACKAGE,
        target=TARGET,
        bindings=COMPONENTS,
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
        ground=Ground(source=source, around=surroundings([*parsed.values()], source, around), contents=contents),
        beside=beside,
        missing=missing,
    )


def deepened(found: DockerCase, depth: Depth, *, offline: bool, progress: Progress) -> DockerCase:
    """Return the case for a depth; raise as `Ground.whole` and `Ground.require_systems` do."""
    old = found.ground
    ground = Ground(
        source=found.source, around=old.around, contents=old.contents, depth=depth, offline=offline, progress=progress
    )
    ground.require_systems()
    return replace(found, ground=ground)


def of_proposal(proposal: Proposal, *, name: str, request: Request) -> DockerCase:
    """Return the case of a proposal; raise as `case` does."""
    contents = {BEFORE: proposal.source.content}
    for step, commit in zip(proposal.steps, proposal.commits, strict=True):
        if step.name not in STAGES:
            hint = "'unlet propose' writes a proposal"
            raise ToolkitError(f"{name}: '{step.name}' is not a step of docker's", hint=hint)
        contents[STAGES[step.name]] = commit.after
    found = case(contents, name=name, source=proposal.source, request=request)
    given = {name: getattr(proposal, name) for name in Proposal.__struct_fields__}
    return replace(found, demotion=demotion_of(proposal.steps), **given)


def lay_out(files: Mapping[str, bytes]) -> Path:
    """Write files into their own cache directory, so that a report's commands can be repeated."""
    written = {name: TreeFile(content=content) for name, content in files.items()}
    return _kept("files", _key(written), written)


def _key(files: Mapping[str, TreeFile]) -> str:
    digest = hashlib.sha256()
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
