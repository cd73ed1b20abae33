"""An answer with everything in it, some of it written by somebody who means no good."""

from __future__ import annotations

import pytest

from toolkit.docker.track.report.document import (
    Answer,
    Arrival,
    Change,
    Commit,
    Component,
    Event,
    Fit,
    History,
    Judgement,
    Overridable,
    Place,
    Pull,
    Reading,
    Ref,
    Series,
    State,
    Verdict,
    Version,
)

EVIL = '<img src="https://localhost.invalid/x.png"><script>alert(1)</script> @someone #1 [a](b) | `c`'


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
            commit=f"{number:040x}",
            date=f"{date}T12:00:00Z",
            subject=f"docker: {docker}",
            path="pkgs/applications/virtualization/docker/default.nix",
            blob=None,
            state=State.UNKNOWN if todo is None else State.NOT_FIXED,
            overridable=overridable,
            rootlesskit=place,
            todo=todo,
            layout=None,
            newest=docker,
        )
        for number, (date, docker, overridable, place, todo) in enumerate(STORY, start=1)
    )
    events = tuple(
        Event(
            commit=version.commit,
            date=version.date,
            subject=EVIL if version.newest == "29.6.1" else version.subject,
            what="components",
            before=None,
            after=version.overridable.value,
            text=f"components: {version.overridable.value}",
        )
        for version in versions
    )
    return History(ref="master", versions=versions, events=events, read=9, notes=("the clone is shallow",))


@pytest.fixture
def answer() -> Answer:
    fixed = Commit(commit="a" * 40, date="2026-07-01T12:00:00Z", subject=EVIL)
    usual = reading(State.NOT_FIXED, Overridable.NO, Place.PREFIX)
    mended = reading(State.FIXED, Overridable.YES, Place.SUFFIX)
    path = "pkgs/applications/virtualization/docker/default.nix"
    refs = (
        Ref(
            name="master",
            kind="branch",
            state=State.FIXED,
            path=path,
            reading=mended,
            changed=fixed,
            fixed_by=fixed,
            series=Series(fit=Fit.SUPERFLUOUS),
        ),
        Ref(
            name="nixos-unstable",
            kind="channel",
            state=State.NOT_FIXED,
            path=path,
            reading=usual,
            changed=fixed,
            series=Series(fit=Fit.CONFLICTS, detail="at line 12, 40"),
        ),
        Ref(name="nixos-26.05", kind="channel", state=State.UNKNOWN, reason="cannot be parsed: 3:1: syntax error"),
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
            Arrival(ref="master", kind="branch", arrived=True),
            Arrival(ref="nixos-unstable", kind="channel", arrived=False),
            Arrival(ref="nixos-26.05", kind="channel", arrived=None),
        ),
        backports=(Pull(number=550001, listed=False, state="open", url="javascript:alert(1)", mergeable=True),),
    )
    return Answer(
        unlet="0.1.0",
        checked="2026-08-04T06:00:00Z",
        source="clone nixpkgs",
        target=path,
        verdict=Verdict(
            judgement=Judgement.UNKNOWN,
            text="could not tell whether it is fixed in nixos-26.05: keep the overlay until that is known",
            fixed_in=("master",),
            unknown=("nixos-26.05",),
        ),
        refs=refs,
        pulls=(pull,),
        changes=(Change(subject="master", field="state", before="not fixed", after="fixed"),),
        first=False,
        exit_code=11,
        history=history(),
        warnings=("pull requests cannot be searched for",),
    )
