import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import replace

from tests import cases, remotes
from tests.forge.server import Forge
from tests.track.conftest import TARGET, Nixpkgs, layout
from toolkit.docker import PathPlace
from toolkit.errors import ToolkitError
from toolkit.git.history import FileCommit
from toolkit.model import Oid
from toolkit.track import table, verdict
from toolkit.track.answer import Advice, Ref, RefKind, TrackAnswer, TrackVerdict
from toolkit.track.readings import (
    EVALUATION,
    Component,
    Fact,
    Overridable,
    Reading,
    State,
)
from toolkit.track.verdict import Used

Ask = Callable[..., TrackAnswer]

FIX = FileCommit(
    commit=Oid("a" * 40),
    date=datetime(2026, 8, 3, 10, tzinfo=UTC),
    subject="docker: fix",
)
OLD, NEW = Oid("0" * 40), Oid("1" * 40)

MEANINGS = {
    "fixed": (Overridable.YES, PathPlace.SUFFIX),
    "demoted": (Overridable.NO, PathPlace.SUFFIX),
    "lifted": (Overridable.YES, PathPlace.PREFIX),
    "not fixed": (Overridable.NO, PathPlace.PREFIX),
    "not applicable": (Overridable.NOT_APPLICABLE, PathPlace.NO_WRAPPER),
}


class Case(Struct, frozen=True, kw_only=True):
    """What refs and a pin have, and what follows."""

    refs: dict[str, str]
    advice: Advice
    text: str
    code: int
    pin: str | None = None


class Table(Struct, frozen=True, kw_only=True):
    verdicts: list[Case]
    overlays: list[tuple[str, str, Advice]]
    commands: dict[str, str]


TABLE = cases.read(__file__, Table)
KINDS = {"master": RefKind.BRANCH, "v6": RefKind.NAMED, "lock": RefKind.PIN}


def reading(state: State, overridable: Overridable, place: PathPlace) -> Reading:
    return Reading(
        state=state,
        overridable=overridable,
        overridable_by=EVALUATION,
        facts={
            "rootlesskit": Fact(value=place, by=EVALUATION),
            "TODO": Fact(value="there" if state is State.NOT_FIXED else "none"),
        },
        newest="29.6.1",
        releases={"docker_25": "25.0.16", "docker_29": "29.6.1"},
        components=(Component(name="moby", bound="let", overridable=False),),
        failed={},
    )


def at(name: str, what: str, *, blob: Oid = OLD) -> Ref:
    kind = KINDS.get(name, RefKind.CHANNEL)
    if what == "unknown":
        return Ref(name=name, kind=kind, state=State.UNKNOWN, reason="why")
    state = State.HALF_FIXED if what in {"demoted", "lifted"} else State(what)
    return Ref(
        name=name,
        kind=kind,
        state=state,
        blob=blob,
        reading=reading(state, *MEANINGS[what]),
        fixed_by=FIX if what == "fixed" else None,
    )


def judge(
    *refs: Ref,
    pin: Ref | None = None,
    kind: str | None = None,
    nixpkgs: str | None = None,
) -> TrackVerdict:
    overlay = Used(kind=kind, blob=str(OLD), directory=Path("my overlay"))
    return verdict.track_verdict(
        refs, pin, used=Used() if kind is None else overlay, nixpkgs=nixpkgs
    )


PIN_OLD, PIN_NEW = (at("lock", what) for what in ("not fixed", "fixed"))


@pytest.mark.parametrize("case", TABLE.verdicts)
def test_answers_come_to_a_verdict_and_an_exit_code(case: Case) -> None:
    refs = [at(name, what) for name, what in case.refs.items()]
    found = judge(*refs, pin=at("lock", case.pin) if case.pin else None)
    assert found.judgement is case.advice
    assert found.text.startswith(case.text)
    assert found.next[-1].command is not None
    assert verdict.exit_code(found, changed=False) == case.code
    assert verdict.exit_code(found, changed=True) == (case.code or 1)


def test_only_a_named_overlay_is_to_be_kept_or_removed() -> None:
    ref = at("u", "not fixed")
    assert judge(ref, kind="patched").text == "keep the overlay: fixed nowhere yet"
    assert judge(ref).text == "fixed nowhere yet"
    fixed = at("u", "fixed")
    assert "you can remove the overlay" in judge(fixed, kind="patched").text
    assert "overlay" not in judge(fixed).text


@pytest.mark.parametrize(("kind", "own", "advice"), TABLE.overlays)
def test_verdict_is_about_the_overlay_that_is_used(
    kind: str, own: str, advice: Advice
) -> None:
    assert (
        judge(at("u", "not fixed"), pin=at("lock", own), kind=kind or None).judgement
        is advice
    )


def test_rewrapping_overlay_ends_where_rootlesskit_stands_in_the_suffix() -> None:
    found = judge(at("u", "demoted"), kind="rewrap")
    assert (found.judgement, found.fixed_in) == (Advice.UPDATE, ())
    assert found.text.startswith("rootlesskit is out of the PATH prefix in u")
    unknown = replace(
        at("u", "not fixed"),
        reading=reading(State.UNKNOWN, Overridable.NO, PathPlace.UNKNOWN),
    )
    assert judge(unknown, kind="rewrap").judgement is Advice.UNKNOWN
    # What is not known of the components is of no interest to it.
    half_known = replace(
        at("u", "not fixed"),
        reading=reading(State.UNKNOWN, Overridable.UNKNOWN, PathPlace.SUFFIX),
    )
    assert judge(half_known, kind="rewrap").judgement is Advice.UPDATE


def test_patched_overlay_is_made_anew_for_a_file_that_has_changed() -> None:
    pin = at("lock", "not fixed", blob=NEW)
    found = judge(
        at("u", "not fixed"), pin=pin, kind="patched", nixpkgs="./my lock/flake.lock"
    )
    assert found.judgement is Advice.RENEW
    assert verdict.exit_code(found, changed=False) == 10
    command = (
        "unlet overlay --kind patched --nixpkgs './my lock/flake.lock' --out "
        "'my overlay' --force"
    )
    assert [step.command for step in found.next] == [command]
    assert judge(at("u", "not fixed"), pin=pin, kind="rewrap").judgement is Advice.KEEP
    later = judge(at("u", "not fixed", blob=NEW), kind="patched")
    assert later.judgement is Advice.KEEP
    assert "The docker file has changed upstream" in later.next[0].text


@pytest.mark.parametrize("kind", [None, "patched", "rewrap", "wrapper-name"])
def test_every_verdict_ends_with_a_command_of_unlet(kind: str | None) -> None:
    for pin in (None, PIN_OLD, PIN_NEW):
        for what in MEANINGS:
            step = judge(at("u", what), pin=pin, kind=kind, nixpkgs="/src").next[-1]
            assert (step.command or "").startswith("unlet "), (pin, what, step)


def test_meanings_speak_of_parts() -> None:
    assert not [text for text in table.MEANINGS.values() if "bind" in text]


@pytest.mark.parametrize(("nixpkgs", "command"), TABLE.commands.items())
def test_update_is_named_with_its_command(nixpkgs: str, command: str) -> None:
    found = judge(at("u", "fixed"), pin=PIN_OLD, nixpkgs=nixpkgs)
    assert found.next[0].command == command


def test_removal_of_the_overlay_keeps_the_wrapper() -> None:
    assert any(
        "Keep the security wrapper" in step.text for step in judge(pin=PIN_NEW).next
    )
    assert (
        judge(pin=PIN_NEW, kind="wrapper-name").next[0].text
        == "There is no overlay to remove."
    )


def test_state_that_is_not_known_is_named_and_never_counted_as_unfixed() -> None:
    found = judge(at("u", "unknown"), at("master", "unknown"))
    assert found.unknown == ("u", "master")
    assert found.judgement is Advice.UNKNOWN
    assert "not fixed" not in found.text


def test_overlay_is_known_by_its_report(tmp_path: Path) -> None:
    (tmp_path / "overlay").mkdir()
    report = tmp_path / "report.json"
    report.write_text(
        json.dumps(
            {
                "schema": 1,
                "source": {"blob": str(OLD), "origin": "x"},
                "strategy": "hidden",
            }
        )
    )
    assert verdict.read_overlay(tmp_path / "overlay") == Used(
        kind="patched", blob=str(OLD), directory=tmp_path / "overlay"
    )
    (tmp_path / "overlay" / "report.json").write_text(
        json.dumps({"kind": "rewrap", "source": {"blob": str(NEW)}})
    )
    assert verdict.read_overlay(tmp_path / "overlay").kind == "rewrap"


@pytest.mark.parametrize(
    "content",
    [None, "", "[]", '{"kind": "rewrap"}', '{"kind": "x", "source": {"blob": "y"}}'],
)
def test_overlay_without_a_report_is_one_line(
    tmp_path: Path, content: str | None
) -> None:
    directory = tmp_path / "a" / "b"
    directory.mkdir(parents=True)
    if content is not None:
        (directory / "report.json").write_text(content)
    with pytest.raises(ToolkitError, match=r"report\.json") as caught:
        verdict.read_overlay(directory)
    assert "\n" not in caught.value.message


def flake_lock(path: Path, rev: str) -> str:
    return remotes.flake_lock(
        path, type="github", owner="NixOS", repo="nixpkgs", rev=rev
    )


def test_pin_is_looked_up_in_the_clone_or_by_one_small_request_and_judged(
    nixpkgs: Nixpkgs, forge: Forge, ask: Ask, tmp_path: Path
) -> None:
    rev = nixpkgs.commits["docker: 28.4"]
    answer = ask(
        forge, "nixos-unstable", nixpkgs=flake_lock(tmp_path / "flake.lock", rev)
    )
    own = answer.refs[-1]
    assert own.reading is not None
    assert (own.kind, own.state, own.reading.newest) == (
        "pin",
        State.NOT_FIXED,
        "28.4.0",
    )
    assert own.name.endswith(rev[:12])
    assert len(forge.asked(f"/raw/NixOS/nixpkgs/{rev}/")) == 1
    fix = nixpkgs.commit("docker: fix", layout("states/fixed"))
    nixpkgs.git("branch", "--force", "nixos-unstable", "master")
    old = ask(nixpkgs, nixpkgs=flake_lock(tmp_path / "flake.lock", rev))
    assert (old.verdict.judgement, old.exit_code) == (Advice.UPDATE, 10)
    assert old.verdict.text.startswith("fixed in nixos-unstable since 20")
    assert old.verdict.text.endswith(f"flake.lock {rev[:12]})")
    new = ask(nixpkgs, nixpkgs=flake_lock(tmp_path / "flake.lock", fix))
    assert (new.verdict.judgement, new.exit_code) == (Advice.REMOVE, 10)
    assert new.verdict.text.startswith("fixed in your nixpkgs (")


def test_pin_that_cannot_be_had_now_keeps_no_ref_from_its_answer(
    nixpkgs: Nixpkgs, forge: Forge, ask: Ask, tmp_path: Path
) -> None:
    own = flake_lock(tmp_path / "flake.lock", "f" * 40)
    for where, reason in (
        (nixpkgs, "has no commit"),
        (forge, "the repository has no such branch, tag or commit"),
    ):
        answer = ask(where, "nixos-unstable", nixpkgs=own)
        assert answer.refs[0].state is State.NOT_FIXED
        assert reason in (answer.refs[1].reason or "")
        assert (answer.verdict.judgement, answer.exit_code) == (Advice.UNKNOWN, 11)
    gone = "http://127.0.0.1:9/nixpkgs.git"
    answer = ask(nixpkgs, "nixos-unstable", nixpkgs=gone)
    assert "git cannot fetch from it" in (answer.refs[1].reason or "")


def test_pin_on_this_machine_is_read_there(
    nixpkgs: Nixpkgs, ask: Ask, tmp_path: Path
) -> None:
    with pytest.raises(ToolkitError, match="no such file or directory"):
        ask(nixpkgs, nixpkgs=str(tmp_path / "nowhere"))
    file = tmp_path / "channel" / TARGET
    file.parent.mkdir(parents=True)
    file.write_text(layout("states/fixed"))
    (tmp_path / "channel/pkgs/top-level").mkdir()
    (tmp_path / "channel/pkgs/top-level/all-packages.nix").touch()
    answer = ask(nixpkgs, nixpkgs=str(tmp_path / "channel"))
    assert answer.verdict.judgement is Advice.REMOVE
    assert answer.refs[-1].name == str(tmp_path / "channel")
