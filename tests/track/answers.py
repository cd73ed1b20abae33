"""An answer with everything in it, some of it written by somebody who means no good."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import PurePosixPath

from msgspec.structs import replace

from toolkit.model import Oid
from toolkit.track.model import (
    Arrival,
    Difference,
    Event,
    History,
    Judgement,
    NextStep,
    OurSeries,
    Pull,
    Ref,
    RefKind,
    SeriesFit,
    TrackAnswer,
    TrackedCommit,
    Verdict,
    Version,
)
from toolkit.track.readings import Component, Overridable, Place, Reading, State

PATH = PurePosixPath("pkgs/applications/virtualization/docker/default.nix")
EVIL = '<img src="https://localhost.invalid/x.png"><script>alert(1)</script> @someone #1 [a](b) | `c`'


def commit(number: int, date: str, subject: str) -> TrackedCommit:
    return TrackedCommit(
        commit=Oid(f"{number:040x}"), date=datetime.fromisoformat(f"{date}T12:00:00Z"), subject=subject
    )


def reading(state: State, overridable: Overridable, place: Place, *, newest: str = "29.6.1") -> Reading:
    return Reading(
        state=state,
        overridable=overridable,
        overridable_by="evaluation",
        rootlesskit=place,
        rootlesskit_by="evaluation",
        todo=state is State.NOT_FIXED,
        layout="dockerGen in let … in, nixfmt style",
        newest=newest,
        releases={"docker_25": "25.0.16", "docker_29": newest},
        components=(Component(name="moby", bound="let", overridable=False),),
        failed={},
    )


STORY = [
    ("2019-03-01", "19.03.8", Overridable.NOT_APPLICABLE, Place.NO_WRAPPER, False),
    ("2021-01-10", "20.10.2", Overridable.NO, Place.NO_WRAPPER, False),
    ("2022-03-10", "20.10.14", Overridable.NO, Place.PREFIX, False),
    ("2022-11-20", "20.10.21", Overridable.NO, Place.PREFIX, True),
    ("2023-08-01", "24.0.5", Overridable.NO, Place.PREFIX, True),
    ("2024-07-01", "27.0.3", Overridable.UNKNOWN, Place.UNKNOWN, None),
    ("2024-07-02", "27.0.3", Overridable.NO, Place.PREFIX, True),
    ("2026-02-01", "29.2.0", Overridable.PARTLY, Place.PREFIX, True),
    ("2026-07-01", "29.6.1", Overridable.YES, Place.SUFFIX, False),
]


def history() -> History:
    versions = tuple(
        Version(
            commit=commit(number, date, f"docker: {docker}"),
            path=PATH,
            blob=None,
            reading=replace(reading(State.UNKNOWN, overridable, place, newest=docker), todo=todo),
        )
        for number, (date, docker, overridable, place, todo) in enumerate(STORY, start=1)
    )
    events = tuple(
        Event(
            commit=replace(version.commit, subject=EVIL) if version.reading.newest == "29.6.1" else version.commit,
            what="layout" if version.reading.newest == "24.0.5" else "components",
            before=None,
            after=version.reading.overridable,
            text=f"components: {version.reading.overridable}",
        )
        for version in versions
    )
    return History(ref="master", versions=versions, events=events, read=9, notes=("the clone is shallow",))


def everything() -> TrackAnswer:
    fixed = commit(0xABCDEF, "2026-07-01", EVIL)
    usual = reading(State.NOT_FIXED, Overridable.NO, Place.PREFIX)
    mended = reading(State.FIXED, Overridable.YES, Place.SUFFIX)
    refs = (
        Ref(
            name="master",
            kind=RefKind.BRANCH,
            state=State.FIXED,
            path=PATH,
            reading=mended,
            changed=fixed,
            fixed_by=fixed,
            series=OurSeries(fit=SeriesFit.SUPERFLUOUS),
        ),
        Ref(
            name="nixos-unstable",
            kind=RefKind.CHANNEL,
            state=State.NOT_FIXED,
            path=PATH,
            reading=usual,
            changed=fixed,
            series=OurSeries(fit=SeriesFit.CONFLICTS, detail="at line 12, 40"),
        ),
        Ref(
            name="nixos-26.05", kind=RefKind.CHANNEL, state=State.UNKNOWN, reason="cannot be parsed: 3:1: syntax error"
        ),
    )
    pull = Pull(
        number=549926,
        listed=True,
        state="merged",
        title=EVIL,
        url="https://localhost.invalid/NixOS/nixpkgs/pull/549926",
        base="master",
        review="approved",
        effect="components overridable: no → yes, rootlesskit: prefix → suffix",
        arrivals=(
            Arrival(ref="master", kind=RefKind.BRANCH, arrived=True),
            Arrival(ref="nixos-unstable", kind=RefKind.CHANNEL, arrived=False),
            Arrival(ref="nixos-26.05", kind=RefKind.CHANNEL, arrived=None),
        ),
        backports=(Pull(number=550001, listed=False, state="open", url="javascript:alert(1)", mergeable=True),),
    )
    return TrackAnswer(
        package="docker",
        missing=("nixos-25.05",),
        unlet="0.1.0",
        checked=datetime(2026, 8, 4, 6, tzinfo=UTC),
        source="clone nixpkgs",
        target=PATH,
        verdict=Verdict(
            judgement=Judgement.UNKNOWN,
            text="could not tell whether it is fixed in nixos-26.05: keep the overlay until that is known",
            next=(NextStep(text="Change nothing.", command="unlet track --nixpkgs 'a `b`'"),),
            fixed_in=("master",),
            unknown=("nixos-26.05",),
        ),
        refs=refs,
        pulls=(pull,),
        changes=(Difference(subject="master", field="state", before="not fixed", after="fixed"),),
        first=False,
        exit_code=11,
        history=history(),
        warnings=("pull requests cannot be searched for",),
    )
