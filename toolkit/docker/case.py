"""The commits of docker, and the nixpkgs in which Nix evaluates them."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import TypeVar, cast

from msgspec import field
from msgspec.structs import replace

from toolkit import inside, process
from toolkit.asking.trials import LiftQuestion, command, recall
from toolkit.docker import COMPONENTS, PACKAGE, TARGET, builder
from toolkit.docker.rewrite.layout import DockerFile, docker_file
from toolkit.docker.steps import DEMOTE, LIFT, Demotion, demotion_of
from toolkit.errors import (
    CommandError,
    NotRunError,
    RefusalError,
    ToolkitError,
    only,
    tried,
)
from toolkit.git import reading
from toolkit.git.reading import TreeFile
from toolkit.inside import EntryKind
from toolkit.judge import ground
from toolkit.lift.locating import CROSS, SYSTEMS
from toolkit.model import Progress, Proposal, Silence, Source, SourceRequest
from toolkit.nix import program
from toolkit.proposal import judged, prove
from toolkit.proposal.judged import Judging
from toolkit.proposal.leaf import Series
from toolkit.proposal.requests import Request
from toolkit.sources import changes, stand_in, trees
from toolkit.sources.stand_in import Surroundings
from toolkit.sources.trees import NixpkgsTree

T = TypeVar("T")

BEFORE, LIFTED, DEMOTED = "before", "lifted", "demoted"
"""The stages of unlet's own series, by name."""

STAGES = {LIFT: LIFTED, DEMOTE: DEMOTED}
"""The stage after each step."""

_MOST_BESIDE = 1 << 26
"""The most bytes of the files beside the docker file; a name counts as a thousand."""

_MOST_TRIED = 4
"""How many releases are tried; one function defines how all can be overridden."""

_NAME = re.compile(r"[a-zA-Z_][\w'-]*")


class DockerStage(prove.Stage, frozen=True, kw_only=True, eq=False):
    """The docker file at one point of the series."""

    file: DockerFile


class DockerCase(Series[DockerStage], frozen=True, kw_only=True, eq=False):
    """A series to prove in a nixpkgs, which is created on first use.

    Somebody else's patch may make only one of the steps, or both at once. `around`
    describes the stand-in tree. `beside` maps names to the files that the source uses;
    empty files replace the `missing` ones.
    """

    around: Surroundings
    beside: Mapping[str, TreeFile]
    missing: tuple[str, ...] = ()
    demotion: Demotion | None = None
    progress: Progress = Silence()
    _known: dict[str, object] = field(default_factory=dict[str, object])
    _asking: Lock = field(default_factory=Lock)

    @property
    def whole(self) -> NixpkgsTree | None:
        """The whole nixpkgs around the file.

        It is None if it is not on this machine and the requested depth does not need
        it.
        """
        if "whole" not in self._known:
            offline = self.request.source.offline
            self._known["whole"] = (
                trees.whole(self.source, offline=offline, progress=self.progress)
                if self.request.depth.whole
                else trees.at_hand(self.source, progress=self.progress)
            )
        return cast("NixpkgsTree | None", self._known["whole"])

    @property
    def stand_in(self) -> NixpkgsTree:
        """The stand-in tree, in which builds need no network."""
        return stand_in.tree(self.around)

    @property
    def tree(self) -> NixpkgsTree:
        """The nixpkgs to evaluate; for a single file, it is the stand-in tree."""
        return self.whole or self.stand_in

    def tree_of(self, stage: DockerStage) -> NixpkgsTree:
        """Return the nixpkgs with the file of a stage in it."""
        is_there = inside.find(self.tree.root, self.target) == stage.content
        return (
            self.tree
            if is_there
            else ground.edited(self.tree, self.target, stage.content)
        )

    def pair(self, before: DockerStage, after: DockerStage) -> tuple[Path, Path]:
        """Return two sides for a comparison of stages: a tree, and the other stage.

        The other stage is a tree, or only the directory of its file: if the packages of
        the tree are those that a call of the file makes, one package set serves both.
        """
        tree, changed = self.tree_of(before).root, self.tree_of(after).root
        shares_set = self.once("sharing", self._is_called)
        return tree, (changed / self.target).parent if shares_set else changed

    def _is_called(self) -> bool:
        """Return whether the tree's releases come from the unchanged file."""
        tree = self.tree_of(self.before).root
        releases = [LiftQuestion(package=release) for release in self.releases]
        answers = recall(tree, (tree / self.target).parent, self.native, releases)
        return all(
            answer.error is None and answer.before == answer.after for answer in answers
        )

    def once(self, name: str, make: Callable[[], T]) -> T:
        """Return a value that is created on first use, and shared by all claims.

        Its error is shared, too.
        """
        with self._asking:
            if name not in self._known:
                self._known[name] = tried(make)
            return only(cast("T | ToolkitError", self._known[name]))

    @property
    def place(self) -> str:
        """The tree's name in messages."""
        if self.whole is None:
            return "the stand-in tree"
        return (
            "the specimen's package set"
            if self.tree.is_specimen
            else "the real package set"
        )

    @property
    def systems(self) -> tuple[str, ...]:
        """The systems to evaluate for: the user's, or the default ones."""
        return self.request.depth.systems or (*SYSTEMS, CROSS)

    @property
    def native(self) -> str:
        """The system among them that is Linux and builds for itself."""
        return next(
            (
                system
                for system in self.systems
                if "linux" in system and system != CROSS
            ),
            SYSTEMS[0],
        )

    @property
    def bounded(self) -> bool:
        """Return whether the tree comes from the specimen.

        Then all evaluations share one time limit.
        """
        found = tried(lambda: self.whole)
        return found is None or isinstance(found, ToolkitError) or found.is_specimen

    @property
    def releases(self) -> tuple[str, ...]:
        """The attributes of the unchanged file's releases, the newest last."""
        return self.around.exported

    def judge(self) -> Judging:
        """Return the judge of the lift.

        Raise NotRunError if no commit makes only the lift.
        """
        stage = self.require_lifted(apart=True)
        patch = f"series/{self.patches[0].name}" if self.patches else "upstream.diff"

        def make() -> Judging:
            base = self.tree_of(self.before)
            source = SourceRequest(nixpkgs=str(base.root))
            change = changes.one_file(base, self.target, stage.content, source=source)
            asked = judged.systems(self.systems, narrowed=True)
            return Judging(change=change, systems=asked, named=("--patch", patch))

        return self.once("judging", make)

    def require_evaluated(self) -> None:
        """Raise NotRunError if a file does not evaluate in the tree.

        That is so for an unchanged file, or for a change that uses more of a package
        than its stand-in has, which is not the change's fault.
        """
        self.once("evaluation", self._require_evaluated)

    def _require_evaluated(self) -> None:
        question = LiftQuestion(package=self.releases[-1])
        for stage in (
            (self.before, self.after)
            if self.bounded and not self.patches
            else (self.before,)
        ):
            root = self.tree_of(stage).root
            try:
                process.execute(command(root, root, self.native, [question], loud=True))
            except CommandError as error:
                if error.status < 0 or program.reached_limit(error):
                    raise
                if (
                    stage is not self.before
                    and program.LACKING.match(program.reason(error)) is None
                ):
                    return
                what = "file" if stage is self.before else "change"
                fact = (
                    f"Nix cannot evaluate the {what} in {self.place}: "
                    f"{program.reason(error)}"
                )
                hint = (
                    "add '--tier tree' to evaluate it in a whole nixpkgs"
                    if self.whole is None
                    else "name another nixpkgs"
                )
                raise NotRunError(f"{fact}; {hint}") from error

    @property
    def tried_on(self) -> tuple[str, ...]:
        """The systems to try overrides on: the result hardly depends on the system."""
        return self.request.depth.systems or (self.native,)

    @property
    def demoted(self) -> DockerStage | None:
        """The file after rootlesskit leaves the PATH prefix.

        None if no step does that.
        """
        return self._after(DEMOTE)

    def _after(self, step: str) -> DockerStage | None:
        return next((stage for stage in self.stages if step in stage.steps), None)

    def require_lifted(self, *, apart: bool = False) -> DockerStage:
        """Return the file after the components leave the let.

        Raise NotRunError if no step moves them. With `apart`, also raise it if the same
        commit moves rootlesskit.
        """
        if (lifted := self._after(LIFT)) is None:
            raise NotRunError("the patch does not move the components")
        if apart and lifted is self.demoted:
            raise NotRunError(
                "one patch makes both changes, and the second one rebuilds docker"
            )
        return lifted


def surroundings(
    files: Sequence[DockerFile],
    beside: Mapping[str, TreeFile],
    root: Path | None = None,
) -> Surroundings:
    """Return the contents of the stand-in tree for the file at each stage.

    `root` is the nixpkgs that the file comes from.
    """
    first = files[0]
    return Surroundings(
        target=TARGET,
        content=first.text.encode(),
        beside=beside,
        exported=tuple(first.by_age()),
        names=names(files),
        takes_function=builder.builder(first, root).takes_function,
        root=root,
    )


def names(files: Sequence[DockerFile]) -> tuple[str, ...]:
    """Return every name that the files may take as a package.

    Omit components, and parameters with a default, because callPackage would fill
    these.
    """
    words = {word for file in files for word in _NAME.findall(file.text)}
    return tuple(
        sorted(
            words - {*COMPONENTS} - {name for file in files for name in file.optional()}
        )
    )


def spread(releases: Sequence[str]) -> tuple[str, ...]:
    """Return the last release, and a few more at equal distances down to the first."""
    last, count = len(releases) - 1, min(_MOST_TRIED, len(releases))
    return tuple(
        releases[last - index * last // max(count - 1, 1)] for index in range(count)
    )


def siblings(
    source: Source, *stages: DockerFile
) -> tuple[dict[str, TreeFile], tuple[str, ...]]:
    """Read the files beside the source that the stages use.

    A directory includes everything below it. Return the files by name, and the missing
    names. Follow links. Raise RefusalError for a name outside the source's directory.
    Raise ToolkitError for anything but regular files, and for a link that points
    outside the tree.
    """
    present: dict[str, TreeFile] = {}
    missing: list[str] = []
    root = source.directory
    if source.root is not None and root.is_relative_to(source.root):
        root = source.root
    place = PurePosixPath(source.directory.relative_to(root))
    for name in dict.fromkeys(name for file in stages for name in file.paths()):
        if ".." in PurePosixPath(name).parts:
            raise RefusalError(
                f"{stages[0].tree.name}: uses './{name}', which is not below its "
                "directory"
            )
        paths = [place / name]
        if inside.is_directory(root, place / name):
            below = (
                each
                for each in inside.entries(root, place / name)
                if each.kind is not EntryKind.DIRECTORY
            )
            paths = [PurePosixPath(each.path) for each in below]
        elif not inside.exists(root, place / name) and not inside.leads_out(
            root, place / name
        ):
            missing.append(name)
            continue
        present |= {
            str(path.relative_to(place)): reading.read_file(root, path, follow=True)
            for path in paths
        }
        if sum(len(file.content) + 1000 for file in present.values()) > _MOST_BESIDE:
            raise ToolkitError(
                f"{source.directory}: the files beside the package's file are too "
                "many or too large"
            )
    return present, tuple(missing)


def case(
    contents: Mapping[str, bytes],
    *,
    name: str,
    source: Source,
    request: Request | None = None,
) -> DockerCase:
    """Return the case of a file, and write each content as `STAGE/default.nix`.

    `contents` maps stage names to file contents, the unchanged file first. Raise
    NixSyntaxError, RefusalError or LayoutError if a content is not a docker file.
    """
    parsed = {
        stage: docker_file(content, name=name) for stage, content in contents.items()
    }
    beside, missing = siblings(source, *parsed.values())
    around = {**beside, **dict.fromkeys(missing, TreeFile(content=b""))}
    root = lay_out(
        {f"{stage}/default.nix": content for stage, content in contents.items()}
    )
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
        around=surroundings([*parsed.values()], around, source.root),
        beside=beside,
        missing=missing,
    )


def deepened(found: DockerCase, *, progress: Progress) -> DockerCase:
    """Return the case with its nixpkgs, and a warning about links that unlet omitted.

    Raise UsageError if the requested depth needs a whole nixpkgs but the source is not
    one. Raise ToolkitError if the nixpkgs is unavailable.
    """
    found = replace(found, progress=progress, _known={})
    left_out = found.whole.warnings if found.whole is not None else ()
    return replace(found, warnings=(*found.warnings, *left_out))


def of_proposal(proposal: Proposal, *, name: str, request: Request) -> DockerCase:
    """Return the case of a proposal; raise as `case` does."""
    contents = {BEFORE: proposal.source.content}
    for step, commit in zip(proposal.steps, proposal.commits, strict=True):
        if step.name not in STAGES:
            hint = "'unlet propose' writes a proposal"
            raise ToolkitError(
                f"{name}: docker's proposal has no step '{step.name}'", hint=hint
            )
        contents[STAGES[step.name]] = commit.after
    found = case(contents, name=name, source=proposal.source, request=request)
    given = {name: getattr(proposal, name) for name in Proposal.__struct_fields__}
    return replace(found, demotion=demotion_of(proposal.steps), **given)


def lay_out(files: Mapping[str, bytes]) -> Path:
    """Write files into a cache directory, for the commands of a report."""
    root, _ = stand_in.kept(
        "files",
        {PurePosixPath(path): TreeFile(content=each) for path, each in files.items()},
    )
    return root
