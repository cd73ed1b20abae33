"""Recipes: proposals as data, in which each step names a rewrite of unlet.

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

    The function raises RefusalError, with the place, if it would have to guess.
    Reviewers accept `most` packages at once.
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
    """A commit, and the rewrite that creates it.

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
    """Return the recipe with this name, shipped ones first, or at this path.

    Raise UsageError if it does not exist, and ToolkitError if it is invalid or names an
    unknown rewrite.
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
            otherwise=(
                f"the recipes are {', '.join(names)}; the path of a file contains "
                f"a slash or ends in {_SUFFIX}"
            ),
        )
        raise UsageError(f"--recipe: there is no recipe '{name}'", hint=hint)
    return _read(path, package)


def is_path(name: str) -> bool:
    """Return whether the name of a recipe is the path of its file."""
    return "/" in name or name.endswith(_SUFFIX)


def require_fit(request: Request, count: int) -> None:
    """Raise UsageError for options of a lift, or for too many packages."""
    if request.recipe is None:
        return
    if request.bindings or request.designs or request.follow or request.called:
        raise UsageError(
            f"{request.recipe}: options of a lift do not apply to a recipe"
        )
    most = request.limit or min(
        REWRITES[step.rewrite].most for step in named(request.recipe).steps
    )
    if count > most:
        hint = (
            "nixpkgs closes pull requests that change many packages (552408, "
            "315337): name a few packages, preferably your own, or allow more with "
            "--limit N"
        )
        raise UsageError(
            f"--recipe: this would change {count} packages, but at most {most} are "
            "acceptable at once",
            hint=hint,
        )


def recorded(proposal: Proposal) -> Recipe | None:
    """Return the recipe of a proposal.

    A recipe at a path is not read: it has only the names of its steps, and no step may
    rebuild anything.
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

    Raise RefusalError if the rewrite does, or if the file is generated.
    """
    head = _HEAD.match(text)
    if "generated" in PurePosixPath(name).name or (
        head is not None and _GENERATED.search(head[0])
    ):
        fact = f"{name}: is a generated file, as its name or first lines show"
        raise RefusalError(fact, hint="change the generator instead")
    return REWRITES[step.rewrite].make(text, name=name)


class RecipeTrial(Struct, frozen=True, kw_only=True):
    """The effect of a recipe on a package: its changed lines, or why it has none."""

    package: str
    file: PurePosixPath | None = None
    added: int = 0
    removed: int = 0
    refused: str | None = None


def trials(name: str, root: Path, packages: Sequence[str]) -> Iterator[RecipeTrial]:
    """Try a recipe on packages of a tree, by their files alone.

    Nix only locates the packages. Without packages, try every file below pkgs, and omit
    refusals.
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

    For directories and maintainers, omit packages that the recipe does not change. Only
    the files are read. Raise UsageError for a directory or a maintainer without
    packages.
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
                f"{place}: '{handle or place}' contains no package that '{name}' "
                "changes"
            )
    return tuple(dict.fromkeys(found))


def _changing(
    recipe: Recipe, root: Path, directory: str, maintainer: str = ""
) -> Iterator[RecipeTrial]:
    """Try a recipe on the files of a directory, and yield the packages that it changes.

    With a maintainer, try only their packages.
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
            fact = "no time is left for slow files"
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
        raise ToolkitError(f"{path}: contains no steps")
    for step in recipe.steps:
        if step.rewrite not in REWRITES:
            raise ToolkitError(
                f"{path}: there is no rewrite '{step.rewrite}'; the rewrites are "
                f"{', '.join(REWRITES)}"
            )
    return recipe
