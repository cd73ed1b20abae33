"""Claims about the commit for the NixOS module.

It applies, and its test evaluates. Its option changes nothing while it is off, and adds
the security wrapper when it is on. One file of release notes changes.
"""

import json
import re
from collections.abc import Collection, Iterator
from functools import reduce
from itertools import chain
from operator import getitem
from typing import Any, cast

from msgspec import Struct

from toolkit import documents
from toolkit.docker import module
from toolkit.docker.case import DockerCase, lay_out
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.docker.rewrite.nixos import OPTIONS, PUBLISHED, WRAPPER
from toolkit.docker.steps import plan
from toolkit.errors import CommandError, NotRunError, ToolkitError
from toolkit.git import patching
from toolkit.git.reading import TreeFile
from toolkit.judge import ground
from toolkit.model import FileChange, TreeCommit
from toolkit.nix import evaluator, program
from toolkit.proposal import outputs
from toolkit.proposal.prove import Finding

EXPRESSION = EXPRESSIONS / "nixos-module.nix"


class _Answer(Struct, frozen=True, kw_only=True):
    """The answer of nixos-module.nix: configurations before and after the change.

    Each has docker off or on. `options` are the names before and after, and `option` is
    the type, default and description of the new one. `own` are the capabilities of a
    wrapper that the user defines, too.
    """

    before: dict[str, dict[str, Any]]
    after: dict[str, dict[str, Any]]
    wrapped: dict[str, dict[str, Any]]
    own: str
    options: dict[str, tuple[str, ...]]
    option: dict[str, Any]
    rootlesskit: str


def adds_option(case: DockerCase) -> Finding:
    """Apply the commit's mail alone, then evaluate the module before and after.

    Docker and the option are off or on. The mail shares no file with the series.
    """
    added = case.added
    if added is None:
        raise AssertionError(case)
    if added.failure is not None:
        return Finding(
            covers="nothing", failures=(f"{added.patch.name}: {added.failure}",)
        )
    if added.commit is None:
        raise NotRunError("the nixpkgs around the file is not available")
    befores = {change.path: change.before for change in added.commit.files}
    with patching.called(added.patch.name):
        if {*patching.changes(added.patch.content, befores.get)} != {
            *added.commit.files
        }:
            raise ToolkitError(
                "the commit gives other files than those that unlet wrote"
            )
    return _evaluated(
        case, added.commit, f"git apply --check series/{added.patch.name}"
    )


def tested(case: DockerCase) -> Finding:
    """Evaluate the module's test in nixosTests, with all changed files."""
    commit = case.added.commit if case.added is not None else None
    if commit is None:
        raise NotRunError("the nixpkgs around the file is not available")
    system = case.native
    case.progress.step(f"evaluating nixosTests.{module.TEST.stem} ({system})")
    tree = ground.changed(
        case.tree_of(case.after),
        {one.path: TreeFile(content=one.after) for one in commit.files},
    )
    given = {
        "tree": str(tree.root),
        "system": system,
        "package": json.dumps(["nixosTests", module.TEST.stem]),
        "tools": outputs.tools(tree, case.request.depth.nix_options),
    }
    answer = evaluator.evaluate(outputs.PACKAGE, given, attribute="drvPath")
    return Finding(
        covers=f"nixosTests.{module.TEST.stem}, {system}",
        evidence=(documents.convert(answer, str, document="NixOS test"),),
        commands=(
            evaluator.evaluate_command(
                outputs.PACKAGE, given, attribute="drvPath"
            ).line,
        ),
    )


def _evaluated(case: DockerCase, commit: TreeCommit, check: str) -> Finding:
    changes = {change.path: change for change in commit.files}
    change, test = changes.pop(module.FILE, None), changes.pop(module.TEST, None)
    if change is None:
        raise ToolkitError(f"the commit does not change {module.FILE}")
    files = {"before.nix": change.before or b"", "after.nix": change.after}
    program.parse_text(change.after, name=str(change.path))
    if test is not None:
        program.parse_text(test.after, name=str(test.path))
    option = plan().module.option
    arguments = {
        "directory": str(lay_out(files)),
        "library": str(case.tree.root / "lib"),
        "option": option,
        "wrapper": WRAPPER,
        "packages": json.dumps(_packages(*files.values())),
    }
    try:
        evaluator.evaluate(EXPRESSION, arguments, attribute="before")
    except CommandError as error:
        raise NotRunError(
            f"Nix cannot evaluate the module with stand-ins: {program.reason(error)}"
        ) from error
    answer = documents.convert(
        evaluator.evaluate(EXPRESSION, arguments), _Answer, document=str(module.FILE)
    )
    configurations = (_configuration(answer, option, state) for state in ("off", "on"))
    return Finding(
        covers="docker off and on, each with the option off and on",
        failures=(
            *_declaration(answer, option),
            *chain.from_iterable(configurations),
            *_beside(changes.values(), test),
        ),
        evidence=(
            f"{OPTIONS}.{option}: {answer.option['type']}, off by default, described",
            (
                f"security.wrappers.{WRAPPER}: cap_net_bind_service+ep, root:root; a "
                "definition by the user replaces it"
            ),
            f"{module.TEST.name}: {_tested(test)}",
            "applies",
        ),
        commands=(
            check,
            evaluator.evaluate_command(EXPRESSION, arguments).line,
            f"nix-build -A nixosTests.{module.TEST.stem}",
        ),
    )


def _beside(others: Collection[FileChange], test: FileChange | None) -> Iterator[str]:
    """Yield the faults of the commit's files beside the module."""
    if test is not None and PUBLISHED.encode() not in test.after:
        yield (
            f"{module.TEST}: the test does not check that a container publishes port 80"
        )
    notes = [
        file
        for file in others
        if file.path.parent == module.RELEASE_NOTES and file.before is not None
    ]
    if len(notes) != 1:
        yield f"the commit changes {len(notes)} release notes instead of one"
    for file in others:
        if file not in notes:
            yield f"the commit also changes {file.path}"


def _tested(test: FileChange | None) -> str:
    if test is None:
        return "no change: the file is missing, or has an unknown form"
    return "a container publishes port 80"


def _declaration(answer: _Answer, option: str) -> Iterator[str]:
    """Yield the faults of the new option, and of those that existed."""
    before, after, new = (
        answer.options["before"],
        answer.options["after"],
        answer.option,
    )
    if sorted(after) != sorted((*before, option)):
        yield f"the options should gain one name, but are {', '.join(after)}"
    if (new["type"], new["default"]) != ("bool", False) or not str(
        new["description"]
    ).strip():
        yield (
            "the new option must be a boolean with a description, off by "
            f"default: {new}"
        )
    # setcap refuses capabilities that are joined.
    if answer.own != "cap_sys_admin+ep":
        yield (
            f"a user's own security.wrappers.{WRAPPER} does not replace that of the "
            f"option: '{answer.own}'"
        )


def _configuration(answer: _Answer, option: str, switched: str) -> Iterator[str]:
    """Compare the configurations with docker `switched` off or on.

    They are those before, after, and after with the option.
    """
    before, after, wrapped = (
        each[switched] for each in (answer.before, answer.after, answer.wrapped)
    )
    added = _at(wrapped, "security.wrappers").pop(WRAPPER, None)
    for value, configuration in {"off": after, "on": wrapped}.items():
        _at(configuration, OPTIONS).pop(option, None)
        if configuration != before:
            yield (
                f"with docker {switched} and the option {value}, "
                f"{_differing(before, configuration)} differs from before"
            )
    wanted = {
        "owner": "root",
        "group": "root",
        "capabilities": "cap_net_bind_service+ep",
        "source": answer.rootlesskit,
    }
    if added != (wanted if switched == "on" else None):
        shown = json.dumps(added, sort_keys=True)
        yield (
            f"with docker {switched} and the option on, security.wrappers.{WRAPPER} "
            f"is {shown}"
        )


def _at(table: dict[str, Any], path: str) -> dict[str, Any]:
    """Return the table at a path, which Nix never omits."""
    return reduce(getitem, path.split("."), table)


def _differing(one: object, other: object, path: str = "") -> str:
    """Name the first place in which two values differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        left, right = cast("dict[str, object]", one), cast("dict[str, object]", other)
        for name in sorted({*left, *right}):
            if left.get(name) != right.get(name) or (name in left) != (name in right):
                return _differing(
                    left.get(name), right.get(name), f"{path}.{name}" if path else name
                )
    return path or "the configuration"


def _packages(*contents: bytes) -> list[str]:
    """Return the packages that Nix files use as `pkgs.NAME`.

    Omit names that are not packages.
    """
    text = "\n".join(content.decode("utf-8", "replace") for content in contents)
    found = {
        name
        for name in re.findall(r"\bpkgs\.([A-Za-z_][\w'-]*)", text)
        if name not in {"formats", "lib"}
    }
    return sorted({*found, "docker"})
