"""How a series for docker that is right is spoiled.

`claims/test_spoiled.toml` has what, and which claims then fail.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from tests import designs
from tests.docker.conftest import Draft, drafted, source_of
from toolkit.docker.case import BEFORE, DEMOTED, LIFTED
from toolkit.docker.steps import Demotion
from toolkit.lift.plan import Design


class Spoiled(
    Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True
):
    """A thing that is wrong with a series, and what the claims that fail say of it: all of `said`, nothing of `unsaid`.

    The series is made for a layout by the rewrites, or by a design of the tests. With a
    `condition`, the file's wrapper has rootlesskit under the second text, and the file
    the first among its parameters.
    """

    what: str
    said: Mapping[str, Sequence[str]]
    unsaid: Sequence[str] = ()
    layout: str = "29.6"
    strategy: Design | None = None
    demotion: Demotion = Demotion.SUFFIX
    design: str | None = None
    condition: tuple[str, str] | None = None
    before: Sequence[tuple[str, str]] = ()
    """What stands once, and what replaces it in this stage and in those after it, as in the next two."""
    lifted: Sequence[tuple[str, str]] = ()
    demoted: Sequence[tuple[str, str]] = ()
    by_hand: tuple[str, str] | None = None
    """What is replaced wherever it stands in the lifted text, which is then demoted by hand."""
    patterns: Sequence[tuple[str, str, str]] = ()
    """A stage, a pattern, and what replaces all that it finds there."""
    everywhere: tuple[str, str] | None = None
    taken: Mapping[str, str] = {}
    """Stages that get the text of another one."""
    by: str | None = None
    """A function in SPOILINGS."""
    alone: bool = False
    """Whether the first commit is judged without the second."""

    def series(self) -> Draft:
        """Return the spoiled series."""
        series = self._right()
        for stage in (BEFORE, LIFTED, DEMOTED):
            for old, new in getattr(self, stage):
                series = series.edit(stage, old, new)
        if self.by_hand is not None:
            series = _lifted(series, series.texts[LIFTED].replace(*self.by_hand))
        texts = dict(series.texts)
        for stage, pattern, new in self.patterns:
            texts[stage] = re.sub(pattern, new, texts[stage])
        texts |= {stage: texts[other] for stage, other in self.taken.items()}
        if self.everywhere is not None:
            texts = {
                stage: text.replace(*self.everywhere) for stage, text in texts.items()
            }
        series = replace(series, texts=texts)
        return series if self.by is None else SPOILINGS[self.by](series)

    def _right(self) -> Draft:
        if self.design is not None:
            return designed(self.design)
        series = drafted(self.layout, strategy=self.strategy, demotion=self.demotion)
        if self.condition is not None:
            default, condition = self.condition
            series = series.edit(BEFORE, PARAMETER, f"{default}{PARAMETER}")
            series = series.edit(
                BEFORE, f"{CONDITION})", f"{CONDITION} && {condition})"
            )
        return series


CONDITION = "lib.optionals (stdenv.hostPlatform.isLinux && !clientOnly"
PARAMETER = "      buildxSupport ? true,\n"


def designed(name: str) -> Draft:
    """Return a series whose first commit lifts the components by a design of the tests, and whose second demotes."""
    source = source_of("29.6")
    before = source.content.decode()
    new = designs.DESIGNS[name](before)
    texts = {BEFORE: before, LIFTED: new, DEMOTED: designs.demoted(new)}
    return Draft(source=source, demotion=Demotion.SUFFIX, texts=texts)


def using(text: str) -> tuple[str, str]:
    """Return the change by which moby has an attribute of this value, whatever it is."""
    old = "vendorHash = null;\n\n          env"
    return old, old.replace("\n\n", f"\n          more = toString ({text});\n\n")


def _lifted(series: Draft, text: str) -> Draft:
    return series.rewritten(LIFTED, lambda _: text).rewritten(
        DEMOTED, lambda _: designs.demoted(text)
    )


def _block(series: Draft, release: str) -> str:
    return series.case().before.file.release_blocks()[release]


def _swapped(series: Draft) -> Draft:
    old, new = _block(series, "docker_25"), _block(series, "docker_29")
    return series.rewritten(
        DEMOTED,
        lambda text: text.replace(old, "\0").replace(new, old).replace("\0", new),
    )


def _one_more(series: Draft, stage: str) -> Draft:
    more = _block(series, "docker_29").replace("docker_29", "docker_30")
    return series.rewritten(stage, lambda text: f"{text.rstrip()[:-1]}  {more}\n}}\n")


def _one_less(series: Draft) -> Draft:
    lost = _block(series, "docker_25")
    return series.rewritten(DEMOTED, lambda text: text.replace(lost, ""))


def _captured(series: Draft) -> Draft:
    """Give the parameter of a component another name than its own."""
    before = series.texts[BEFORE]
    value = designs.value(before, "docker-tini")
    text = designs.replaced(
        before, f" docker-tini = {value};", " docker-tini = dockerTini;"
    )
    return _lifted(series, designs.with_formals(text, [f"dockerTini ? {value}"]))


SPOILINGS: Mapping[str, Callable[[Draft], Draft]] = {
    "captured": _captured,
    "demoted alone": lambda series: series.rewritten(
        DEMOTED, lambda _: designs.demoted(series.texts[BEFORE])
    ),
    "one less": _one_less,
    "one more, demoted": lambda series: _one_more(series, DEMOTED),
    "one more, lifted": lambda series: _one_more(series, LIFTED),
    "shut again": lambda series: series.rewritten(
        BEFORE, lambda _: designed("sentinel").texts[LIFTED]
    ),
    "swapped": _swapped,
}
