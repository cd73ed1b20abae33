"""Compare the NixOS configurations that changed NixOS modules affect."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from msgspec.structs import replace

from toolkit.asking.packages import Answer, Question
from toolkit.judge import configured
from toolkit.judge.configured import NixosMachine
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
from toolkit.judge.module_answers import (
    ModuleAnswers,
    ModuleSource,
    Options,
    fails,
    machine_in,
    question,
    switches,
)


class MachineComparison:
    """Compares NixOS configurations with changed modules enabled and disabled."""

    def __init__(self, answers: ModuleAnswers) -> None:
        self._answers = answers
        self._usual: tuple[Reason, ...] = ()
        """The differences of the configuration that enables nothing."""

    def compare_off(
        self, pair: tuple[Answer, Answer], before: Options, after: Options
    ) -> None:
        """Compare the NixOS configuration that enables nothing.

        It should not differ if all changed options are off by default.
        """
        is_off = all(
            source.imports or self._common(source, before, after)
            for source in self._answers.sources
        )
        machines = self._machines(pair, "")
        if machines is None:
            return
        reasons = configured.compare(*machines)
        gains = any(reason.added for reason in reasons)
        weight = Weight.REGRESSION if is_off and gains else Weight.CHANGE
        self._weigh(*machines, setting="", weight=weight)
        self._usual = reasons

    def compare_on(
        self,
        source: ModuleSource,
        pair: tuple[Answer, Answer],
        before: Options,
        after: Options,
    ) -> Question:
        """Compare a NixOS configuration that enables a changed module.

        If that fails, only the outermost option is enabled. Return the question that
        was put to Nix about the configuration.
        """
        common = self._common(source, before, after)
        asked = self._turned_on(source, common)
        chosen = [machine_in(answer) for answer in pair]
        is_same = all(
            machine is not None and {*machine.on} == {*common} for machine in chosen
        )
        if not is_same:
            (pair,) = self._answers.ask([asked])
        if fails(pair[0]) and len(common) > 1:
            common = common[:1]
            asked = self._turned_on(source, common)
            (pair,) = self._answers.ask([asked])
        if not (common or source.imports):
            self._compare_new(source, switches(source, after))
            return asked
        settings = [f"imports = [ {name} ]" for name in source.imports]
        setting = ", ".join([*settings, *filter(None, [configured.shown(common)])])
        machines = self._machines(pair, setting)
        if machines is not None:
            self._weigh(*machines, setting=setting, weight=Weight.CHANGE)
        return asked

    def _compare_new(self, source: ModuleSource, new: Sequence[AttrPath]) -> None:
        """Note the effect of enabling a module that is new."""
        if not new:
            what = f"{source.file} has no option 'enable' that is off by default"
            gap = Gap(what=what, reason="compared with its default settings")
            self._answers.record.not_covered.append(gap)
            return
        questions = [self._turned_on(source, on) for on in ((), new)]
        answers = [answer for _, answer in self._answers.ask(questions)]
        off, on = (machine_in(answer) for answer in answers)
        setting = configured.shown(new)
        if off is not None and on is not None:
            cause = Cause(fact=DifferenceFact.MACHINE_NEW, setting=setting)
            reasons = configured.compare(off, on)
            self._answers.add(
                self._answers.name, noted(Kind.CONFIGURATION, cause), why=reasons
            )
        else:
            reason = next(iter(answers[1].ends.values()), None)
            cause = Cause(fact=DifferenceFact.NEW_AND_FAILS, setting=setting)
            self._answers.add(
                self._answers.name, changed(Kind.EVALUATION, cause, None, reason)
            )

    def require_read(self, source: ModuleSource, asked: Question) -> None:
        """Check that a NixOS configuration reads a changed file.

        If none of the compared configurations does, record that the file's effect is
        unknown.
        """
        record = self._answers.record
        path = PurePosixPath(source.file)
        questions = [asked, question("off", on=[])]
        if record.sides.reading(path, questions, record.native):
            return
        if path.suffix == ".nix" and not source.imports:
            setting = f"imports = [ {source.file} ]"
            alone = replace(source, imports=(source.file,))
            (pair,) = self._answers.ask([self._turned_on(alone, ())])
            machines = [machine_in(answer) for answer in pair]
            if machines[0] is not None and machines[1] is not None:
                self._weigh(
                    machines[0], machines[1], setting=setting, weight=Weight.CHANGE
                )
                return
        gap = Gap(what=source.file, reason="no machine that was compared reads it")
        record.unknown.append(gap)

    def _turned_on(self, source: ModuleSource, on: Sequence[AttrPath]) -> Question:
        return question(
            source.file, on=on, declared=source.declaring, imports=source.imports
        )

    def _common(
        self, source: ModuleSource, before: Options, after: Options
    ) -> list[AttrPath]:
        """Return the `enable` options that a module has before and after a change.

        Only options that are off by default are returned.
        """
        others = switches(source, after)
        return [loc for loc in switches(source, before) if loc in others]

    def _machines(
        self, pair: tuple[Answer, Answer], setting: str
    ) -> tuple[NixosMachine, NixosMachine] | None:
        """Return the NixOS configurations before and after the change.

        If one of them does not evaluate, record the difference and return None.
        """
        before, after = (machine_in(answer) for answer in pair)
        self._answers.record.asked.add(self._answers.name)
        if before is not None and after is not None:
            native = self._answers.record.compared.setdefault(
                self._answers.record.native, []
            )
            native.append(self._answers.name)
            return before, after
        reasons = [next(iter(answer.ends.values()), None) for answer in pair]
        if any(answer.limited for answer in pair) or (before is None and after is None):
            what = f"{self._answers.name} with {setting or 'nothing turned on'}"
            self._answers.leave(what, pair[0] if before is None else pair[1])
        elif after is None:
            cause = Cause(fact=DifferenceFact.FAILS, setting=setting)
            self._answers.add(
                self._answers.name, regression(Kind.EVALUATION, cause, None, reasons[1])
            )
        else:
            cause = Cause(fact=DifferenceFact.EVALUATES_NOW, setting=setting)
            self._answers.add(
                self._answers.name, changed(Kind.EVALUATION, cause, reasons[0], None)
            )
        return None

    def _weigh(
        self, before: NixosMachine, after: NixosMachine, *, setting: str, weight: Weight
    ) -> None:
        """Add the differences of a NixOS configuration before and after the change.

        `setting` is the code that enables the changed module.
        """
        self._weigh_refusals(before, after, setting)
        differing = configured.compare(before, after)
        reasons = tuple(each for each in differing if each not in self._usual)
        kind = Kind.CONFIGURATION
        if ports := configured.opened(before, after):
            cause = Cause(fact=DifferenceFact.OPENS_PORTS, names=ports, setting=setting)
            self._answers.add(
                self._answers.name, Weighed(kind=kind, weight=weight, cause=cause)
            )
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
            self._answers.add(self._answers.name, weighed, why=reasons)

    def _weigh_refusals(
        self, before: NixosMachine, after: NixosMachine, setting: str
    ) -> None:
        """Add the differences in the assertions that forbid a configuration."""
        old, new = ({*machine.refusals} for machine in (before, after))
        if forbidden := sorted(new - old):
            cause = Cause(fact=DifferenceFact.FAILS, setting=setting)
            reason = " ".join(forbidden[0].split())
            self._answers.add(
                self._answers.name, regression(Kind.EVALUATION, cause, None, reason)
            )
        elif old and not new:
            cause = Cause(fact=DifferenceFact.EVALUATES_NOW, setting=setting)
            self._answers.add(self._answers.name, changed(Kind.EVALUATION, cause))
        elif old:
            what = f"{self._answers.name} with {setting}"
            reason = f"only its parts were compared: {' '.join(min(old).split())}"
            self._answers.record.not_covered.append(Gap(what=what, reason=reason))
