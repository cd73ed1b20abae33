"""The claims about the commits on request, one for each that there is; and what all of them claim: that it applies.

The release notes get one item, and all other lines and anchors stay. The test of the ports is registered beside the
others, which stay. The option of the NixOS module changes nothing while it is off, and on it adds the security wrapper.
"""

from __future__ import annotations

import ast
import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct
from msgspec.structs import replace

from toolkit import documents
from toolkit.docker import staging
from toolkit.docker.case import library
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.docker.extras import ALL_TESTS, MODULE, MODULE_TEST, RELEASE_NOTES, TEST
from toolkit.docker.rewrite import nixos, release_note
from toolkit.docker.rewrite.nixos import OPTIONS, WRAPPER
from toolkit.docker.steps import Extra, plan
from toolkit.errors import CommandError, ToolkitError
from toolkit.git import diffs, patching
from toolkit.nix import evaluator, program, stores
from toolkit.prove import Claim, Finding
from toolkit.prove.claims import is_formatted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import PurePosixPath

    from toolkit.docker.case import DockerCase
    from toolkit.model import FileChange, TreeCommit
    from toolkit.proposal.leaf import Added

    Check = Callable[[DockerCase, TreeCommit], Finding]

MODULE_EXPRESSION = EXPRESSIONS / "nixos-module.nix"
TEST_EXPRESSION = EXPRESSIONS / "registered-test.nix"
MAKE = EXPRESSIONS / "make-test-python.nix"

SYSTEM = "x86_64-linux"
_SWITCHED = ("off", "on")


class _Test(Struct, frozen=True, kw_only=True):
    """What registered-test.nix says; `machines` shows for each whether it has rootless docker."""

    name: str
    script: str
    machines: dict[str, bool]


class _Option(Struct, frozen=True, kw_only=True):
    """The new option, as it is declared."""

    type: str
    default: bool
    description: str


class _Module(Struct, frozen=True, kw_only=True):
    """What nixos-module.nix says: configurations by whether docker is off or on, before, after, and with the option.

    `modules` is whose module system it is; `options` are the names before and after; `own` are the capabilities of a
    wrapper that the user defines as well.
    """

    modules: str
    before: dict[str, dict[str, Any]]
    after: dict[str, dict[str, Any]]
    wrapped: dict[str, dict[str, Any]]
    own: str
    options: dict[str, tuple[str, ...]]
    option: _Option
    rootlesskit: str


def claims(case: DockerCase) -> tuple[Claim[DockerCase], ...]:
    """Return the claims about the commits on request, in their order; their names are those of the extras."""
    return tuple(
        Claim(added.extra, _CLAIMS[Extra(added.extra)][0], partial(_prove, added=added)) for added in case.extras
    )


def _prove(case: DockerCase, added: Added) -> Finding:
    """Prove what is claimed about a commit, after it was applied alone, and after all others."""
    if added.commit is None:
        if added.failure is not None:
            return Finding(covers="nothing", failures=(f"{added.patch.name}: {added.failure}",))
        return Finding(covers="nothing", not_run="because the nixpkgs around the file is not available")
    failures = _applies(case, added, added.commit)
    applied = () if failures else ("applies alone, and after the series and all others",)
    try:
        found = _CLAIMS[Extra(added.extra)][1](case, added.commit)
    except CommandError:
        raise
    except ToolkitError as error:
        found = Finding(covers="nothing", failures=(error.message,))
    failures = (*failures, *found.failures)
    return Finding(
        covers=found.covers,
        failures=failures,
        evidence=(*found.evidence, *applied),
        not_run=found.not_run if not failures else None,
        commands=(f"git apply --check series/{added.patch.name}", *found.commands),
    )


def _applies(case: DockerCase, added: Added, commit: TreeCommit) -> tuple[str, ...]:
    """Apply the mail alone, and as the last of all.

    That no two touch the same file lets every other choice and order of them apply as well.
    """
    others = [other for other in case.extras if other is not added]
    files: dict[PurePosixPath, bytes] = {case.target: case.before.content}
    for one in (added, *others):
        if one.commit is not None:
            files |= {change.path: change.before for change in one.commit.files if change.before is not None}
    wanted = {change.path: change.after for change in commit.files}
    failures: list[str] = []
    mails = [other.patch for other in others if other.commit is not None]
    for where, below in (("alone", ()), ("after all others", (*case.patches, *mails))):
        stacked = patching.stack(files, (*below, added.patch))
        if stacked.failure is not None:
            failures.append(f"{added.patch.name} does not apply {where}: {stacked.failure}")
        elif {path: stacked.after.get(path) for path in wanted} != wanted:
            failures.append(f"{added.patch.name} {where} gives files that differ from the written ones")
    mine = set(diffs.touched(added.patch.content))
    failures += [
        f"{added.patch.name} and {other.name} both change {', '.join(both)}"
        for other in (*case.patches, *(one.patch for one in others))
        if (both := sorted(map(str, mine & set(diffs.touched(other.content)))))
    ]
    return tuple(failures)


def adds_item(case: DockerCase, commit: TreeCommit) -> Finding:
    """Compare the sections' items, every other line, and the anchors, before and after."""
    notes = [one for one in commit.files if one.path.parent == RELEASE_NOTES]
    if len(notes) != 1 or notes[0].before is None:
        return Finding(covers="nothing", failures=(f"the commit changes {len(notes)} files of release notes",))
    change, name = notes[0], str(notes[0].path)
    before, after = notes[0].before.decode("utf-8", "replace"), notes[0].after.decode("utf-8", "replace")
    old, new = (release_note.section(text, name=name) for text in (before, after))
    left, right = before.split("\n"), after.split("\n")
    failures = [*_others(commit, change.path)]
    added = _added(left, right)
    item = "\n".join(right[added[0] : added[1]]).strip()
    begins = [index for index in new.items if added[0] <= index < added[1]]
    gave_way = release_note.is_placeholder(left, old)
    if added[0] < new.start or added[1] > new.end:
        failures.append(f"{name}:{added[0] + 1}: is not in the section of notable changes")
    elif len(begins) != 1:
        failures.append(f"{name}:{added[0] + 1}: {len(begins)} items are added instead of one")
    elif len(new.items) != len(old.items) + (0 if gave_way else 1):
        failures.append(f"{name}: the section has {len(new.items)} items, and had {len(old.items)}")
    if _without(right, added) != (_without(left, (old.items[0], old.items[0] + 1)) if gave_way else left):
        failures.append(f"{name}: other lines change as well")
    if release_note.anchors(after) != release_note.anchors(before):
        failures.append(f"{name}: the anchors change")
    if repeated := sorted({one for one in release_note.anchors(after) if release_note.anchors(after).count(one) > 1}):
        failures.append(f"{name}: the anchor '{repeated[0]}' is there twice")
    option = plan().module.option
    if option in item and Extra.NIXOS_MODULE not in {one.extra for one in case.extras}:
        failures.append(f"{name}:{added[0] + 1}: mentions the option {option}, which no commit adds")
    return Finding(
        covers=f"{change.path.name}, {len(right)} lines, notable changes: {len(new.items)}",
        failures=tuple(failures),
        evidence=(f"line {added[0] + 1}, {len(item)} characters",),
        commands=(f"git diff --no-index --stat A/{name} B/{name}",),
    )


def _added(left: list[str], right: list[str]) -> tuple[int, int]:
    """Return the lines of `right` between what both begin with and what both end with."""
    start = 0
    while start < min(len(left), len(right)) and left[start] == right[start]:
        start += 1
    end = len(right)
    while end > start and len(left) - (len(right) - end) > start and left[end - len(right) - 1] == right[end - 1]:
        end -= 1
    return start, end


def _without(lines: list[str], span: tuple[int, int]) -> list[str]:
    return [*lines[: span[0]], *lines[span[1] :]]


def registered(case: DockerCase, commit: TreeCommit) -> Finding:
    """Compare what Nix reads in all-tests.nix before and after, and evaluate the test by the new line there."""
    listed, test = _change_of(commit, ALL_TESTS), _change_of(commit, TEST)
    failures = [*_others(commit, ALL_TESTS, TEST), *_other_tests(listed.before or b"", listed.after)]
    program.parse_text(test.after, name=str(TEST))
    found = nixos.registration(listed.after.decode("utf-8", "replace"), name=str(ALL_TESTS), test=TEST.stem)
    evaluated = _evaluated(case, test, found.value)
    failures += evaluated.failures
    formats = [_misformatted(one) for one in (listed, test)]
    return Finding(
        covers=f"{evaluated.covers}, called as {found.form}, {SYSTEM}",
        failures=(*failures, *(failure for found_there, _ in formats for failure in found_there)),
        evidence=(f"all-tests.nix: {TEST.stem} = {' '.join(found.value.split())}", *(seen for _, seen in formats)),
        commands=evaluated.commands,
    )


def _evaluated(case: DockerCase, test: FileChange, registration: str, option: str = "enable") -> Finding:
    """Evaluate a test of rootless docker as a line of all-tests.nix calls it: each machine has to have an option on."""
    name = str(test.path)
    directory = staging.lay_out(
        {test.path.name: test.after, "registration.nix": registration.encode(), MAKE.name: MAKE.read_bytes()}
    )
    arguments = {
        "directory": str(directory),
        "library": library(case.source.root),
        "system": SYSTEM,
        "packages": json.dumps(_packages(test.after)),
        "option": option,
    }
    answer = documents.convert(evaluator.evaluate(TEST_EXPRESSION, arguments), _Test, document=name)
    failures: list[str] = []
    if answer.name != test.path.stem:
        failures.append(f"{name}: the test calls itself '{answer.name}'")
    if not answer.machines:
        failures.append(f"{name}: there is no machine")
    failures += [
        f"{name}: rootless docker's {option} is off on '{machine}'" for machine, on in answer.machines.items() if not on
    ]
    try:
        ast.parse(answer.script)
    except SyntaxError as error:
        failures.append(f"{name}: the script is not valid Python: line {error.lineno}: {error.msg}")
    return Finding(
        covers=f"{len(answer.machines)} machines of stand-ins",
        failures=tuple(failures),
        commands=(evaluator.evaluate_command(TEST_EXPRESSION, arguments).line,),
    )


def _other_tests(before: bytes, after: bytes) -> list[str]:
    """Yield what Nix reads differently from before, except the one attribute that came.

    Nix prints its own reading, in which each attribute is once, as `NAME = VALUE; `, without comments.
    """
    old, new = (program.parsed(content, name=str(ALL_TESTS)) for content in (before, after))
    attribute = re.compile(rf"(?<![\w.-]){re.escape(TEST.stem)} = [^;]*; ?")
    found = attribute.findall(new)
    if len(found) != 1:
        return [f"{ALL_TESTS}: '{TEST.stem}' is registered {len(found)} times"]
    if attribute.sub("", new).split() != old.split():
        return [f"{ALL_TESTS}: more changes than the one attribute"]
    return []


def adds_wrapper(case: DockerCase, commit: TreeCommit) -> Finding:
    """Evaluate the module before and after, with docker off and on, and the new option off and on."""
    change = _change_of(commit, MODULE)
    program.parse_text(change.after, name=str(MODULE))
    option = plan().module.option
    directory = staging.lay_out({"before.nix": change.before or b"", "after.nix": change.after})
    arguments = {
        "before": str(directory / "before.nix"),
        "after": str(directory / "after.nix"),
        "library": library(case.source.root),
        "option": option,
        "wrapper": WRAPPER,
        "packages": json.dumps(_packages(change.before or b"", change.after)),
    }
    try:
        evaluator.evaluate(MODULE_EXPRESSION, arguments, attribute="before")
    except CommandError as error:
        reason = f"because the module does not evaluate with stand-ins: {program.reason(error)}"
        return Finding(covers="nothing", not_run=reason)
    answer = documents.convert(evaluator.evaluate(MODULE_EXPRESSION, arguments), _Module, document=str(MODULE))
    misformatted, seen = _misformatted(change)
    test = next((one for one in commit.files if one.path == MODULE_TEST), None)
    tested = _tested(case, test, option) if test is not None else Finding(covers="no test")
    return Finding(
        covers=f"docker off and on, the option off and on, by {answer.modules}",
        failures=(
            *_others(commit, MODULE, MODULE_TEST),
            *_declaration(answer, option),
            *_by_hand(answer),
            *(failure for switched in _SWITCHED for failure in _configuration(answer, option, switched)),
            *misformatted,
            *tested.failures,
        ),
        evidence=(
            f"{OPTIONS}.{option}: {answer.option.type}, off by default, described",
            f"security.wrappers.{WRAPPER}: cap_net_bind_service+ep, root:root; the user's own definition wins",
            seen,
            *(tested.evidence or (f"{MODULE_TEST.name}: not changed, since it is not there, or not understood",)),
        ),
        commands=(evaluator.evaluate_command(MODULE_EXPRESSION, arguments).line, *tested.commands),
    )


def _tested(case: DockerCase, test: FileChange, option: str) -> Finding:
    """Evaluate the module's own test with the option on: it has to publish port 80."""
    form = "handleTest" if b"make-test-python.nix" in test.after else "runTest"
    arguments = " { }" if form == "handleTest" else ""
    evaluated = _evaluated(case, test, f"{form} ./{test.path.name}{arguments}", option)
    misformatted, seen = _misformatted(test)
    absent = () if b"--publish=80:80" in test.after else (f"{test.path}: no container publishes port 80",)
    added = f"{test.path.name}: a container publishes port 80 with the option on, {evaluated.covers}"
    return replace(evaluated, failures=(*evaluated.failures, *absent, *misformatted), evidence=(added, seen))


def _declaration(answer: _Module, option: str) -> list[str]:
    """Yield what is wrong with the new option, and with those that were there."""
    failures: list[str] = []
    if sorted(answer.options["after"]) != sorted((*answer.options["before"], option)):
        failures.append(f"the options are {', '.join(answer.options['after'])}, not one more than before")
    if answer.option.type != "bool":
        failures.append(f"the option's type is '{answer.option.type}'")
    if answer.option.default:
        failures.append("the option is on by default")
    if not answer.option.description.strip():
        failures.append("the option has no description")
    return failures


def _by_hand(answer: _Module) -> list[str]:
    """Say whether the capabilities of the user's own wrapper are joined with the module's, which setcap refuses."""
    if answer.own == "cap_sys_admin+ep":
        return []
    return [f"security.wrappers.{WRAPPER} of the user's own does not replace the option's: '{answer.own}'"]


def _configuration(answer: _Module, option: str, switched: str) -> list[str]:
    """Compare the configurations with docker `switched`: before, after, and after with the option set."""
    failures: list[str] = []
    before, after, wrapped = (each[switched] for each in (answer.before, answer.after, answer.wrapped))
    for configuration in (after, wrapped):
        _at(configuration, OPTIONS).pop(option, None)
    if after != before:
        failures.append(f"docker {switched}, the option off: {_differing(before, after)} differs from before")
    wrappers = _at(wrapped, "security.wrappers")
    added = wrappers.pop(WRAPPER, None)
    if wrapped != before:
        failures.append(f"docker {switched}, the option on: {_differing(before, wrapped)} differs from before")
    wanted = {
        "owner": "root",
        "group": "root",
        "capabilities": "cap_net_bind_service+ep",
        "source": answer.rootlesskit,
    }
    if switched == "on" and added is None:
        failures.append(f"the option adds no security.wrappers.{WRAPPER}")
    if switched == "on" and added is not None and added != wanted:
        failures.append(f"security.wrappers.{WRAPPER} is {json.dumps(added, sort_keys=True)}")
    if switched == "off" and added is not None:
        failures.append("the option adds a security wrapper although docker is off")
    return failures


def _at(table: dict[str, Any], path: str) -> dict[str, Any]:
    """Return the table at a path, which Nix would have refused to leave out."""
    for name in path.split("."):
        table = table[name]
    return table


def _differing(one: object, other: object, path: str = "") -> str:
    """Name the first place in which two values differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        left, right = cast("dict[str, object]", one), cast("dict[str, object]", other)
        for name in sorted({*left, *right}):
            if left.get(name) != right.get(name) or (name in left) != (name in right):
                return _differing(left.get(name), right.get(name), f"{path}.{name}" if path else name)
    return path or "the configuration"


def _change_of(commit: TreeCommit, path: PurePosixPath) -> FileChange:
    """Return what a commit does to a file; raise ToolkitError where it does nothing to it."""
    found = next((one for one in commit.files if one.path == path), None)
    if found is None:
        raise ToolkitError(f"the commit does not touch {path}")
    return found


def _others(commit: TreeCommit, *paths: PurePosixPath) -> tuple[str, ...]:
    """Return a failure for each file that a commit touches besides these."""
    return tuple(f"the commit also touches {one.path}" for one in commit.files if one.path not in paths)


def _packages(*contents: bytes) -> list[str]:
    """Return the names that Nix files take of `pkgs` by `pkgs.NAME`, but for those that are no packages."""
    text = "\n".join(content.decode("utf-8", "replace") for content in contents)
    found = {name for name in re.findall(r"\bpkgs\.([A-Za-z_][\w'-]*)", text) if name not in {"formats", "lib"}}
    return sorted({*found, "docker"})


def _misformatted(one: FileChange) -> tuple[tuple[str, ...], str]:
    """Return a failure where nixfmt would change a file that it would not have changed before, and what was seen."""
    formatter = stores.nixfmt()
    if formatter is None:
        return (), f"{one.path.name}: {stores.NO_NIXFMT}"
    if one.before is not None and not is_formatted(formatter, one.before):
        return (), f"{one.path.name}: not in nixfmt's format before either"
    if not is_formatted(formatter, one.after):
        return (f"{one.path}: nixfmt would change the file",), f"{one.path.name}: nixfmt would change it"
    return (), f"{one.path.name}: nixfmt has nothing to change"


_CLAIMS: Mapping[Extra, tuple[str, Check]] = {
    Extra.NIXOS_TEST: ("the test is registered once, beside the others, and evaluates", registered),
    Extra.NIXOS_MODULE: (
        "the option changes nothing while it is off, and adds the security wrapper when it is on",
        adds_wrapper,
    ),
    Extra.RELEASE_NOTE: ("the notable changes get one item, all other lines stay", adds_item),
}
