"""Recipes: proposals as data. Each step names an installed package's rewrite.

A recipe is a TOML file in patches/recipes/, in the user's configuration, or anywhere
else. It contains no code.
"""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from difflib import unified_diff
from pathlib import Path, PurePosixPath

from msgspec import Struct
from platformdirs import user_config_path

from toolkit import inside, patches
from toolkit.errors import RefusalError, ToolkitError, UsageError, did_you_mean
from toolkit.lift.fetchers import renewed
from toolkit.lift.final_attrs import final_attrs, final_package
from toolkit.lift.survey import files_of
from toolkit.model import Proposal
from toolkit.nix import limits
from toolkit.proposal.requests import Request
from toolkit.proposal.target import find_targets
from toolkit.report import pull_request
from toolkit.report.pull_request import StepText
from toolkit.sources.package_files import called_names

_SUFFIX = ".toml"
_SLOW_SECONDS = 0.3
_HEAD = re.compile(r"(?:\s*(?:#[^\n]*|/\*.*?\*/))+", re.DOTALL)
_GENERATED = re.compile(
    r"generated (?:automatically|by|file|this|using|with)|\bfile\b.*\bgenerated|do "
    r"not (?:edit|modify)",
    re.IGNORECASE,
)


class Rewrite(Struct, frozen=True, kw_only=True):
    """A function from a file's text to its new text, and its additional claims.

    It raises RefusalError, with the place, if it would have to guess. Reviewers accept
    `most` packages at once.
    """

    make: Callable[..., str]
    claims: tuple[str, ...] = ()
    most: int = 25


REWRITES: dict[str, Rewrite] = {
    "fetcher": Rewrite(make=renewed, claims=("passthru", "meta", "overrides")),
    "final-attrs": Rewrite(make=final_attrs, claims=("source-follows",), most=10),
    "final-package": Rewrite(make=final_package, claims=("meta", "tests-follow")),
}
"""The rewrites for steps, by name."""


class RecipeStep(StepText, frozen=True, kw_only=True):
    """A commit, and the rewrite that makes it.

    `rebuilds` permits changed derivations.
    """

    rewrite: str
    rebuilds: bool = False

    @property
    def claims(self) -> tuple[str, ...]:
        """The names of the rewrite's claims, none for an unknown rewrite."""
        return REWRITES[self.rewrite].claims if self.rewrite in REWRITES else ()


class Recipe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A proposal: one line `about` it, and its steps.

    In each text, `{package}` stands for the package.
    """

    about: str
    steps: tuple[RecipeStep, ...]


def named(name: str, package: str | None = None) -> Recipe:
    """Return the named recipe, shipped ones first, or the one at that path.

    Raise UsageError if there is none, ToolkitError for an invalid recipe, or for an
    unknown rewrite in it.
    """
    if is_path(name):
        return _read(Path(name), package)
    paths = (
        (place / f"{name}{_SUFFIX}" for place in _places())
        if re.fullmatch(r"[\w-]+", name)
        else ()
    )
    if (path := next((path for path in paths if path.is_file()), None)) is None:
        names = sorted(known())
        hint = did_you_mean(
            name,
            names,
            otherwise=f"known recipes are {', '.join(names)}; a path has a slash "
            f"or ends in {_SUFFIX}",
        )
        raise UsageError(f"--recipe: '{name}' is unknown", hint=hint)
    return _read(path, package)


def is_path(name: str) -> bool:
    """Return whether a recipe is named by its file's path."""
    return "/" in name or name.endswith(_SUFFIX)


def require_fit(request: Request, count: int) -> None:
    """Raise UsageError for options that a recipe lacks, or for too many packages."""
    if request.recipe is None:
        return
    if request.bindings or request.designs or request.follow or request.called:
        raise UsageError(
            f"{request.recipe}: is a recipe, and takes none of the options of a lift"
        )
    most = request.limit or min(
        REWRITES[step.rewrite].most for step in named(request.recipe).steps
    )
    if count > most:
        hint = (
            "nixpkgs closes mass changes (552408, 315337): name a few packages, "
            "preferably your own; --limit N permits more"
        )
        raise UsageError(
            f"--recipe: {count} packages at once, and at most {most} are welcome",
            hint=hint,
        )


def recorded(proposal: Proposal) -> Recipe | None:
    """Return the recipe of a proposal.

    For one named by a path, which is not read, only the names of its steps.

    Then no step may rebuild anything.
    """
    if proposal.recipe is None:
        return None
    if (recipe := known().get(proposal.recipe)) is not None:
        return recipe
    steps = (
        RecipeStep(subject=commit.subject, body="", name=step.name, rewrite=step.design)
        for step, commit in zip(proposal.steps, proposal.commits, strict=True)
    )
    return Recipe(about="", steps=tuple(steps))


def rewritten(text: str, step: RecipeStep, *, name: str) -> str:
    """Return a file's text after a step.

    Raise RefusalError if the rewrite does, and for a generated file.
    """
    head = _HEAD.match(text)
    if "generated" in PurePosixPath(name).name or (
        head is not None and _GENERATED.search(head[0])
    ):
        fact = f"{name}: is generated, as its name or its first lines say"
        raise RefusalError(fact, hint="change what generates it")
    return REWRITES[step.rewrite].make(text, name=name)


class RecipeTrial(Struct, frozen=True, kw_only=True):
    """The effect of a recipe on a package: its changed lines, or why there are none."""

    package: str
    file: PurePosixPath | None = None
    added: int = 0
    removed: int = 0
    refused: str | None = None


def trials(name: str, root: Path, packages: Sequence[str]) -> Iterator[RecipeTrial]:
    """Try a recipe on packages of a tree, by their files alone.

    Nix only finds the packages.

    Without a package, try every file below pkgs, and omit refusals.
    """
    if not packages:
        yield from _changing(named(name), root, "pkgs")
        return
    for package, target in zip(packages, find_targets(root, packages), strict=True):
        if isinstance(target, ToolkitError):
            yield RecipeTrial(package=package, refused=target.message)
        else:
            yield _tried(named(name, target.package), root, target.file, target.package)


def packages(
    name: str, root: Path, places: Sequence[str], maintainer: str
) -> tuple[str, ...]:
    """Return the named packages, those in directories, and those of a maintainer.

    A recipe changes all of the latter two.

    Only the files are read. Raise UsageError for a directory or a maintainer that has
    none.
    """
    recipe, found = named(name), list[str]()
    who = {place: (place, "") for place in places} | (
        {"--maintainer": ("pkgs", maintainer)} if maintainer else {}
    )
    for place, (directory, handle) in who.items():
        if not handle and not ("/" in place and inside.is_directory(root, directory)):
            found.append(place)
        elif below := [
            trial.package for trial in _changing(recipe, root, directory, handle)
        ]:
            found += below
        else:
            raise UsageError(
                f"{place}: '{handle or place}' has no package that '{name}' changes"
            )
    return tuple(dict.fromkeys(found))


def _changing(
    recipe: Recipe, root: Path, directory: str, maintainer: str = ""
) -> Iterator[RecipeTrial]:
    """Try a recipe on the files of a directory, and yield what it changes.

    With a maintainer, only their packages.
    """
    names, left = called_names(root), limits.seconds(limits.TOGETHER_SECONDS)
    maintained = re.compile(
        rf"\bmaintainers\s*=(?:\s*with\s+[\w.]+;)?[^;]*?(?<![\w-]){re.escape(maintainer)}(?![\w-])".encode()
    )
    for path in map(PurePosixPath, files_of(root, directory)):
        if maintainer and not maintained.search(inside.find(root, path) or b""):
            continue
        began = time.monotonic()
        # A guess may be the name of another file's package.
        trial = _tried(
            recipe, root, path, names.package(path) if names.calls(path) else str(path)
        )
        if trial.refused is None and trial.added + trial.removed:
            yield trial
        if (seconds := time.monotonic() - began) > _SLOW_SECONDS and (
            left := left - seconds
        ) <= 0:
            fact = "the time limit for slow files is used up"
            raise ToolkitError(limits.raised_by("--timeout", f"{path}: {fact}"))


def _tried(
    recipe: Recipe, root: Path, file: PurePosixPath, package: str
) -> RecipeTrial:
    try:
        before = after = inside.read(root, file).decode()
        for step in recipe.steps:
            after = rewritten(after, step, name=str(file))
    except (ToolkitError, UnicodeDecodeError) as error:
        refused = (
            error.message
            if isinstance(error, ToolkitError)
            else f"{file}: is not UTF-8"
        )
        return RecipeTrial(package=package, file=file, refused=refused)
    marks = [
        line[:1]
        for line in unified_diff(
            before.splitlines(), after.splitlines(), n=0, lineterm=""
        )
    ][2:]
    return RecipeTrial(
        package=package, file=file, added=marks.count("+"), removed=marks.count("-")
    )


def known() -> dict[str, Recipe]:
    """Return all recipes with a name."""
    paths = [path for place in _places() for path in sorted(place.glob(f"*{_SUFFIX}"))]
    return {path.stem: _read(path, None) for path in reversed(paths)}


def _places() -> Iterator[Path]:
    yield patches.shipped() / "recipes"
    yield user_config_path("unlet") / "recipes"


def _read(path: Path, package: str | None) -> Recipe:
    recipe = pull_request.read(
        path, Recipe, names={"package": package} if package is not None else None
    )
    if not recipe.steps:
        raise ToolkitError(f"{path}: has no steps")
    for step in recipe.steps:
        if step.rewrite not in REWRITES:
            raise ToolkitError(
                f"{path}: rewrite '{step.rewrite}' is unknown; known are "
                f"{', '.join(REWRITES)}"
            )
    return recipe
