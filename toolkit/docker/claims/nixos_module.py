"""The claim about the commit for the NixOS module: its option, and that it applies.

The option changes nothing while it is off, and on it adds the security wrapper. `realising` evaluates the test.
One file of release notes changes.
"""

import json
import re
from functools import reduce
from operator import getitem
from typing import Any, cast

from msgspec import Struct
from msgspec.structs import replace

from toolkit import documents
from toolkit.docker import module
from toolkit.docker.case import DockerCase, lay_out
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.docker.rewrite.nixos import OPTIONS, PUBLISHED, WRAPPER
from toolkit.docker.steps import plan
from toolkit.errors import CommandError, ToolkitError
from toolkit.git import patching
from toolkit.model import TreeCommit
from toolkit.nix import evaluator, program
from toolkit.proposal.leaf import Added
from toolkit.proposal.prove import Finding

EXPRESSION = EXPRESSIONS / "nixos-module.nix"


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


def adds_option(case: DockerCase) -> Finding:
    """Prove the claim about the commit."""
    added = case.added
    if added is None:
        raise AssertionError(case)
    if added.failure is not None:
        return Finding(covers="nothing", failures=(f"{added.patch.name}: {added.failure}",))
    if added.commit is None:
        return Finding(covers="nothing", not_run="because the nixpkgs around the file is not available")
    check = f"git apply --check series/{added.patch.name}"
    if failures := _applies(added, added.commit):
        return Finding(covers="nothing", failures=failures, commands=(check,))
    found = _evaluated(case, added.commit)
    return replace(
        found,
        evidence=(*found.evidence, "applies"),
        commands=(check, *found.commands),
    )


def _applies(added: Added, commit: TreeCommit) -> tuple[str, ...]:
    """Apply the mail alone; it shares no file with the series."""
    befores = {change.path: change.before for change in commit.files if change.before is not None}
    wanted = {change.path: change.after for change in commit.files}
    stacked = patching.stack(befores, (added.patch,))
    if stacked.failure is not None:
        return (f"{added.patch.name} does not apply: {stacked.failure}",)
    if {path: stacked.after[-1].get(path) for path in wanted} != wanted:
        return (f"{added.patch.name} gives files that differ from the written ones",)
    return ()


def _evaluated(case: DockerCase, commit: TreeCommit) -> Finding:
    """Evaluate the module before and after, with docker and the option off and on."""
    changes = {change.path: change for change in commit.files}
    change, test = changes.pop(module.FILE, None), changes.pop(module.TEST, None)
    if change is None:
        raise ToolkitError(f"the commit does not touch {module.FILE}")
    files = {"before.nix": change.before or b"", "after.nix": change.after}
    for each in (change, test):
        if each is not None:
            program.parse_text(each.after, name=str(each.path))
    option = plan().module.option
    arguments = {
        "directory": str(lay_out(files)),
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
    is_published = test is None or PUBLISHED.encode() in test.after
    notes = [one for one in changes.values() if one.path.parent == module.RELEASE_NOTES and one.before is not None]
    return Finding(
        covers="docker off and on, the option off and on",
        failures=(
            *_declaration(answer, option),
            *(failure for switched in ("off", "on") for failure in _configuration(answer, option, switched)),
            *(() if is_published else (f"{module.TEST}: no container publishes port 80",)),
            *(f"the commit also touches {path}" for path, one in changes.items() if one not in notes),
            *((f"the commit changes {len(notes)} files of release notes",) if len(notes) != 1 else ()),
        ),
        evidence=(
            f"{OPTIONS}.{option}: {answer.option.type}, off by default, described",
            f"security.wrappers.{WRAPPER}: cap_net_bind_service+ep, root:root; the user's own definition wins",
            f"{module.TEST.name}: not changed, since it is not there, or not understood"
            if test is None
            else f"{module.TEST.name}: a container publishes port 80",
        ),
        commands=(
            evaluator.evaluate_command(EXPRESSION, arguments).line,
            f"nix-build -A nixosTests.{module.TEST.stem}",
        ),
    )


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
