"""The claim about the commit for the NixOS module: its option, its test, its release note, and that it applies.

The option changes nothing while it is off, and on it adds the security wrapper. The test evaluates with the option on.
The release notes get one item, and all other lines stay.
"""

import ast
import json
import re
from functools import reduce
from operator import getitem
from pathlib import PurePosixPath
from typing import Any, cast

from msgspec import Struct
from msgspec.structs import replace

from toolkit import documents, process
from toolkit.docker import module
from toolkit.docker.case import DockerCase, lay_out
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.docker.rewrite import release_note
from toolkit.docker.rewrite.nixos import OPTIONS, PUBLISHED, WRAPPER
from toolkit.docker.steps import plan
from toolkit.errors import CommandError, ToolkitError
from toolkit.git import patching
from toolkit.model import FileChange, TreeCommit
from toolkit.nix import evaluator, program
from toolkit.proposal.form import is_formatted
from toolkit.proposal.leaf import Added
from toolkit.proposal.prove import Finding

EXPRESSION = EXPRESSIONS / "nixos-module.nix"
MAKE = EXPRESSIONS / "make-test-python.nix"

_SWITCHED = ("off", "on")


class _Test(Struct, frozen=True, kw_only=True):
    """The module's test; `machines` shows for each whether it has the option."""

    name: str
    script: str
    machines: dict[str, bool]


class _Option(Struct, frozen=True, kw_only=True):
    """The new option, as it is declared."""

    type: str
    default: bool
    description: str


class _Answer(Struct, frozen=True, kw_only=True):
    """The answer of nixos-module.nix: configurations with docker off or on, before, after, and with the option.

    `options` are the names before and after; `own` are the capabilities of a wrapper that the user defines as well.
    """

    before: dict[str, dict[str, Any]]
    after: dict[str, dict[str, Any]]
    wrapped: dict[str, dict[str, Any]]
    own: str
    options: dict[str, tuple[str, ...]]
    option: _Option
    rootlesskit: str
    test: _Test | None


def adds_option(case: DockerCase) -> Finding:
    """Prove the claim about the commit, applied alone and after the series."""
    added = case.added
    if added is None:
        raise AssertionError(case)
    if added.failure is not None:
        return Finding(covers="nothing", failures=(f"{added.patch.name}: {added.failure}",))
    if added.commit is None:
        return Finding(covers="nothing", not_run="because the nixpkgs around the file is not available")
    check = f"git apply --check series/{added.patch.name}"
    if failures := _applies(case, added, added.commit):
        return Finding(covers="nothing", failures=failures, commands=(check,))
    found = _evaluated(case, added.commit)
    return replace(
        found,
        evidence=(*found.evidence, "applies alone, and after the series"),
        commands=(check, *found.commands),
    )


def _applies(case: DockerCase, added: Added, commit: TreeCommit) -> tuple[str, ...]:
    """Apply the mail alone, and after the series."""
    befores = {change.path: change.before for change in commit.files if change.before is not None}
    files: dict[PurePosixPath, bytes] = {case.target: case.before.content, **befores}
    wanted = {change.path: change.after for change in commit.files}
    failures: list[str] = []
    for where, below in (("alone", ()), ("after the series", case.patches)):
        stacked = patching.stack(files, (*below, added.patch))
        if stacked.failure is not None:
            failures.append(f"{added.patch.name} does not apply {where}: {stacked.failure}")
        elif {path: stacked.after[-1].get(path) for path in wanted} != wanted:
            failures.append(f"{added.patch.name} {where} gives files that differ from the written ones")
    return tuple(failures)


def _evaluated(case: DockerCase, commit: TreeCommit) -> Finding:
    """Evaluate the module before and after, with docker and the option off and on, and its test; read the rest."""
    changes = {change.path: change for change in commit.files}
    change, test = changes.pop(module.FILE, None), changes.pop(module.TEST, None)
    if change is None:
        raise ToolkitError(f"the commit does not touch {module.FILE}")
    files = {"before.nix": change.before or b"", "after.nix": change.after, MAKE.name: MAKE.read_bytes()}
    if test is not None:
        files["test.nix"] = test.after
    code = [each for each in (change, test) if each is not None]
    for each in code:
        program.parse_text(each.after, name=str(each.path))
    option = plan().module.option
    arguments = {
        "directory": str(lay_out(files)),
        "test": "test.nix" if test is not None else "",
        "library": str(case.ground.tree.root / "lib"),
        "option": option,
        "wrapper": WRAPPER,
        "packages": json.dumps(_packages(*files.values())),
    }
    try:
        evaluator.evaluate(EXPRESSION, arguments, attribute="before")
    except CommandError as error:
        reason = f"because the module does not evaluate with stand-ins: {program.reason(error)}"
        return Finding(covers="nothing", not_run=reason)
    answer = documents.convert(evaluator.evaluate(EXPRESSION, arguments), _Answer, document=str(module.FILE))
    notes = [one for one in changes.values() if one.path.parent == module.RELEASE_NOTES and one.before is not None]
    return Finding(
        covers="docker off and on, the option off and on",
        failures=(
            *_declaration(answer, option),
            *(failure for switched in _SWITCHED for failure in _configuration(answer, option, switched)),
            *(_tested(answer.test, test, option) if answer.test is not None and test is not None else ()),
            *(f"{each.path}: nixfmt would change the file" for each in code if _is_misformatted(each)),
            *(f"the commit also touches {path}" for path, one in changes.items() if one not in notes),
            *((f"the commit changes {len(notes)} files of release notes",) if len(notes) != 1 else ()),
            *(failure for change in notes for failure in _noted(change)),
        ),
        evidence=(
            f"{OPTIONS}.{option}: {answer.option.type}, off by default, described",
            f"security.wrappers.{WRAPPER}: cap_net_bind_service+ep, root:root; the user's own definition wins",
            f"{module.TEST.name}: not changed, since it is not there, or not understood"
            if test is None
            else f"{module.TEST.name}: a container publishes port 80 with the option on",
            *(f"{one.path.name}: one item of the notable changes" for one in notes),
        ),
        commands=(
            evaluator.evaluate_command(EXPRESSION, arguments).line,
            f"nix-build -A nixosTests.{module.TEST.stem}",
        ),
    )


def _tested(answer: _Test, test: FileChange, option: str) -> list[str]:
    """Return what is wrong with the test: each machine needs the option on, and a container publishes port 80."""
    name = str(test.path)
    failures = [f"{name}: the test calls itself '{answer.name}'"] if answer.name != test.path.stem else []
    failures += [f"{name}: {option} is off on '{machine}'" for machine, on in answer.machines.items() if not on]
    if PUBLISHED.encode() not in test.after:
        failures.append(f"{name}: no container publishes port 80")
    try:
        ast.parse(answer.script)
    except SyntaxError as error:
        failures.append(f"{name}: the script is not valid Python: line {error.lineno}: {error.msg}")
    return failures


def _noted(change: FileChange) -> list[str]:
    """Return what is wrong with the added lines of release notes, and whether others change."""
    name = str(change.path)
    before, after = (content.decode("utf-8", "replace") for content in (change.before or b"", change.after))
    left, right = before.split("\n"), after.split("\n")
    old, new = (release_note.section(text, name=name) for text in (before, after))
    if release_note.is_placeholder(left, old):
        del left[old.items[0]]
    start = next((line for line, pair in enumerate(zip(left, right, strict=False)) if pair[0] != pair[1]), len(left))
    end = start + len(right) - len(left)
    failures = ["other lines change as well"] if [*right[:start], *right[end:]] != left else []
    if (count := sum(start <= line < end for line in new.items)) != 1:
        failures.append(f"{count} items are added instead of one")
    if plan().module.option not in "\n".join(right[start:end]):
        failures.append("does not name the option")
    return [f"{name}:{start + 1}: {failure}" for failure in failures]


def _declaration(answer: _Answer, option: str) -> list[str]:
    """Return what is wrong with the new option, and with those that were there."""
    failures: list[str] = []
    if sorted(answer.options["after"]) != sorted((*answer.options["before"], option)):
        failures.append(f"the options are {', '.join(answer.options['after'])}, not one more than before")
    if answer.option.type != "bool":
        failures.append(f"the option's type is '{answer.option.type}'")
    if answer.option.default:
        failures.append("the option is on by default")
    if not answer.option.description.strip():
        failures.append("the option has no description")
    # setcap refuses capabilities that are joined.
    if answer.own != "cap_sys_admin+ep":
        failures.append(f"security.wrappers.{WRAPPER} of the user's own does not replace the option's: '{answer.own}'")
    return failures


def _configuration(answer: _Answer, option: str, switched: str) -> list[str]:
    """Compare the configurations with docker `switched`: before, after, and after with the option set."""
    failures: list[str] = []
    before, after, wrapped = (each[switched] for each in (answer.before, answer.after, answer.wrapped))
    for configuration in (after, wrapped):
        _at(configuration, OPTIONS).pop(option, None)
    if after != before:
        failures.append(f"docker {switched}, the option off: {_differing(before, after)} differs from before")
    added = _at(wrapped, "security.wrappers").pop(WRAPPER, None)
    if wrapped != before:
        failures.append(f"docker {switched}, the option on: {_differing(before, wrapped)} differs from before")
    wanted = {"owner": "root", "group": "root", "capabilities": "cap_net_bind_service+ep", "source": answer.rootlesskit}
    if switched == "on" and added is None:
        failures.append(f"the option adds no security.wrappers.{WRAPPER}")
    elif switched == "on" and added != wanted:
        failures.append(f"security.wrappers.{WRAPPER} is {json.dumps(added, sort_keys=True)}")
    elif switched == "off" and added is not None:
        failures.append("the option adds a security wrapper although docker is off")
    return failures


def _at(table: dict[str, Any], path: str) -> dict[str, Any]:
    """Return the table at a path, which Nix would have refused to leave out."""
    return reduce(getitem, path.split("."), table)


def _differing(one: object, other: object, path: str = "") -> str:
    """Name the first place in which two values differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        left, right = cast("dict[str, object]", one), cast("dict[str, object]", other)
        for name in sorted({*left, *right}):
            if left.get(name) != right.get(name) or (name in left) != (name in right):
                return _differing(left.get(name), right.get(name), f"{path}.{name}" if path else name)
    return path or "the configuration"


def _packages(*contents: bytes) -> list[str]:
    """Return the names that Nix files take of `pkgs` by `pkgs.NAME`, but for those that are no packages."""
    text = "\n".join(content.decode("utf-8", "replace") for content in contents)
    found = {name for name in re.findall(r"\bpkgs\.([A-Za-z_][\w'-]*)", text) if name not in {"formats", "lib"}}
    return sorted({*found, "docker"})


def _is_misformatted(one: FileChange) -> bool:
    """Return whether nixfmt, if it is installed, would change a file that it would not have changed before."""
    formatter = process.find("nixfmt")
    if formatter is None or (one.before is not None and not is_formatted(formatter, one.before)):
        return False
    return not is_formatted(formatter, one.after)
