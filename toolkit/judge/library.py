"""Compare the results of nixpkgs' lib tests before and after a change.

Only tests that need nothing but an evaluation are run.
"""

import json
import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from toolkit import documents
from toolkit.asking.packages import Answer, Question
from toolkit.judge.changed import ChangedText
from toolkit.judge.differences import (
    Cause,
    DifferenceFact,
    Gap,
    Kind,
    changed,
    regression,
)
from toolkit.judge.mapping import AttrPath
from toolkit.judge.record import Record
from toolkit.text import few

_TESTS = ("lib/tests/fetchers.nix", "lib/tests/misc.nix", "lib/tests/systems.nix")
_PART = "modules"
_NAME = "lib"


def compare(record: Record, files: Sequence[ChangedText]) -> None:
    """Compare which lib tests fail, if the change affects files of nixpkgs' lib."""
    own = [file for file in files if file.path.startswith("lib/") and not file.equal]
    if not own:
        return
    for test in _TESTS:
        if all(each.text(test) for each in record.maps):
            _compare(record, test)
    text = "\n".join(record.maps[1].text(test) for test in _TESTS)
    words = {*re.findall(r"[A-Za-z_][\w'-]*", text)}
    names = frozenset[AttrPath]().union(*(file.names for file in own))
    functions = {name[0] for name in names if len(name) == 1}
    if untested := sorted(functions - words):
        reason = (
            f"none of the tests {few([PurePosixPath(test).name for test in _TESTS])} "
            "uses it"
        )
        record.not_covered.append(Gap(what=few(untested), reason=reason))


def _compare(record: Record, test: str) -> None:
    """Add the differences in the failing tests of one test file."""
    question = Question(
        path=(_NAME, test), parts=(_PART,), modules=json.dumps({"tests": [test]})
    )
    ((_, (before, after)),) = record.answers([question])
    old, new = _failures(before, test), _failures(after, test)
    subject = record.subject(_NAME, record.native)
    if old is not None and new is None:
        reason = next(iter(after.ends.values()), "it throws")
        cause = Cause(fact=DifferenceFact.TESTS_END, names=(test,))
        weighed = regression(Kind.EVALUATION, cause, None, reason)
        record.differences.append(subject.differs(weighed))
    for names, weigh, fact in (
        ((new or set()) - (old or set()), regression, DifferenceFact.TESTS_FAIL),
        ((old or set()) - (new or set()), changed, DifferenceFact.TESTS_SUCCEED),
    ):
        if names and new is not None:
            cause = Cause(fact=fact, name=test, names=tuple(sorted(names)))
            weighed = weigh(Kind.EVALUATION, cause)
            record.differences.append(subject.differs(weighed))


def _failures(answer: Answer, test: str) -> set[str] | None:
    """Return the names of failing tests, or None if the tests do not evaluate."""
    failing = answer.parts.get(_PART, {}).get(test)
    if failing is None:
        return None
    return {*documents.convert(failing, list[str], document="Nix's answer")}
