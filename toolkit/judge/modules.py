"""Judge changed NixOS modules: the options they declare, the machines they make."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from posixpath import dirname

from msgspec import Struct
from msgspec.structs import replace

from toolkit import documents
from toolkit.asking.packages import ENDS, Answer, Question
from toolkit.judge import configured, declared, literals, mapping
from toolkit.judge.changed import ChangedText
from toolkit.judge.configured import NixosMachine
from toolkit.judge.declared import AliasArrival, OptionShape
from toolkit.judge.differences import (
    Cause,
    DifferenceFact,
    Gap,
    Kind,
    Reason,
    Weighed,
    Weight,
    changed,
    noted,
    regression,
)
from toolkit.judge.mapping import AttrPath
from toolkit.judge.record import Record
from toolkit.text import few

MODULES = "nixos/modules/"
_LIST = f"{MODULES}module-list.nix"
_EVALUATOR = "nixos/lib/eval-config.nix"
_MOST_MACHINES = 8
"""The changed modules that are turned on, each on a machine of its own."""

_DEEPEST = 4
_MOST_CANDIDATES = 24
_NAMED = re.compile(r"`([\w.\"-]+)`")
_PART = "modules"
_NAME = "NixOS"

_Options = Mapping[str, OptionShape]


class ModuleSource(Struct, frozen=True, kw_only=True):
    """A changed file, and the modules that `declare` what is in it.

    A module that no NixOS has by itself is imported by name.
    """

    file: str
    declaring: tuple[str, ...]
    imports: tuple[str, ...] = ()


def is_judged(record: Record, file: ChangedText) -> bool:
    """Return whether a file is of a module, in a tree that evaluates modules."""
    return file.path.startswith(MODULES) and record.maps[1].text(_EVALUATOR) != ""


def compare(record: Record, files: Sequence[ChangedText]) -> set[AttrPath]:
    """Compare what changed modules declare and make; return the tests that read it."""
    paths = dict.fromkeys(path for file in files for path in _modules(record, file))
    sources = [_source(record, path) for path in paths]
    if not sources:
        return set()
    return _ModuleComparison(record, sources).compared()


def _modules(record: Record, file: ChangedText) -> list[str]:
    """Return the changed file, for the list of all modules those that come or go."""
    if file.path != _LIST:
        return [file.path]
    texts = (each.text(_LIST) for each in record.maps)
    before, after = ({path for path, _ in literals.find(_LIST, text)} for text in texts)
    return sorted(before ^ after)


def _source(record: Record, path: str) -> ModuleSource:
    """Find by text which modules a file is in, up to the list of all."""
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
    # A directory is named where its default is the module.
    directories = [dirname(file) for file in chain if file.endswith("/default.nix")]
    imports = () if is_listed or not path.endswith(".nix") else (path,)
    return ModuleSource(file=path, declaring=(*chain, *directories), imports=imports)


class _ModuleComparison:
    """The questions about changed modules, and their answers on both sides."""

    def __init__(self, record: Record, sources: Sequence[ModuleSource]) -> None:
        self._record = record
        self._sources = sources
        self._imports = [name for source in sources for name in source.imports]
        self._name = ""
        self._usual: tuple[Reason, ...] = ()
        """How the machine differs that turns nothing on."""

    def compared(self) -> set[AttrPath]:
        """Compare options and machines; return the tests that read them."""
        every = sorted({file for source in self._sources for file in source.declaring})
        some = self._sources[:_MOST_MACHINES]
        questions = [
            _question("options", declared=every, names=[], imports=self._imports),
            _question("off", on=[]),
            *(
                _question(
                    source.file,
                    declared=source.declaring,
                    imports=source.imports,
                    on=None,
                )
                for source in some
            ),
        ]
        pairs = self._answers(questions)
        before, after = self._options(pairs[0])
        files = few([source.file for source in self._sources])
        self._name = _prefix([*before.values(), *after.values()]) or files
        self._compare_options(before, after)
        self._compare_off(pairs[1], before, after)
        is_different = self._record.serious != []
        for source, pair in zip(some, pairs[2:], strict=True):
            known = len(self._record.differences)
            question = self._compare_on(source, pair, before, after)
            if not (is_different or len(self._record.differences) > known):
                self._require_read(source, question)
        if rest := [source.file for source in self._sources[_MOST_MACHINES:]]:
            reason = f"more than {_MOST_MACHINES} modules: not turned on"
            self._record.unknown.append(Gap(what=few(rest), reason=reason))
        return self._tests([*before.values(), *after.values()])

    def _answers(self, questions: Sequence[Question]) -> list[tuple[Answer, Answer]]:
        native = self._record.native
        return self._record.sides.answers({native: questions})[native]

    def _options(self, pair: tuple[Answer, Answer]) -> tuple[_Options, _Options]:
        """Return the options of both sides, also those that another file has there."""
        before, after = (_shapes(answer) for answer in pair)
        if failed := [answer for answer in pair if answer.kind == ENDS]:
            self._leave("the options", failed[0])
            return {}, {}
        if before.keys() == after.keys():
            return before, after
        lost = before.keys() ^ after.keys()
        names = {_outermost({**before, **after}[name].loc) for name in lost}
        (more,) = self._answers(
            [
                _question(
                    "names", declared=[], names=sorted(names), imports=self._imports
                )
            ]
        )
        old, new = (_shapes(answer) for answer in more)
        return {**old, **before}, {**new, **after}

    def _compare_options(self, before: _Options, after: _Options) -> None:
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
        self._record.asked |= before.keys() | after.keys()
        for name, difference in weighed:
            if difference is not None:
                self._add(name, difference)

    def _arrivals(self, before: _Options, after: _Options) -> dict[str, AliasArrival]:
        """Return what becomes of the options that the manual no longer lists."""
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
            _question(
                name,
                alias=before[name].loc,
                to=[*new, *_mentioned(after[name])][:_MOST_CANDIDATES],
            )
            for name in lost
        ]
        pairs = self._answers(questions) if questions else []
        return {
            name: documents.convert(
                answer.parts[_PART], AliasArrival, document="Nix's answer"
            )
            for name, (_, answer) in zip(lost, pairs, strict=True)
            if _PART in answer.parts
        }

    def _compare_off(
        self, pair: tuple[Answer, Answer], before: _Options, after: _Options
    ) -> None:
        """Compare the machine that turns nothing on.

        It should not differ if all that is changed is off.
        """
        is_off = all(
            source.imports or self._common(source, before, after)
            for source in self._sources
        )
        machines = self._machines(pair, "")
        if machines is None:
            return
        reasons = configured.compare(*machines)
        gains = any(reason.added for reason in reasons)
        weight = Weight.REGRESSION if is_off and gains else Weight.CHANGE
        self._weigh(*machines, setting="", weight=weight)
        self._usual = reasons

    def _compare_on(
        self,
        source: ModuleSource,
        pair: tuple[Answer, Answer],
        before: _Options,
        after: _Options,
    ) -> Question:
        """Compare the machine with all switches of a module on, or the outermost.

        Return the question about it.
        """
        common = self._common(source, before, after)
        question = self._turned_on(source, common)
        chosen = [_machine(answer) for answer in pair]
        is_same = all(
            machine is not None and {*machine.on} == {*common} for machine in chosen
        )
        if not is_same:
            (pair,) = self._answers([question])
        if _fails(pair[0]) and len(common) > 1:
            common = common[:1]
            question = self._turned_on(source, common)
            (pair,) = self._answers([question])
        if not (common or source.imports):
            self._compare_new(source, _switches(source, after))
            return question
        settings = [f"imports = [ {name} ]" for name in source.imports]
        setting = ", ".join([*settings, *filter(None, [configured.shown(common)])])
        machines = self._machines(pair, setting)
        if machines is not None:
            self._weigh(*machines, setting=setting, weight=Weight.CHANGE)
        return question

    def _compare_new(self, source: ModuleSource, new: Sequence[AttrPath]) -> None:
        """Note what a module does that the second side alone can turn on."""
        if not new:
            what = f"{source.file} has no option called enable that is off"
            gap = Gap(what=what, reason="compared as it is by default")
            self._record.not_covered.append(gap)
            return
        questions = [self._turned_on(source, on) for on in ((), new)]
        answers = [answer for _, answer in self._answers(questions)]
        off, on = (_machine(answer) for answer in answers)
        setting = configured.shown(new)
        if off is not None and on is not None:
            cause = Cause(fact=DifferenceFact.MACHINE_NEW, setting=setting)
            reasons = configured.compare(off, on)
            self._add(self._name, noted(Kind.CONFIGURATION, cause), why=reasons)
        else:
            reason = next(iter(answers[1].ends.values()), None)
            cause = Cause(fact=DifferenceFact.NEW_AND_FAILS, setting=setting)
            self._add(self._name, changed(Kind.EVALUATION, cause, None, reason))

    def _require_read(self, source: ModuleSource, question: Question) -> None:
        """Say that a file is unknown if no machine reads it, not even by an import."""
        record = self._record
        path = PurePosixPath(source.file)
        questions = [question, _question("off", on=[])]
        if record.sides.reading(path, questions, record.native):
            return
        if path.suffix == ".nix" and not source.imports:
            setting = f"imports = [ {source.file} ]"
            alone = replace(source, imports=(source.file,))
            (pair,) = self._answers([self._turned_on(alone, ())])
            machines = [_machine(answer) for answer in pair]
            if machines[0] is not None and machines[1] is not None:
                self._weigh(
                    machines[0], machines[1], setting=setting, weight=Weight.CHANGE
                )
                return
        gap = Gap(what=source.file, reason="no machine that was compared reads it")
        record.unknown.append(gap)

    def _turned_on(self, source: ModuleSource, on: Sequence[AttrPath]) -> Question:
        return _question(
            source.file, on=on, declared=source.declaring, imports=source.imports
        )

    def _common(
        self, source: ModuleSource, before: _Options, after: _Options
    ) -> list[AttrPath]:
        """Return the switches of a module that are off by default on both sides."""
        others = _switches(source, after)
        return [loc for loc in _switches(source, before) if loc in others]

    def _machines(
        self, pair: tuple[Answer, Answer], setting: str
    ) -> tuple[NixosMachine, NixosMachine] | None:
        """Return both machines if both evaluate, else say which does not."""
        before, after = (_machine(answer) for answer in pair)
        self._record.asked.add(self._name)
        if before is not None and after is not None:
            native = self._record.compared.setdefault(self._record.native, [])
            native.append(self._name)
            return before, after
        reasons = [next(iter(answer.ends.values()), None) for answer in pair]
        if any(answer.limited for answer in pair) or (before is None and after is None):
            what = f"{self._name} with {setting or 'nothing turned on'}"
            self._leave(what, pair[0] if before is None else pair[1])
        elif after is None:
            cause = Cause(fact=DifferenceFact.FAILS, setting=setting)
            self._add(self._name, regression(Kind.EVALUATION, cause, None, reasons[1]))
        else:
            cause = Cause(fact=DifferenceFact.EVALUATES_NOW, setting=setting)
            self._add(self._name, changed(Kind.EVALUATION, cause, reasons[0], None))
        return None

    def _weigh(
        self, before: NixosMachine, after: NixosMachine, *, setting: str, weight: Weight
    ) -> None:
        """Add how two machines with the same setting differ."""
        self._weigh_refusals(before, after, setting)
        differing = configured.compare(before, after)
        reasons = tuple(each for each in differing if each not in self._usual)
        kind = Kind.CONFIGURATION
        if ports := configured.opened(before, after):
            cause = Cause(fact=DifferenceFact.OPENS_PORTS, names=ports, setting=setting)
            self._add(self._name, Weighed(kind=kind, weight=weight, cause=cause))
        is_same = None in {before.system, after.system} or before.system == after.system
        if reasons or not (is_same or differing):
            cause = Cause(fact=DifferenceFact.CONFIGURED_DIFFERENTLY, setting=setting)
            weighed = Weighed(
                kind=kind,
                weight=weight,
                cause=cause,
                before=before.system,
                after=after.system,
            )
            self._add(self._name, weighed, why=reasons)

    def _weigh_refusals(
        self, before: NixosMachine, after: NixosMachine, setting: str
    ) -> None:
        """Add which assertions forbid a machine, on one side or on both."""
        old, new = ({*machine.refusals} for machine in (before, after))
        if forbidden := sorted(new - old):
            cause = Cause(fact=DifferenceFact.FAILS, setting=setting)
            reason = " ".join(forbidden[0].split())
            self._add(self._name, regression(Kind.EVALUATION, cause, None, reason))
        elif old and not new:
            cause = Cause(fact=DifferenceFact.EVALUATES_NOW, setting=setting)
            self._add(self._name, changed(Kind.EVALUATION, cause))
        elif old:
            what = f"{self._name} with {setting}"
            reason = f"its parts alone were compared: {' '.join(min(old).split())}"
            self._record.not_covered.append(Gap(what=what, reason=reason))

    def _add(
        self, name: str, weighed: Weighed, *, why: tuple[Reason, ...] = ()
    ) -> None:
        record = self._record
        difference = record.subject(name, record.native).differs(weighed)
        record.differences.append(replace(difference, why=why))

    def _leave(self, what: str, answer: Answer) -> None:
        """Say that something is unknown, and why."""
        reason = next(iter(answer.ends.values()), "it does not evaluate")
        limit = next(iter(answer.limits.values()), None)
        gap = Gap(
            what=what,
            reason=reason,
            attribute=what if limit else None,
            system=self._record.native if limit else None,
            limit=limit,
        )
        self._record.unknown.append(gap)

    def _tests(self, options: Iterable[OptionShape]) -> set[AttrPath]:
        """Find by text the NixOS tests that set an option or import a changed file."""
        after = self._record.maps[1]
        prefixes = {option.loc[:-1] for option in options if len(option.loc) > 1}
        shortest = {
            prefix
            for prefix in prefixes
            if not any(prefix[:end] in prefixes for end in range(1, len(prefix)))
        }
        importers = {
            importer
            for source in self._sources
            for importer in after.importers(source.file)
        }
        files = {file for file in importers if file.startswith(mapping.TESTS)}
        for file in after.naming(sorted({prefix[-1] for prefix in shortest})):
            if file.startswith(mapping.TESTS):
                text = after.text(file)
                if any(_sets(text, prefix) for prefix in shortest):
                    files.add(file)
        return {test for file in files for test in after.tests(file)}


def _question(name: str, **words: object) -> Question:
    """Return a question about modules; each has a time limit of its own."""
    text = json.dumps(words, sort_keys=True)
    return Question(path=(_NAME, name), parts=(_PART,), modules=text)


def _fails(answer: Answer) -> bool:
    return _PART not in answer.parts


def _machine(answer: Answer) -> NixosMachine | None:
    if _fails(answer):
        return None
    return documents.convert(answer.parts[_PART], NixosMachine, document="Nix's answer")


def _switches(source: ModuleSource, options: _Options) -> list[AttrPath]:
    """Return the switches that a module declares and that are off by default."""
    own = [
        option for option in options.values() if {*option.files} & {*source.declaring}
    ]
    return declared.switches(own)


def _shapes(answer: Answer) -> dict[str, OptionShape]:
    if _fails(answer):
        return {}
    options = answer.parts[_PART]["options"]
    return documents.convert(options, dict[str, OptionShape], document="Nix's answer")


def _outermost(loc: AttrPath) -> str:
    """Return the name of the option that an option is in, or of itself."""
    names: list[str] = []
    for name in loc:
        if name == "*" or name.startswith("<"):
            break
        names.append(name)
    return ".".join(names)


def _prefix(options: Iterable[OptionShape]) -> str:
    """Return the names that all options share."""
    shared: list[str] = []
    for names in zip(*(option.loc for option in options), strict=False):
        if len({*names}) > 1:
            break
        shared.append(names[0])
    return ".".join(shared)


def _mentioned(option: OptionShape) -> list[list[str]]:
    """Return the options that the description of another one names."""
    text = str(option.documentation.get("description"))
    return [name.split(".") for name in _NAMED.findall(text)]


def _sets(text: str, prefix: AttrPath) -> bool:
    """Return whether a text may set an option below a name, in any form."""
    words = [re.escape(name) for name in prefix]
    forms = [rf"(?<![\w'-]){word}(?![\w'-])" for word in words]
    return all(re.search(form, text) for form in forms)
