"""The examples of docs/nixos.md in a real NixOS: what each evaluates to, and whether it has its security wrappers."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import Struct

from tests.overlays.conftest import Json
from tests.trees import trees
from toolkit import documents
from toolkit.docker.module import FILE as MODULE
from toolkit.docker.rewrite import nixos
from toolkit.docker.steps import plan
from toolkit.errors import CommandError
from toolkit.nix import evaluator

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DOCUMENT = ROOT / "docs/nixos.md"

EXAMPLES = {
    found[1]: found[0]
    for found in re.finditer(
        r"(?<=^```nix\n)# (\S+)\n.*?(?=^```$)",
        DOCUMENT.read_text(),
        re.MULTILINE | re.DOTALL,
    )
}
MODULES = sorted(EXAMPLES.keys() - {"flake.nix"})

# Beside the examples: what keeps a wrapper from being made or used.
OTHERS = {
    "plain.nix": "{ virtualisation.docker.rootless.enable = true; }",
    "alice.nix": "{ users.users.alice.isNormalUser = true; }",
    "no-wrappers.nix": "{ security.enableWrappers = false; }",
    "no-new-privileges.nix": "{ systemd.user.services.docker.serviceConfig.NoNewPrivileges = true; "
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    ""
    "}",
    "missing-group.nix": '{ lib, ... }: { security.wrappers.docker-rootlesskit.group = lib.mkForce "nobodys"; }',
    "twice.nix": '{ security.wrappers.docker-rootlesskit.capabilities = "cap_net_bind_service+ep"; }',
    "proposed.nix": '{ disabledModules = [ "virtualisation/docker-rootless.nix" ]; imports = [ ./rewritten.nix ]; }',
}
COMBINED = {
    "wrapper and ports": ("wrapper.nix", "ports.nix"),
    "wrapper and group": ("wrapper.nix", "group.nix"),
    "wrapper and upstream": ("wrapper.nix", "upstream.nix"),
    "ports and upstream": ("ports.nix", "upstream.nix"),
    "group and upstream": ("group.nix", "upstream.nix"),
    "rewrap and upstream": ("rewrap.nix", "upstream.nix"),
    "printed for rewrap": ("printed-rewrap.nix",),
    "printed for patched": ("printed-patched.nix",),
}
STOPPED = {
    "route and upstream": ("route.nix", "upstream.nix"),
    "ports without wrappers": ("ports.nix", "no-wrappers.nix"),
    "ports without new privileges": ("ports.nix", "no-new-privileges.nix"),
}
UNMADE = {
    "wrapper for a missing group": ("wrapper.nix", "missing-group.nix"),
    "wrapper twice": ("wrapper.nix", "twice.nix"),
}


class System(Struct, frozen=True, kw_only=True):
    """A tree, and what a real NixOS of it makes of each configuration."""

    tree: Path
    answers: dict[str, Json]

    def of(self, case: str) -> Json:
        return self.answers[case]


def lay_out(directory: Path, tree: Path) -> None:
    """Write the examples and what they refer to, as the document's commands do."""
    for name, text in (EXAMPLES | OTHERS).items():
        (directory / name).write_text(text)
    (directory / "unlet").symlink_to(ROOT)
    (directory / "fix.patch").write_text("")
    module = (tree / MODULE).read_text()
    (directory / "rewritten.nix").write_text(
        nixos.add_option(
            module,
            name=str(MODULE),
            option=plan().module.option,
            description=plan().module.description,
        )
    )
    for kind, out in (("rewrap", "overlay"), ("patched", "patched")):
        done = unlet(
            "overlay",
            "--nixpkgs",
            str(tree),
            "--kind",
            kind,
            "--out",
            str(directory / out),
        )
        assert done.returncode == 0, done.stderr
        *_, overlay, wrapper = re.findall(
            r"^(?:on NixOS|with the wrapper) +(.*)$", done.stdout, re.MULTILINE
        )
        settings = "virtualisation.docker.rootless.enable = true;"
        (directory / f"printed-{kind}.nix").write_text(
            f"{{ pkgs, ... }}: {{ {overlay} {wrapper} {settings} }}"
        )


def unlet(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "toolkit", *arguments],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.fixture(scope="session", params=trees(having=str(MODULE)))
def system(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> System:
    tree: Path = request.param
    directory = tmp_path_factory.mktemp(tree.name)
    lay_out(directory, tree)
    cases = (
        {name: (name,) for name in ("plain.nix", *MODULES)}
        | COMBINED
        | STOPPED
        | UNMADE
    )
    paths = {
        case: [
            str(directory / name)
            for name in (
                *names,
                "alice.nix",
                *(("proposed.nix",) if "upstream.nix" in names else ()),
            )
        ]
        for case, names in cases.items()
    }
    answer = evaluator.evaluate(
        HERE / "nixos.nix", {"tree": str(tree), "cases": json.dumps(paths)}
    )
    return System(
        tree=tree,
        answers=documents.convert(answer, dict[str, Json], document="nixos.nix"),
    )


@pytest.fixture
def make_wrappers(tmp_path: Path) -> Callable[[Json], subprocess.CompletedProcess[str]]:
    """Return what runs a system's own script beside stand-ins for the programs that would have to be built."""

    def run(answer: Json) -> subprocess.CompletedProcess[str]:
        stage = tmp_path / "stage"
        (stage / "etc").mkdir(parents=True)
        (stage / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\n")
        # The namespace of an ordinary user has one group.
        (stage / "etc/group").write_text(
            "".join(f"{name}:x:0:\n" for name in answer["groups"])
        )
        (stage / "etc/nsswitch.conf").write_text("passwd: files\ngroup: files\n")
        script = answer["script"]
        (stage / "script").write_text(script)
        for path in set(re.findall(r"/nix/store/([^\s\"]+)", script)):
            program = stage / "store" / path
            program.parent.mkdir(parents=True, exist_ok=True)
            program.symlink_to(
                str(shutil.which("setcap" if program.name == "setcap" else "true"))
            )
        namespace = ["unshare", "--user", "--map-root-user", "--mount"]
        return subprocess.run(
            [*namespace, "bash", str(HERE / "suid-sgid.sh"), str(stage)],
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    return run


@pytest.mark.parametrize("case", [*MODULES, *COMBINED])
def test_every_security_wrapper_can_be_made(
    system: System,
    make_wrappers: Callable[[Json], subprocess.CompletedProcess[str]],
    case: str,
) -> None:
    answer = system.of(case)
    assert answer["failed"] == []
    done = make_wrappers(answer)
    assert done.returncode == 0, done.stderr
    made = {line.split()[1]: line.split()[::2] for line in done.stdout.splitlines()}
    assert {"sudo", "su", "newuidmap"} <= made.keys()
    for name in answer["wrappers"]:
        group = answer["wrappers"][name]["group"]
        mode, capabilities = made[name]
        assert mode == ("511" if group == "root" else "510")
        assert set(capabilities.removesuffix("=ep").split(",")) == {
            "cap_net_bind_service",
            "cap_setpcap",
        }


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("wrapper for a missing group", "root:nobodys"),
        ("wrapper twice", "cap_net_bind_service+ep,cap_net_bind_service+ep"),
    ],
)
def test_wrapper_that_cannot_be_made_leaves_a_system_without_sudo(
    system: System,
    make_wrappers: Callable[[Json], subprocess.CompletedProcess[str]],
    case: str,
    said: str,
) -> None:
    done = make_wrappers(system.of(case))
    assert done.returncode == 1
    assert "sudo" not in done.stdout
    assert said in done.stdout + done.stderr


def wrappers(system: System, case: str) -> dict[str, str]:
    """Return the group of each security wrapper for rootlesskit."""
    found = system.of(case)["wrappers"]
    return {name: found[name]["group"] for name in found}


WRAPPERS: dict[str, dict[str, str]] = {
    "plain.nix": {},
    "sysctl.nix": {},
    "own-moby.nix": {},
    "wrapper.nix": {"docker-rootlesskit": "root"},
    "ports.nix": {"docker-rootlesskit": "root"},
    "group.nix": {"docker-rootlesskit": "docker-rootless"},
    "route.nix": {"rootlesskit": "root"},
    "rewrap.nix": {"rootlesskit": "root"},
    "patched.nix": {"rootlesskit": "root"},
    "upstream.nix": {"docker-rootlesskit": "root"},
    "wrapper and group": {"docker-rootlesskit": "docker-rootless"},
    "group and upstream": {"docker-rootlesskit": "docker-rootless"},
    "rewrap and upstream": {"docker-rootlesskit": "root", "rootlesskit": "root"},
}


def test_wrapper_has_the_name_and_group_that_the_document_says(system: System) -> None:
    assert {case: wrappers(system, case) for case in WRAPPERS} == WRAPPERS
    assert "docker-rootless" in system.of("group.nix")["groups"]
    assert "docker-rootless" not in system.of("plain.nix")["groups"]
    assert set(MODULES) <= set(system.answers)
    assert (
        len(MODULES)
        == len(re.findall(r"^```nix$", DOCUMENT.read_text(), re.MULTILINE)) - 1
    )


def test_service_starts_the_docker_and_only_what_the_document_says_is_compiled(
    system: System,
) -> None:
    plain = system.of("plain.nix")
    changed = {"route.nix": (False, True), "rewrap.nix": (False, True)}
    changed |= dict.fromkeys(("patched.nix", "own-moby.nix"), (False, False))
    for case in MODULES:
        answer = system.of(case)
        assert answer["path"].split(":")[0] == "/run/wrappers/bin"
        assert re.match(
            r"/nix/store/\w{32}-docker-[\d.]+/bin/dockerd-rootless --config-file=",
            answer["start"],
        )
        assert (answer["start"] == plain["start"]) == (
            answer["docker"] == plain["docker"]
        )
        assert tuple(
            answer[name] == plain[name] for name in ("docker", "moby")
        ) == changed.get(case, (True, True))
    assert system.of("own-moby.nix")["moby"] != system.of("patched.nix")["moby"]


@pytest.mark.parametrize("kind", ["rewrap", "patched"])
def test_what_the_command_prints_is_what_the_document_shows(
    system: System, kind: str
) -> None:
    printed, shown = (
        [system.of(case)[name] for name in ("docker", "script")]
        for case in (f"printed for {kind}", f"{kind}.nix")
    )
    assert printed == shown


def test_what_has_no_effect_stops_the_build_and_warnings_are_those_of_every_system(
    system: System,
) -> None:
    for case, said in {
        "route and upstream": "which is the other route",
        "ports without wrappers": "has no effect without the security wrapper 'docker-rootlesskit'",
        "ports without new privileges": "serviceConfig: NoNewPrivileges.",
    }.items():
        (message,) = system.of(case)["failed"]
        assert said in " ".join(message.split())
    expected = set(system.of("plain.nix")["warnings"])
    of_module = {
        name for name in system.answers if set(system.of(name)["warnings"]) - expected
    }
    assert of_module == {
        "ports and upstream",
        "group and upstream",
        "route and upstream",
    }


def test_proposed_test_and_option_evaluate_in_the_tree(
    system: System, tmp_path: Path
) -> None:
    where = ["--nixpkgs", str(system.tree), "--out", str(tmp_path / "proposal")]
    done = unlet("propose", *where, "--only", "nixos-module")
    assert done.returncode == 0, done.stdout
    asked = ["--proof", "nixos-module-test", "--proof", "nixos-module"]
    done = unlet(
        "check",
        str(tmp_path / "proposal"),
        "--tier",
        "tree",
        "--system",
        "x86_64-linux",
        *asked,
    )
    assert done.returncode == 0, done.stdout
    passed = re.findall(
        r"^passed +(\S+) .*\((.*); [\d.]+ s\)$", done.stdout, re.MULTILINE
    )
    assert passed == [
        ("nixos-module", "docker off and on, each with the option off and on"),
        ("nixos-module-test", "nixosTests.docker-rootless, x86_64-linux"),
    ]


@pytest.mark.parametrize("tree", trees(lacking=str(MODULE)))
def test_tree_without_rootless_docker_says_so(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "unlet").symlink_to(ROOT)
    for name in ("wrapper.nix", "ports.nix"):
        (tmp_path / name).write_text(EXAMPLES[name])
        cases = json.dumps({name: [str(tmp_path / name)]})
        with pytest.raises(CommandError) as caught:
            evaluator.evaluate(HERE / "nixos.nix", {"tree": str(tree), "cases": cases})
        assert "virtualisation.docker.rootless" in caught.value.stderr
    done = unlet("overlay", "--nixpkgs", str(tree), "--out", str(tmp_path / "overlay"))
    assert (done.returncode, (tmp_path / "overlay").exists()) == (3, False)
    assert (
        "not in the PATH prefix of a dockerd-rootless wrapper (no wrapper)"
        in done.stderr
    )
