"""What a replacement by a method comes to, by the derivations that Nix makes, and what ends it."""

from pathlib import Path

import pytest

from tests.proposal.nixpkgs import copied
from toolkit.asking.trials import ChangedMethod, Derivations, Effect, LiftQuestion, ask
from toolkit.nix import limits

SYSTEM = "x86_64-linux"
PACKAGES = """
  part = final.stdenv.mkDerivation { pname = "part"; version = "1"; };
  around = final.stdenv.mkDerivation { pname = "around"; version = "1"; uses = final.part; };
  app = attributes: final.stdenv.mkDerivation (own: {
    pname = "app";
    version = "1";
    passthru = { inherit (final) part; } // attributes.passthru or (_: { }) own;
    uses = attributes.uses own;
  });
  reached = final.app { uses = own: own.passthru.part; };
  unreached = final.app { uses = _: final.part; };
  elsewhere = final.app { uses = _: final.part; passthru = own: { tests.one = own.passthru.part; }; };
  halved = final.app { uses = own: [ own.passthru.part final.around ]; };
  picky = final.app { uses = own: if own.passthru.part == final.part then final.part else throw "another"; };
  unread = final.app { uses = _: 1; passthru = _: { part = "words"; }; };
  showing = final.part.overrideAttrs { passthru.file = "x"; meta.description = "d"; };
  asking = final.app {
    passthru = _: { part = final.showing; };
    uses = own: with own.passthru.part; "${own.passthru.part}/${passthru.file} ${meta.description}";
  };
  fixed = final.app {
    passthru = _: { part = final.part // { overrideAttrs = _: throw "it stays"; }; };
    uses = own: own.passthru.part;
  };
  worded = final.app { uses = own: own.passthru.part; passthru = _: { part = "words"; }; };
  strange = final.reached // { overrideAttrs = _: final.reached // { drvPath = "/no/derivation.drv"; }; };
  argument = final.callPackage (
    { stdenv, own ? stdenv.mkDerivation { pname = "own"; version = "1"; } }:
    stdenv.mkDerivation { pname = "argument"; version = "1"; uses = own; }
  ) { };
  beside = final.callPackage (
    { stdenv, part ? null, own ? part }:
    let middle = stdenv.mkDerivation { pname = "middle"; version = "1"; uses = own; };
    in stdenv.mkDerivation { pname = "beside"; version = "1"; uses = [ middle part ]; }
  ) { };
"""
PART = ("passthru", "part")


def tree(root: Path, packages: str) -> Path:
    """Return a tree in which a set of packages has these as well."""
    nixpkgs = copied(root)
    nixpkgs.add(packages)
    return nixpkgs.root


def asked(before: Path, after: Path, package: str, **more: object) -> Derivations:
    (answer,) = ask(before, after, SYSTEM, [LiftQuestion(package=package, **more)])  # type: ignore[arg-type]
    return answer


def test_only_a_replacement_that_arrives_and_leaves_nothing_works(
    tmp_path: Path,
) -> None:
    root = tree(tmp_path / "nixpkgs", PACKAGES)
    expected: dict[str, tuple[Effect, tuple[str, ...]]] = {
        "reached": (Effect.WORKS, ()),
        "unreached": (Effect.INEFFECTIVE, ()),
        "elsewhere": (Effect.INEFFECTIVE, ()),
        "halved": (Effect.PARTLY, ("app-1", "around-1", "part-1")),
        "picky": (Effect.UNKNOWN, ()),
        "unread": (Effect.INEFFECTIVE, ()),
        "asking": (Effect.WORKS, ()),
        "fixed": (Effect.WORKS, ()),
        "worded": (Effect.WORKS, ()),
        "strange": (Effect.UNKNOWN, ()),
        "argument": (Effect.WORKS, ()),
        "beside": (Effect.PARTLY, ("beside-1",)),
    }
    methods = dict.fromkeys(expected, PART) | dict.fromkeys(
        ("argument", "beside"), ("override", "own")
    )
    questions = [
        LiftQuestion(
            package=name,
            methods={"method": methods[name], "none": ("none",)},
            shown=(("passthru", "tests"),),
        )
        for name in expected
    ]
    answers = dict(zip(expected, ask(root, root, SYSTEM, questions), strict=True))
    both: dict[str, ChangedMethod] = {
        name: answer.methods["method"] for name, answer in answers.items()
    }
    assert {
        name: (method.before.effect, method.before.way) for name, method in both.items()
    } == expected
    assert {
        name: (method.after.effect, method.after.way) for name, method in both.items()
    } == expected
    assert {name for name, method in both.items() if method.after.has_effect} == {
        "reached",
        "elsewhere",
        "asking",
        "fixed",
        "worded",
        "argument",
    }
    for answer in answers.values():
        absent = answer.methods["none"].after
        assert (absent.there, absent.named, absent.effect, absent.has_effect) == (
            False,
            False,
            Effect.NONE,
            False,
        )


class TestEnd:
    """A package that ends Nix: as a function, at a limit, by another attribute, before the change as well."""

    def test_a_function_that_a_builder_does_not_take_is_told(
        self, tmp_path: Path
    ) -> None:
        trees: list[Path] = []
        for name, argument in (
            ("before", "{ pname = ''app''; version = ''1''; }"),
            ("after", "(own: { })"),
        ):
            root = tree(
                tmp_path / name,
                "  app = import ./app.nix (a: final.stdenv.mkDerivation (a // { x = "
                "1; }));\n",
            )
            (root / "pkgs/top-level/app.nix").write_text(f"build: build {argument}\n")
            trees.append(root)
        answer = asked(trees[0], trees[1], "app")
        assert "expected a set but found a function" in (answer.error or "")
        assert (answer.limited, answer.methods) == (False, {})

    def test_a_limit_is_that_of_the_change_only_if_the_unchanged_package_stays_below_it(
        self, tmp_path: Path
    ) -> None:
        before = tree(tmp_path / "before", PACKAGES + "  slow = final.reached;\n")
        text = (
            "  slow = let f = n: if n == 0 then 0 else f (n - 1) + f (n - 1); in "
            "assert f 60 == 0; final.reached;\n"
        )
        after = tree(tmp_path / "after", PACKAGES + text)
        with limits.allowing(1.0, None):
            answer = asked(before, after, "slow")
            both = asked(after, after, "slow")
        assert answer.limited
        assert "raise the limit with --timeout" in (answer.error or "")
        assert both.limited

    def test_other_attributes_that_end_nix_are_left_out(self, tmp_path: Path) -> None:
        more = (
            "  loud = final.app { uses = own: own.passthru.part; passthru = _: { "
            "tests = let x = x; in x; }; };\n"
        )
        root = tree(tmp_path / "nixpkgs", PACKAGES + more)
        other = tree(tmp_path / "other", PACKAGES + more)
        shown = (("passthru", "tests"),)
        answer = asked(root, other, "loud", methods={"part": PART}, shown=shown)
        assert answer.error is None
        assert answer.before == answer.after is not None
        assert answer.methods["part"].after.effect is Effect.WORKS

    def test_an_override_that_ends_nix_is_no_fault_of_the_package_before(
        self, tmp_path: Path
    ) -> None:
        more = (
            "  knot = final.app { uses = own: if own.passthru.part == final.part "
            "then 1 else let x = x; in x; };\n"
        )
        trees = [tree(tmp_path / name, PACKAGES + more) for name in ("before", "after")]
        answer = asked(trees[0], trees[1], "knot", methods={"part": PART})
        assert "infinite recursion" in (answer.error or "")


@pytest.mark.parametrize("package", ["gone", "a.b"])
def test_what_is_nowhere_has_no_derivation(tmp_path: Path, package: str) -> None:
    root = tree(tmp_path / "nixpkgs", "")
    assert asked(root, root, package, methods={"part": PART}) == Derivations(methods={})
