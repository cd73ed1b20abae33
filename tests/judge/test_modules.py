"""Changes of NixOS modules: options that they declare, machines that they make.

`machine/` has a small NixOS on top of the specimen. Several changes share a judgement.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.judge.edits import file_edits
from tests.judge.test_specimen import HERE, NATIVE, cache, shared
from toolkit import specimen
from toolkit.judge import JudgeRequest, judge
from toolkit.judge.differences import Judgement, Kind, Weight, exit_code
from toolkit.model import Silence, SourceRequest
from toolkit.report.judgement import lines
from toolkit.report.sentences import sentence
from toolkit.sources.changes import Change, ChangeStep
from toolkit.sources.trees import NixpkgsTree

__all__ = ["cache", "shared"]

BOARD = "nixos/modules/services/board.nix"
PINGER = "nixos/modules/programs/pinger.nix"
RELAY = "nixos/modules/services/relay.nix"
LIST = "nixos/modules/module-list.nix"
TESTS = "nixos/tests/all-tests.nix"

Replacements = Mapping[str, list[tuple[str, str]]]


@pytest.fixture(scope="module")
def nixos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tree with modules, and a test that reads one of them."""
    root = tmp_path_factory.mktemp("nixos") / "tree"
    shutil.copytree(specimen.path(), root)
    shutil.copytree(HERE / "machine", root, dirs_exist_ok=True)
    tests = (root / TESTS).read_text()
    row = "  board = runTest ./board.nix;\n  docker = runTest ./docker.nix;"
    (root / TESTS).write_text(tests.replace("  docker = runTest ./docker.nix;", row, 1))
    (root / "nixos/tests/board.nix").write_text(
        '{ name = "board"; nodes.machine.users.users.services.board = true; '
        'testScript = ""; }\n'
    )
    return root


def judgement_of(
    root: Path, replacements: Replacements, files: Mapping[str, str] | None = None
) -> Judgement:
    """Judge texts in place of others, and whole files."""
    texts: dict[str, str | None] = dict(files or {})
    for path, edits in replacements.items():
        text = (root / path).read_text()
        for old, new in edits:
            assert old in text
            text = text.replace(old, new)
        texts[path] = text
    change = Change(
        subject="x",
        origin="a tree",
        source=SourceRequest(),
        base=NixpkgsTree(root=root, key="machine"),
        steps=(ChangeStep(subject="x", edits=file_edits(root, texts)),),
    )
    return judge(change, JudgeRequest(systems=(NATIVE,)), progress=Silence())


def told(judgement: Judgement) -> set[tuple[str, str, str]]:
    return {
        (each.weight.value, each.attribute, sentence(each))
        for each in judgement.differences
    }


def without(option: str) -> tuple[str, str]:
    """Return the edit that renames an option that nothing else reads."""
    return f"    {option} = lib.mkOption", f"    new-{option} = lib.mkOption"


def imported(*modules: str) -> tuple[str, str]:
    return "imports = [ ]", f"imports = [ {' '.join(modules)} ]"


def named(option: str) -> str:
    return f'[ "services" "board" "{option}" ]'


def test_options_are_compared_as_the_manual_lists_them(nixos: Path) -> None:
    edits = [
        ("default = 8080", "default = 8081"),
        ('      "high"\n', ""),
        without("title"),
        without("owner"),
        without("limit"),
        imported(
            f"(moved.renamed {named('owner')} {named('new-owner')})",
            f'(moved.removed {named("limit")} "It shows all.")',
        ),
        ("colour = lib", "color = lib"),
        ('"Whether others reach it."', '"Who reaches it."; readOnly = true'),
    ]
    judgement = judgement_of(nixos, {BOARD: edits})
    options = {each for each in told(judgement) if each[1] != "services.board"}
    at = "services.board"
    gone = "the option was removed: a configuration that sets it no longer evaluates"
    assert options == {
        ("change", f"{at}.port", "its default has a different value"),
        ("regression", f"{at}.level", "its type accepts fewer values"),
        ("regression", f"{at}.title", gone),
        ("change", f"{at}.owner", "the option is now an alias of " + f"{at}.new-owner"),
        (
            "change",
            f"{at}.limit",
            f"Nix refuses the option: The option `{at}.limit' is gone: It shows all.",
        ),
        ("regression", f"{at}.style.colour", gone),
        ("note", f"{at}.openFirewall", "its description differs"),
        ("regression", f"{at}.openFirewall", "its readOnly has a different value"),
        *(
            ("note", f"{at}.{name}", "the option is new")
            for name in ("new-title", "new-owner", "new-limit", "style.color")
        ),
    }
    assert exit_code(judgement, None) == 1


def test_machine_with_the_module_on_is_compared(nixos: Path) -> None:
    switch = 'default = false;\n      description = "Whether others'
    judgement = judgement_of(
        nixos,
        {
            BOARD: [
                (switch, switch.replace("false", "true")),
                ("        NoNewPrivileges=true\n", ""),
                ("users.users.board.isSystemUser", "users.users.board.isNormalUser"),
            ],
            PINGER: [("cap_net_raw+p", "cap_net_raw,cap_net_admin+p")],
            RELAY: [("host=", "name=")],
        },
    )
    by = {
        each.cause.setting: each
        for each in judgement.differences
        if each.why and each.kind is Kind.CONFIGURATION
    }
    found = {
        setting: {reason.name: (reason.removed, reason.added) for reason in each.why}
        for setting, each in by.items()
    }
    assert found == {
        "services.board.enable = true": {
            'systemd.units."board.service"': (("NoNewPrivileges=true",), ()),
            "networking.firewall.allowedTCPPorts": ((), ("8080",)),
            "users.users.board": (("isSystemUser = true",), ("isNormalUser = true",)),
        },
        "programs.pinger.enable = true": {
            "security.wrappers.pinger": (
                ("capabilities = cap_net_raw+p",),
                ("capabilities = cap_net_raw,cap_net_admin+p",),
            )
        },
        "services.relay.enable = true": {
            'environment.etc."relay.conf"': (
                ("host=relay.example",),
                ("name=relay.example",),
            )
        },
    }
    opens = "with services.board.enable = true: the firewall opens TCP 8080"
    assert ("change", "services.board", opens) in {
        (weight, "services.board", text) for weight, _, text in told(judgement)
    }
    forbidden = [gap.reason for gap in judgement.not_covered]
    assert (
        "only its parts were compared: services.relay needs services.board" in forbidden
    )
    assert any("nixosTests.board" in gap.what for gap in judgement.not_covered)
    assert judgement.unknown == ()
    text = "\n".join(line.text for line in lines(judgement))
    assert 'systemd.units."board.service" − NoNewPrivileges=true' in text  # noqa: RUF001


def test_module_that_is_off_changes_nothing(nixos: Path) -> None:
    on = "config = lib.mkIf config.programs.pinger.enable {"
    forced = "config.networking.firewall.enable = lib.mkForce false;\n  "
    hostile = {
        PINGER: [
            (on, forced + on.replace("config = ", "config.environment = ")),
            ("    environment.systemPackages = ", "    systemPackages = "),
            ("    security.wrappers.pinger =", "    etc.pinger ="),
        ]
    }
    differs = "the machine is configured differently"
    assert ("regression", "programs.pinger.enable", differs) in {
        (weight, name or "programs.pinger.enable", text)
        for weight, name, text in told(judgement_of(nixos, hostile))
    }


def test_refactoring_and_a_new_module_that_is_off_are_the_same(nixos: Path) -> None:
    judgement = judgement_of(
        nixos,
        {
            RELAY: [
                ("config.services.board.enable;", "(config.services.board).enable;")
            ],
            LIST: [
                ("  ./services/relay.nix\n", "  ./services/relay.nix\n  ./new.nix\n")
            ],
        },
        {
            "nixos/modules/new.nix": "{ config, lib, types, ... }: { "
            "options.services.new.enable = lib.mkOption { type = types.bool; "
            "default = false; }; config.environment = lib.mkIf "
            'config.services.new.enable { etc.new.text = "new"; }; }\n'
        },
    )
    new = [each for each in judgement.differences if each.kind is Kind.CONFIGURATION]
    assert [each.why[0].added for each in new] == [("new",)]
    assert {each for each in told(judgement) if each[0] != "note"} == set()
    assert (judgement.unknown, exit_code(judgement, None)) == ((), 0)


def test_machine_that_is_forbidden_or_fails_now_is_a_regression(nixos: Path) -> None:
    assertion = 'assertions = [ { assertion = false; message = "never"; } ];\n    '
    edits = {
        BOARD: [("    users.users", f"    {assertion}users.users")],
        PINGER: [("pkgs.notes-server", "(pkgs.stdenv.mkDerivation { })")],
        LIST: [("  ./services/relay.nix\n", "")],
    }
    judgement = judgement_of(nixos, edits)
    failing = {
        each.cause.setting: str(each.after)
        for each in judgement.differences
        if each.kind is Kind.EVALUATION
    }
    assert failing["services.board.enable = true"] == "never"
    assert "programs.pinger.enable = true" in failing
    gone = {
        each.attribute
        for each in judgement.differences
        if each.kind is Kind.OPTION and each.weight is Weight.REGRESSION
    }
    assert gone == {f"services.relay.{name}" for name in ("enable", "host", "profiles")}


def test_file_that_no_machine_reads_is_imported_or_unknown(nixos: Path) -> None:
    profile = "nixos/modules/profiles/plain.nix"
    stray = "nixos/modules/services/stray.sh"
    edits = {profile: [('"plain', '"simple')]}
    judgement = judgement_of(nixos, edits, {stray: "echo\n"})
    assert [gap.what for gap in judgement.unknown] == [stray]
    setting, why = next(
        (each.cause.setting, each.why)
        for each in judgement.differences
        if each.kind is Kind.CONFIGURATION
    )
    assert setting == f"imports = [ {profile} ]"
    assert [(each.removed, each.added) for each in why] == [(("plain",), ("simple",))]
