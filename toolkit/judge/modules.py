"""Compare the options and configurations of changed NixOS modules.

Also find the NixOS tests that use the modules.
"""

import re
from collections.abc import Iterable, Sequence
from posixpath import dirname

from toolkit import documents
from toolkit.asking.packages import ENDS, Answer
from toolkit.judge import declared, literals, mapping
from toolkit.judge.changed import ChangedText
from toolkit.judge.declared import AliasArrival, OptionShape
from toolkit.judge.differences import Gap, Weighed
from toolkit.judge.machines import MachineComparison
from toolkit.judge.mapping import AttrPath
from toolkit.judge.module_answers import (
    PART,
    ModuleAnswers,
    ModuleSource,
    Options,
    option_shapes,
    question,
)
from toolkit.judge.record import Record
from toolkit.text import few

MODULES = "nixos/modules/"
_LIST = f"{MODULES}module-list.nix"
_EVALUATOR = "nixos/lib/eval-config.nix"
_MOST_MACHINES = 8
"""The maximum number of changed modules that are enabled, each in a separate
configuration.
"""

_DEEPEST = 4
_MOST_CANDIDATES = 24
_NAMED = re.compile(r"`([\w.\"-]+)`")


def is_judged(record: Record, file: ChangedText) -> bool:
    """Return whether a file belongs to a NixOS module that can be evaluated."""
    return file.path.startswith(MODULES) and record.maps[1].text(_EVALUATOR) != ""


def compare(record: Record, files: Sequence[ChangedText]) -> set[AttrPath]:
    """Compare the options and configurations of changed NixOS modules.

    Return the NixOS tests that use the modules.
    """
    paths = dict.fromkeys(path for file in files for path in _modules(record, file))
    sources = [_source(record, path) for path in paths]
    if not sources:
        return set()
    return _ModuleComparison(record, sources).compared()


def _modules(record: Record, file: ChangedText) -> list[str]:
    """Return the paths of the NixOS modules that a changed file affects.

    If the file is module-list.nix, they are the modules that appear or disappear.
    """
    if file.path != _LIST:
        return [file.path]
    texts = (each.text(_LIST) for each in record.maps)
    before, after = ({path for path, _ in literals.find(_LIST, text)} for text in texts)
    return sorted(before ^ after)


def _source(record: Record, path: str) -> ModuleSource:
    """Return a changed file with the NixOS modules that import it.

    The search is by text, up to module-list.nix.
    """
    chain, is_listed = [path], False
    for _ in range(_DEEPEST):
        importers = (each.importers(file) for file in chain for each in record.maps)
        everywhere = set[str]().union(*importers)
        above = {name for name in everywhere if name.startswith(MODULES)}
        is_listed |= _LIST in above
        new = sorted(above - {*chain, _LIST})
        if is_listed or not new:
            break
        chain += new
    # Code names the directory of a default.nix instead of the file.
    directories = [dirname(file) for file in chain if file.endswith("/default.nix")]
    imports = () if is_listed or not path.endswith(".nix") else (path,)
    return ModuleSource(file=path, declaring=(*chain, *directories), imports=imports)


class _ModuleComparison:
    """Compares the options and configurations of changed NixOS modules."""

    def __init__(self, record: Record, sources: Sequence[ModuleSource]) -> None:
        self._answers = ModuleAnswers(record, sources)
        self._machines = MachineComparison(self._answers)

    def compared(self) -> set[AttrPath]:
        """Compare options and configurations, and return the NixOS tests to run."""
        every = sorted(
            {file for source in self._answers.sources for file in source.declaring}
        )
        some = self._answers.sources[:_MOST_MACHINES]
        questions = [
            question(
                "options", declared=every, names=[], imports=self._answers.imports
            ),
            question("off", on=[]),
            *(
                question(
                    source.file,
                    declared=source.declaring,
                    imports=source.imports,
                    on=None,
                )
                for source in some
            ),
        ]
        pairs = self._answers.ask(questions)
        before, after = self._options(pairs[0])
        files = few([source.file for source in self._answers.sources])
        self._answers.name = _prefix([*before.values(), *after.values()]) or files
        self._compare_options(before, after)
        self._machines.compare_off(pairs[1], before, after)
        is_different = self._answers.record.serious != []
        for source, pair in zip(some, pairs[2:], strict=True):
            known = len(self._answers.record.differences)
            asked = self._machines.compare_on(source, pair, before, after)
            if not (is_different or len(self._answers.record.differences) > known):
                self._machines.require_read(source, asked)
        if rest := [source.file for source in self._answers.sources[_MOST_MACHINES:]]:
            reason = f"more than {_MOST_MACHINES} modules: unlet enables none of them"
            self._answers.record.unknown.append(Gap(what=few(rest), reason=reason))
        return self._tests([*before.values(), *after.values()])

    def _options(self, pair: tuple[Answer, Answer]) -> tuple[Options, Options]:
        """Return the declared options before and after the change.

        If an option exists only before or only after, all modules are searched for it.
        """
        before, after = (option_shapes(answer) for answer in pair)
        if failed := [answer for answer in pair if answer.kind == ENDS]:
            self._answers.leave("the options", failed[0])
            return {}, {}
        if before.keys() == after.keys():
            return before, after
        lost = before.keys() ^ after.keys()
        names = {_outermost({**before, **after}[name].loc) for name in lost}
        (more,) = self._answers.ask(
            [
                question(
                    "names",
                    declared=[],
                    names=sorted(names),
                    imports=self._answers.imports,
                )
            ]
        )
        old, new = (option_shapes(answer) for answer in more)
        return {**old, **before}, {**new, **after}

    def _compare_options(self, before: Options, after: Options) -> None:
        arrivals = self._arrivals(before, after)
        weighed: list[tuple[str, Weighed | None]] = []
        for name in sorted(before.keys() | after.keys()):
            old, new = before.get(name), after.get(name)
            if old is not None:
                loss = declared.missing(old, new, arrivals.get(name))
                weighed.append((name, loss))
                if new is not None and loss is None:
                    weighed += [(name, each) for each in declared.compare(old, new)]
            if new is not None:
                weighed.append((name, declared.added(old, new)))
        self._answers.record.asked |= before.keys() | after.keys()
        for name, difference in weighed:
            if difference is not None:
                self._answers.add(name, difference)

    def _arrivals(self, before: Options, after: Options) -> dict[str, AliasArrival]:
        """Return the effects of setting options that the manual no longer lists."""
        lost = [
            name
            for name, option in before.items()
            if option.is_settable
            and not option.is_hidden
            and name in after
            and after[name].is_hidden
        ]
        new = [
            option.loc
            for name, option in after.items()
            if name not in before and option.is_settable
        ]
        questions = [
            question(
                name,
                alias=before[name].loc,
                to=[*new, *_mentioned(after[name])][:_MOST_CANDIDATES],
            )
            for name in lost
        ]
        pairs = self._answers.ask(questions) if questions else []
        return {
            name: documents.convert(
                answer.parts[PART], AliasArrival, document="Nix's answer"
            )
            for name, (_, answer) in zip(lost, pairs, strict=True)
            if PART in answer.parts
        }

    def _tests(self, options: Iterable[OptionShape]) -> set[AttrPath]:
        """Return the NixOS tests that set an option or import a changed file.

        The search is by text.
        """
        after = self._answers.record.maps[1]
        prefixes = {option.loc[:-1] for option in options if len(option.loc) > 1}
        shortest = {
            prefix
            for prefix in prefixes
            if not any(prefix[:end] in prefixes for end in range(1, len(prefix)))
        }
        importers = {
            importer
            for source in self._answers.sources
            for importer in after.importers(source.file)
        }
        files = {file for file in importers if file.startswith(mapping.TESTS)}
        for file in after.naming(sorted({prefix[-1] for prefix in shortest})):
            if file.startswith(mapping.TESTS):
                text = after.text(file)
                if any(_sets(text, prefix) for prefix in shortest):
                    files.add(file)
        return {test for file in files for test in after.tests(file)}


def _outermost(loc: AttrPath) -> str:
    """Return the name of an option up to its first placeholder.

    For `services.<name>.x`, the result is `services`.
    """
    names: list[str] = []
    for name in loc:
        if name == "*" or name.startswith("<"):
            break
        names.append(name)
    return ".".join(names)


def _prefix(options: Iterable[OptionShape]) -> str:
    """Return the names that the paths of all options have in common."""
    shared: list[str] = []
    for names in zip(*(option.loc for option in options), strict=False):
        if len({*names}) > 1:
            break
        shared.append(names[0])
    return ".".join(shared)


def _mentioned(option: OptionShape) -> list[list[str]]:
    """Return the names of options that an option's description mentions."""
    text = str(option.documentation.get("description"))
    return [name.split(".") for name in _NAMED.findall(text)]


def _sets(text: str, prefix: AttrPath) -> bool:
    """Return whether a text may set an option below the path `prefix`."""
    words = [re.escape(name) for name in prefix]
    forms = [rf"(?<![\w'-]){word}(?![\w'-])" for word in words]
    return all(re.search(form, text) for form in forms)
