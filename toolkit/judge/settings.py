"""Compare packages with settings of nixpkgs' config that the changed lines read."""

import json
from collections.abc import Sequence

from msgspec.structs import replace

from toolkit.asking.packages import ENDS, PACKAGE, THROWS, Answer, Question
from toolkit.judge import comparing
from toolkit.judge.changed import ChangedText
from toolkit.judge.differences import (
    Cause,
    Difference,
    DifferenceFact,
    Gap,
    Kind,
    Weighed,
    Weight,
    changed,
)
from toolkit.judge.mapping import AttrPath
from toolkit.judge.record import Record
from toolkit.judge.subject import THREW
from toolkit.text import few

MOST = 12
"""The maximum number of packages of a file to compare with other settings."""

_PARTS = ("derivation", "meta", "passthru")
_SYSTEMS = {"aarch64-darwin": "isDarwin", "static": "isStatic", "cross": "canExecute"}
"""The further systems to compare, each with the word in changed lines that requires it.
"""


def compare(record: Record, file: ChangedText, packages: Sequence[AttrPath]) -> None:
    """Compare a file's packages with each setting that the changed lines read.

    Each setting is tried with several values. If it accepts none of them, its effect is
    recorded as unknown.
    """
    unknown: set[str] = set()
    values: tuple[bool | str, ...] = (True, False, *file.ambient.texts)
    for name in file.ambient.settings:
        known = [
            _compare(record, file, packages[:MOST], (name, value)) for value in values
        ]
        if not any(known) or len(packages) > MOST:
            unknown.add(name)
    if unknown:
        what = few([f"config.{name}" for name in sorted(unknown)])
        reason = f"the effect of {what} was not compared"
        record.unknown.append(Gap(what=file.path, reason=reason))


def _compare(
    record: Record,
    file: ChangedText,
    packages: Sequence[AttrPath],
    setting: tuple[str, bool | str],
) -> bool:
    """Compare packages with one value of a nixpkgs setting.

    Return whether a package evaluates with this value, before and after the change.
    """
    name, value = setting
    shown = f"config.{name} = {json.dumps(value)}"
    settings = json.dumps(_nested(name.split("."), value))
    systems = [
        system
        for system in record.systems
        if system == record.native or _SYSTEMS.get(system) in file.words
    ]
    is_known = False
    for system in systems:
        usual = [Question(path=path, parts=_PARTS) for path in packages]
        varied = [replace(question, settings=settings) for question in usual]
        pairs = record.sides.answers({system: [*usual, *varied]})[system]
        for path, one, other in zip(
            packages, pairs, pairs[len(packages) :], strict=False
        ):
            is_known |= not any(_fails(answer) for answer in other)
            subject = record.subject(".".join(path), system)
            weighed = _effects(one, other)
            if _is_equal(one):
                weighed = comparing.compare(subject, *other)
            record.differences.extend(
                [
                    _with_setting(difference, shown)
                    if isinstance(difference, Difference)
                    else _with_setting(subject.differs(difference), shown)
                    for difference in weighed
                ]
            )
    return is_known


def _with_setting(difference: Difference, setting: str) -> Difference:
    """Return a difference that is valid only with a nixpkgs setting.

    A value of a wrong type also fails, so a failure counts only as a change.
    """
    is_failure = difference.kind is Kind.EVALUATION
    return replace(
        difference,
        cause=replace(difference.cause, setting=setting),
        weight=Weight.CHANGE
        if is_failure or difference.weight is Weight.CHANGE
        else difference.weight,
    )


def _nested(names: Sequence[str], value: bool | str) -> object:  # noqa: FBT001 - the value of a Nixpkgs setting
    """Return nested dictionaries that lead along a path of names to a value."""
    if not names:
        return value
    return {names[0]: _nested(names[1:], value)}


def _fails(answer: Answer) -> bool:
    return answer.kind in {THROWS, ENDS} or _output(answer) is None


def _output(answer: Answer) -> str | None:
    derivation = answer.parts.get("derivation", {})
    output = derivation.get("out")
    return output if isinstance(output, str) and derivation["drv"] != THREW else None


def _is_equal(pair: tuple[Answer, Answer]) -> bool:
    """Return whether a package is unchanged with the default settings."""
    before, after = pair
    return before.parts.get("derivation") == after.parts.get("derivation")


def _effects(
    one: tuple[Answer, Answer], other: tuple[Answer, Answer]
) -> list[Weighed] | list[Difference]:
    """Return a difference if a setting gains or loses its effect on a package.

    The package is built differently with the default settings.
    """
    usual, varied = ([_output(answer) for answer in pair] for pair in (one, other))
    if PACKAGE not in {answer.kind for answer in other} or None in (*usual, *varied):
        return []
    had, has = (before != after for before, after in zip(usual, varied, strict=True))
    if had == has:
        return []
    fact = DifferenceFact.NOW_HAS_EFFECT if has else DifferenceFact.NO_EFFECT
    return [changed(Kind.OVERRIDE, Cause(fact=fact))]
