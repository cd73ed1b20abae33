"""An answer with everything in it, some of it written by somebody who means no good."""

from datetime import UTC, datetime
from pathlib import PurePosixPath

from toolkit.docker import PathPlace
from toolkit.git.history import FileCommit
from toolkit.model import Oid
from toolkit.track.answer import (
    Advice,
    AnswerChange,
    NextStep,
    Ref,
    RefKind,
    TrackAnswer,
    TrackVerdict,
)
from toolkit.track.readings import EVALUATION, Component, Fact, Overridable, Reading, State

PATH = PurePosixPath("pkgs/applications/virtualization/docker/default.nix")
EVIL = '<img src="https://localhost.invalid/x.png"><script>alert(1)</script> @someone #1 [a](b) | `c`'


def commit(number: int, date: str, subject: str) -> FileCommit:
    return FileCommit(commit=Oid(f"{number:040x}"), date=datetime.fromisoformat(f"{date}T12:00:00Z"), subject=subject)


def reading(state: State, overridable: Overridable, place: PathPlace, *, newest: str = "29.6.1") -> Reading:
    return Reading(
        state=state,
        overridable=overridable,
        overridable_by=EVALUATION,
        facts={
            "rootlesskit": Fact(value=place, by=EVALUATION),
            "TODO": Fact(value="there" if state is State.NOT_FIXED else "none"),
        },
        newest=newest,
        releases={"docker_25": "25.0.16", "docker_29": newest},
        components=(Component(name="moby", bound="let", overridable=False),),
        failed={},
    )


def everything() -> TrackAnswer:
    fixed = commit(0xABCDEF, "2026-07-01", EVIL)
    usual = reading(State.NOT_FIXED, Overridable.NO, PathPlace.PREFIX)
    mended = reading(State.FIXED, Overridable.YES, PathPlace.SUFFIX)
    refs = (
        Ref(
            name="master",
            kind=RefKind.BRANCH,
            state=State.FIXED,
            path=PATH,
            reading=mended,
            changed=fixed,
            fixed_by=fixed,
        ),
        Ref(
            name="nixos-unstable",
            kind=RefKind.CHANNEL,
            state=State.NOT_FIXED,
            path=PATH,
            reading=usual,
            changed=fixed,
        ),
        Ref(
            name="nixos-26.05", kind=RefKind.CHANNEL, state=State.UNKNOWN, reason="cannot be parsed: 3:1: syntax error"
        ),
    )
    return TrackAnswer(
        package="docker",
        missing=("nixos-25.05",),
        unlet="0.1.0",
        checked=datetime(2026, 8, 4, 6, tzinfo=UTC),
        source="clone nixpkgs",
        target=PATH,
        verdict=TrackVerdict(
            judgement=Advice.UNKNOWN,
            text="unknown for nixos-26.05: keep the overlay until that is known",
            next=(NextStep(text="Change nothing.", command="unlet track --nixpkgs 'a `b`'"),),
            fixed_in=("master",),
            unknown=("nixos-26.05",),
        ),
        refs=refs,
        changes=(AnswerChange(subject="master", field="state", before="not fixed", after="fixed"),),
        first=False,
        exit_code=11,
        warnings=("the newest releases cannot be found", EVIL),
    )
