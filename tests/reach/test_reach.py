import json
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from msgspec import Struct

from tests.reach.conftest import NIXPKGS, Apart, left, statuses
from toolkit import process
from toolkit.asking.session import EvaluationError
from toolkit.errors import ToolkitError
from toolkit.model import SourceRequest
from toolkit.nix import stores
from toolkit.nix.derivations import digest
from toolkit.reach.effects import Outcome, Reach

NEW = 'fetch { name = "new"; hash = hash "c"; }'


class Row(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An override, and what is said of it."""

    text: str
    statuses: dict[str, str]
    stays: str | None = None
    reason: str = ""
    instead: str | None = None
    closest: str | None = None


class Files(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Files that have overlays, and what is said of what these set."""

    files: dict[str, str]
    statuses: dict[str, str]


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    overrides: list[Row]
    files: list[Files]


TABLE = msgspec.toml.decode(
    Path(__file__).with_name("overlays.toml").read_bytes(), type=Table
)
OVERRIDES = frozenset(row.text for row in TABLE.overrides)
"""The overrides that are given one by one."""


def test_of_each_override_it_is_said_what_it_reaches(apart: Apart) -> None:
    found = apart(OVERRIDES)
    for row in TABLE.overrides:
        first, *_ = answers = found[row.text]
        assert {
            each.attribute: each.status.value for each in answers
        } == row.statuses, row.text
        assert row.stays in {None, *left(first)}, row.text
        assert row.reason in (first.reason or ""), row.text
        assert row.instead is None or (first.instead or "") == row.instead, row.text
        assert row.closest in {None, first.closest}, row.text


@pytest.mark.parametrize("row", TABLE.files, ids=range(len(TABLE.files)))
def test_each_form_of_a_file_is_read(reached: Callable[..., Reach], row: Files) -> None:
    assert statuses(reached(row.files)) == row.statuses


def test_an_override_of_what_is_addressed_by_its_content_reaches(
    reached: Callable[..., Reach], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIX_CONFIG", "extra-experimental-features = ca-derivations")
    by_content = '__contentAddressed = true; outputHashMode = "recursive"; outputHashAlgo = "sha256";'
    files = {
        "1.nix": f"final: prev: {{ tool = prev.tool.overrideAttrs {{ {by_content} }}; "
        f"}}",
        "2.nix": "final: prev: { tool = prev.tool.overrideAttrs { doCheck = true; }; }",
    }
    assert [each.status for each in reached(files).overrides] == [
        Outcome.REACHES,
        Outcome.REACHES,
    ]


@pytest.mark.parametrize(
    ("text", "other"),
    [
        (
            "self: super: { app = super.app.overrideAttrs (o: { doCheck = false; }); }",
            "super.app",
        ),
        (
            "_final: old: { app = old.app.overrideAttrs (o: { doCheck = false; }); }",
            "old.app",
        ),
        (
            (
                "{ one = inputs: final: before: { app = before.app.overrideAttrs (o: { "
                "doCheck = false; }); }; }"
            ),
            "before.app",
        ),
    ],
)
def test_another_way_has_the_users_names(
    reached: Callable[..., Reach], text: str, other: str
) -> None:
    (found,) = reached({"overlay.nix": text}).overrides
    assert (
        found.instead == f"app = {other}.overridePythonAttrs (old: {{ doCheck = …; }});"
    )


def test_what_other_overrides_give_as_well_has_no_effect(
    reached: Callable[..., Reach],
) -> None:
    found = reached(
        "tool = prev.spare; plain = prev.plain.override { tool = final.tool; };"
    ).overrides
    assert {each.attribute: each.reason for each in found} == {
        "plain": "your other overrides already give this value, so you can remove the override",
        "tool": None,
    }


def test_of_a_misspelt_name_nothing_else_is_said(reached: Callable[..., Reach]) -> None:
    (found,) = reached(
        'tool = prev.tool.overrideAttrs { postInstal = "true"; };'
    ).overrides
    assert [each.why.partition("; ")[2] for each in found.left] == [
        "did you mean 'postInstall'?"
    ]
    assert (found.status, found.reason, found.instead, found.closest) == (
        Outcome.IN_PART,
        None,
        None,
        None,
    )


def test_the_way_leads_to_what_stays(reached: Callable[..., Reach]) -> None:
    (override,) = reached(
        f"vendored = with prev; vendored.overrideAttrs {{ src = {NEW}; }};"
    ).overrides
    ways = {each.name: each.way for each in override.left}
    staging = "vendored-1.0.0-vendor-staging"
    assert ways[staging] == ("vendored-1.0.0", "vendored-1.0.0-vendor", staging)


def test_of_a_variable_that_nobody_defines_no_attribute_is_known(
    reached: Callable[..., Reach],
) -> None:
    # Nix looks for variables before it evaluates.
    found = reached("plain = prev.plain.overrideAttrs { src = nowhere; };")
    assert statuses(found) == {"": "does not evaluate"}
    assert "undefined variable 'nowhere'" in (found.overrides[0].reason or "")


def test_what_nix_refuses_by_itself_is_said(reached: Callable[..., Reach]) -> None:
    text = "final: prev: { risky = prev.risky.overrideAttrs { a = 1; }; }"
    (override,) = reached({"overlay.nix": text}).overrides
    assert override.status is Outcome.REACHES
    assert (
        override.reason
        == "with NIXPKGS_ALLOW_INSECURE=1: Nix refuses packages that are insecure"
    )
    permitted = (
        f"{{ nixpkgs = {{ config.allowInsecurePredicate = _: true; overlays "
        f"= [ ({text}) ]; }}; }}"
    )
    (override,) = reached(
        {"configuration.nix": permitted}, "configuration.nix"
    ).overrides
    assert (override.status, override.reason) == (Outcome.REACHES, None)


def test_a_function_in_place_of_a_package_is_told(
    reached: Callable[..., Reach],
) -> None:
    (override,) = reached("plain = { tool }: tool;").overrides
    assert (override.status, override.reason) == (
        Outcome.UNKNOWN,
        "is a function, not a package",
    )


def test_overlays_are_judged_in_turn(reached: Callable[..., Reach]) -> None:
    files = {
        "overlays/a.nix": "final: prev: { plain = prev.plain.override { withColour = "
        "true; }; }",
        "overlays/b/default.nix": "self: super: { plain = super.plain.override { "
        "withColour = true; }; }",
        "overlays/notes.txt": "",
    }
    found = reached(files, "overlays")
    assert [(each.attribute, each.status.value) for each in found.overrides] == [
        ("plain", "reaches"),
        ("plain", "no effect"),
    ]
    assert [
        (each.file or "").rpartition("overlays/")[2] for each in found.overrides
    ] == ["a.nix", "b/default.nix"]


def test_an_interpreter_may_not_be_that_of_the_scope(
    reached: Callable[..., Reach],
) -> None:
    extension = "_: super: { base = super.base.overrideAttrs { a = 1; }; }"
    found = reached(
        f"python3 = prev.python3.override {{ packageOverrides = {extension}; }};"
    )
    assert statuses(found) == {"python3.pkgs.base": "in part"}
    assert left(found.overrides[0]) == ["python3Packages.base"]


def test_another_name_that_the_same_line_overrides_is_not_without_it(
    reached: Callable[..., Reach],
) -> None:
    text = """let
        more = self: super: { base = super.base.overrideAttrs (old: { count = old.count or "" + "1"; }); };
      in
      [
        (final: prev: { python313 = prev.python313.override { packageOverrides = more; }; })
        (final: prev: { python3Packages = prev.python3Packages // more { } prev.python3Packages; })
      ]"""
    found = reached({"overlays.nix": text}).overrides
    assert [(each.attribute, each.status, each.left) for each in found] == [
        ("python313.pkgs.base", Outcome.REACHES, ()),
        ("python3Packages.base", Outcome.REACHES, ()),
    ]


def test_a_line_is_that_of_the_attribute(
    reached: Callable[..., Reach], tmp_path: object
) -> None:
    (override,) = reached(
        {"overlay.nix": "final: prev:\n{\n\n  plain = prev.tool;\n}\n"}
    ).overrides
    assert (override.file, override.line) == (f"{tmp_path}/overlay.nix", 4)


def test_of_very_many_packages_the_first_are_judged(
    reached: Callable[..., Reach],
) -> None:
    many = 'shelf = prev.lib.genAttrs (map (n: "a${toString n}") (prev.lib.range 100 139)) (name: %s);'
    (override,) = reached(
        many % "prev.shelf.${name}.overrideAttrs { a = 1; }"
    ).overrides
    assert (override.status, override.reason) == (
        Outcome.REACHES,
        "32 of its 40 packages that differ were compared",
    )
    (override,) = reached(
        many % 'prev.shelf.${name}.overrideAttrs { version = "2.0.0"; }'
    ).overrides
    assert (override.status, left(override)) == (Outcome.IN_PART, ["src"])


def test_only_what_is_asked_for(reached: Callable[..., Reach]) -> None:
    text = "plain = prev.tool; tool = throw ''no''; "
    assert statuses(reached(text, only=("plain",))) == {"plain": "reaches"}


def test_the_users_own_overlays_need_no_name(
    reached: Callable[..., Reach], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with pytest.raises(ToolkitError, match="contains no overlays"):
        reached({}, "")
    files = {
        "nixpkgs/config.nix": "{ packageOverrides = pkgs: { tool = pkgs.tool; }; }",
        "nixpkgs/overlays/a.nix": "final: prev: { plain = prev.plain.override { "
        "withColour = true; }; }",
    }
    assert statuses(reached(files, "")) == {"plain": "reaches", "tool": "no effect"}


def test_a_configuration_that_does_not_evaluate_is_read_alone(
    reached: Callable[..., Reach],
) -> None:
    text = (
        "{ config, ... }: { imports = [ ./none.nix ]; nixpkgs.overlays = [ (_: "
        "prev: { plain = prev.tool; }) ]; }"
    )
    found = reached({"configuration.nix": text})
    assert statuses(found) == {"plain": "reaches"}
    assert len(found.warnings) == 1


def test_what_an_overlay_asks_for_may_not_be_there(
    reached: Callable[..., Reach],
) -> None:
    found = reached(
        {"default.nix": "{ inputs, ... }: final: prev: { plain = inputs.other.plain; }"}
    )
    assert [each.status for each in found.overrides] == [Outcome.UNKNOWN]
    assert "'inputs'" in (found.overrides[0].reason or "")
    assert found.exit_code == 3
    found = reached(
        {
            "default.nix": "channels: final: prev: { inherit (channels.latest) plain; "
            "own = prev.tool; }"
        }
    )
    assert statuses(found) == {"plain": "unknown", "own": "new"}


@pytest.mark.parametrize(
    ("reason", "is_there"),
    [
        (
            (
                "Cannot find Git revision 'a1' in ref 'master' of repository "
                "'https://example.org/a'!"
            ),
            False,
        ),
        (
            (
                "unable to download 'https://example.org/a.tar.gz': Could not resolve "
                "hostname"
            ),
            False,
        ),
        ("attribute 'plain' missing", True),
    ],
)
def test_what_cannot_be_had_is_not_the_overrides_fault(
    reason: str,
    is_there: bool,  # noqa: FBT001 - a case
) -> None:
    assert EvaluationError(reason, "").is_absent is not is_there


def test_a_flake_has_overlays(reached: Callable[..., Reach]) -> None:
    text = """{ outputs = { self, nixpkgs, other }: { overlays = {
      default = final: prev: { plain = prev.tool; };
      more = final: prev: { tool = other.tool; };
      none = { }.none;
    }; }; }"""
    found = reached({"flake/flake.nix": text}, "flake")
    # What Nix cannot catch is said of the overlay that it comes from.
    assert statuses(found) == {
        "overlays.none": "does not evaluate",
        "plain": "reaches",
        "tool": "unknown",
    }
    assert "'other'" in (found.overrides[2].reason or "")


def test_a_flake_has_configurations(reached: Callable[..., Reach]) -> None:
    text = """{ outputs = { self, nixpkgs }: { nixosConfigurations = {
      here.extendModules = { modules }: { config.nixpkgs = {
        config.packageOverrides = pkgs: { tool = pkgs.spare; };
        hostPlatform.system = "aarch64-linux";
        overlays = [ (final: prev: { plain = prev.tool; }) { }.none ];
      }; };
      lost = { }.lost;
    }; }; }"""
    found = reached({"flake/flake.nix": text}, "flake", systems=())
    lost = found.overrides[-1]
    assert (lost.attribute, lost.status) == ("nixosConfigurations.lost", Outcome.FAILS)
    assert [
        (each.attribute, each.status.value, each.system)
        for each in found.overrides[:-1]
    ] == [
        ("nixpkgs.overlays[1]", "does not evaluate", "aarch64-linux"),
        ("tool", "reaches", "aarch64-linux"),
        ("plain", "reaches", "aarch64-linux"),
    ]


def test_an_overlay_is_shown_again_only_if_a_configuration_does_something_else_with_it(
    reached: Callable[..., Reach],
) -> None:
    text = """{ outputs = { self, nixpkgs }:
      let
        host = overlays: {
          _module.args.modules = [ ];
          extendModules = _: { config.nixpkgs = { config = { }; inherit overlays; }; };
        };
        later = final: prev: { tool = prev.spare; };
      in {
        overlays.default = final: prev: { tool = prev.tool.overrideAttrs { doCheck = true; }; };
        nixosConfigurations.other = host [ self.overlays.default later ];
        nixosConfigurations.same = host [ self.overlays.default ];
      }; }"""
    found = reached({"flake/flake.nix": text}, "flake").overrides
    assert [
        (each.status.value, (each.reason or "").partition(" (")[0]) for each in found
    ] == [
        ("reaches", ""),
        ("no effect", "in nixosConfigurations.other: replaced by overlay 2"),
        ("reaches", ""),
    ]


@pytest.mark.parametrize("kind", ["homeConfigurations", "darwinConfigurations"])
def test_a_flake_has_configurations_of_other_kinds(
    reached: Callable[..., Reach], kind: str
) -> None:
    overlay = "(final: prev: { plain = prev.tool; })"
    text = f"""{{ outputs = {{ self, nixpkgs }}: {{ {kind}."me@here".pkgs =
      import nixpkgs {{ localSystem.system = "x86_64-linux"; overlays = [ {overlay} ]; }}; }}; }}"""
    assert statuses(reached({"flake/flake.nix": text}, "flake")) == {"plain": "reaches"}


def test_a_flake_without_a_lock_names_it(reached: Callable[..., Reach]) -> None:
    text = (
        "{ outputs = { self, nixpkgs, other }: { overlays.default = final: prev: "
        "{ tool = other.tool; }; }; }"
    )
    (override,) = reached({"flake/flake.nix": text}, "flake").overrides
    assert override.status is Outcome.UNKNOWN
    assert override.reason == (
        "input 'other' is not locked, since there is no flake.lock: 'nix flake lock' "
        "writes it"
    )


def test_a_flake_without_a_lock_and_without_a_nixpkgs_names_both(
    reached: Callable[..., Reach], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIX_PATH", "")
    with pytest.raises(
        ToolkitError, match=r"flake\.nix has no flake\.lock beside it, and <nixpkgs>"
    ) as caught:
        reached(
            {"flake/flake.nix": "{ outputs = _: { }; }"},
            "flake",
            source=SourceRequest(),
        )
    assert (
        caught.value.hint == "'nix flake lock' writes one; or add --nixpkgs DIRECTORY"
    )


def test_other_names_of_a_package_follow_or_stay(reached: Callable[..., Reach]) -> None:
    found = reached(
        "store_2 = prev.store_2.overrideAttrs { a = 1; }; linux_6 = "
        "prev.linux_6.overrideAttrs { a = 1; };"
    )
    assert [
        (each.attribute, each.status.value, each.reason, left(each))
        for each in found.overrides
    ] == [
        (
            "linux_6",
            "in part",
            None,
            ["linuxPackages_6.kernel"],
        ),
        ("store_2", "reaches", "store follows", []),
    ]
    assert (
        found.overrides[0].instead
        == "# beside it:\nlinuxPackages_6 = final.linuxPackagesFor final.linux_6;"
    )


def test_a_strangers_overlay_answers_for_nobody(reached: Callable[..., Reach]) -> None:
    honest = 'final: prev: { f = %s"1"; g = 1; }'
    said = 'builtins.trace "@end" (builtins.trace "@[1,2]" "1") + '
    found, wanted = (
        reached({"overlay.nix": honest % each}, sealed=True) for each in (said, "")
    )
    assert [(each.attribute, each.status) for each in found.overrides] == [
        (each.attribute, each.status) for each in wanted.overrides
    ]


def test_a_strangers_overlay_reads_nothing_else(reached: Callable[..., Reach]) -> None:
    text = (
        "final: prev: { plain = builtins.seq (builtins.readFile /etc/passwd) "
        "prev.tool; tool = prev.editor; }"
    )
    found = reached({"overlay.nix": text}, sealed=True)
    assert statuses(found) == {"plain": "does not evaluate", "tool": "reaches"}
    assert "forbidden" in (found.overrides[0].reason or "")


@pytest.mark.parametrize(
    ("locked", "fact"),
    [
        (
            {"type": "git", "url": "https://127.0.0.1:1/x", "rev": "1" * 40},
            "is not in the cache",
        ),
        (
            {"type": "path", "path": str(NIXPKGS)},
            "input 'nixpkgs' has no hash that pins its content",
        ),
        (
            {"type": "tarball", "url": "https://127.0.0.1:1/nixexprs.tar.xz"},
            "input 'nixpkgs' has no hash that pins its content",
        ),
        (
            {"type": "path", "path": "/", "narHash": "sha256-" + "A" * 43 + "="},
            "input 'nixpkgs' has no hash",
        ),
    ],
)
def test_a_strangers_lock_is_not_followed(
    reached: Callable[..., Reach], locked: dict[str, str], fact: str
) -> None:
    nodes = {"root": {"inputs": {"nixpkgs": "n"}}, "n": {"locked": locked}}
    files = {
        "flake.nix": "{ outputs = _: { overlays.default = final: prev: { tool = "
        "prev.editor; }; }; }",
        "flake.lock": json.dumps({"version": 7, "root": "root", "nodes": nodes}),
    }
    with pytest.raises(ToolkitError, match=fact) as caught:
        reached(files, "flake.nix", sealed=True, source=SourceRequest())
    assert caught.value.hint == "--sealed forbids downloads: add --nixpkgs DIRECTORY"
    assert statuses(reached(files, "flake.nix", sealed=True)) == {"tool": "reaches"}


def test_a_nixpkgs_that_a_strangers_lock_pins_by_content_comes_from_the_store(
    reached: Callable[..., Reach], tmp_path: Path
) -> None:
    tree = shutil.copytree(NIXPKGS, tmp_path / "source")
    stored = process.run(
        ("nix-store", "--add", str(tree)), env=stores.environment()
    ).text
    hashed = process.run(("nix-hash", "--type", "sha256", "--sri", str(tree))).text
    nodes = {
        "root": {"inputs": {"nixpkgs": "n"}},
        "n": {"locked": {"type": "path", "path": "/", "narHash": hashed}},
    }
    files = {
        "flake.nix": "{ outputs = _: { overlays.default = final: prev: { tool = "
        "prev.editor; }; }; }",
        "flake.lock": json.dumps({"version": 7, "root": "root", "nodes": nodes}),
    }
    found = reached(files, "flake.nix", sealed=True, source=SourceRequest())
    assert found.nixpkgs == str(stores.physical(Path(stored)))
    assert statuses(found) == {"tool": "reaches"}


def test_digests_are_the_same_in_all_forms() -> None:
    assert {
        digest("sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="),
        digest("sha256:1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s"),
        digest("1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s"),
    } == {"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}
    assert digest("v1.2.3") is None
