"""A stranger's expression reaches little, whatever door the user's settings open."""

import json
import os
import re
import resource
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from msgspec import Struct

from toolkit import landlock, process
from toolkit.errors import CommandError, LimitError, ToolkitError
from toolkit.nix import evaluator, limits, program, stores
from toolkit.process import Command

pytestmark = pytest.mark.clock

Configure = Callable[[str], None]


def _by_variable(monkeypatch: pytest.MonkeyPatch, _: Path, line: str) -> None:
    monkeypatch.setenv("NIX_CONFIG", line)


def _by_user_file(_: pytest.MonkeyPatch, place: Path, line: str) -> None:
    file = Path(os.environ["XDG_CONFIG_HOME"]) / "nix/nix.conf"
    file.parent.mkdir(parents=True)
    file.write_text(f"{line}\n")
    assert place.is_dir()


def _by_named_file(monkeypatch: pytest.MonkeyPatch, place: Path, line: str) -> None:
    (place / "user.conf").write_text(f"{line}\n")
    monkeypatch.setenv("NIX_USER_CONF_FILES", str(place / "user.conf"))


def _by_machine(monkeypatch: pytest.MonkeyPatch, place: Path, line: str) -> None:
    (place / "nix.conf").write_text(f"{line}\n")
    monkeypatch.setenv("NIX_CONF_DIR", str(place))


@pytest.fixture(params=[_by_variable, _by_user_file, _by_named_file, _by_machine])
def configure(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Configure:
    """Return what gives the user's Nix a setting, in each way that Nix knows."""
    place = tmp_path / "configuration"
    place.mkdir()
    return partial(request.param, monkeypatch, place)


class Stranger(Struct, frozen=True):
    """Somebody's expression, in a directory of its own."""

    directory: Path

    def evaluate(self, expression: str) -> object:
        file = self.directory / "default.nix"
        file.write_text(expression)
        return evaluator.evaluate(file, {})

    def refusal(self, expression: str) -> str:
        """Evaluate sealed what must fail, and return what Nix says of it."""
        with limits.sealed(), pytest.raises(CommandError) as caught:
            self.evaluate(expression)
        return caught.value.stderr


@pytest.fixture
def stranger(tmp_path: Path) -> Stranger:
    (tmp_path / "stranger").mkdir()
    return Stranger(tmp_path / "stranger")


def test_flakes_of_the_user_reach_no_server(
    configure: Configure, stranger: Stranger, requests: tuple[str, list[str]]
) -> None:
    url, asked = requests
    configure("experimental-features = nix-command flakes")
    expression = f'builtins.getFlake "{url}/flake.tar.gz"'
    assert "getFlake" in stranger.refusal(expression)
    assert asked == []
    with pytest.raises(CommandError):
        stranger.evaluate(expression)
    assert asked != []


def test_fetchers_reach_no_server(
    configure: Configure, stranger: Stranger, requests: tuple[str, list[str]]
) -> None:
    url, asked = requests
    configure(f"allowed-uris = {url}/")
    for function in ("fetchurl", "fetchTarball", "fetchGit"):
        reason = stranger.refusal(
            f'builtins.readFile (builtins.{function} "{url}/secret")'
        )
        assert re.search(r"restricted mode|is forbidden", reason)
    assert asked == []


def test_search_path_of_the_user_reads_no_file(
    configure: Configure,
    stranger: Stranger,
    sealed: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (sealed / "secret").write_text("told")
    configure(f"nix-path = home={sealed}")
    expression = "builtins.readFile <home/secret>"
    assert "was not found in the Nix search path" in stranger.refusal(expression)
    assert stranger.evaluate(expression) == "told"
    monkeypatch.setenv("NIX_PATH", f"home={sealed}")
    assert "was not found in the Nix search path" in stranger.refusal(expression)


def test_native_code_of_the_user_runs_no_shell(
    configure: Configure, stranger: Stranger, tmp_path: Path
) -> None:
    configure("allow-unsafe-native-code-during-evaluation = true")
    expression = f'builtins.exec [ "sh" "-c" "echo ran >> {tmp_path}/ran; echo 1" ]'
    assert "'exec'" in stranger.refusal(expression)
    assert not (tmp_path / "ran").exists()
    assert stranger.evaluate(expression) == 1
    assert (tmp_path / "ran").read_text() == "ran\n"


def test_sealed_evaluation_reaches_no_path_that_needs_a_build(
    stranger: Stranger,
) -> None:
    derivation = 'derivation { name = "x"; system = builtins.currentSystem; builder = "/bin/sh"; }'
    assert "is not valid" in stranger.refusal(f"import ({derivation})")


def test_environment_is_empty_and_what_is_named_can_be_read(
    stranger: Stranger, sealed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "told")
    assert sealed.is_dir()
    (tmp_path / "named").mkdir()
    (tmp_path / "named/file").write_text("read")
    # A directory behind a link is in reach by either name.
    (tmp_path / "link").symlink_to(tmp_path / "named")
    with limits.sealed(tmp_path / "link"):
        assert (
            stranger.evaluate('builtins.getEnv "SECRET" + builtins.getEnv "HOME"') == ""
        )
        for way in ("link", "named"):
            assert (
                stranger.evaluate(f"builtins.readFile {tmp_path}/{way}/file") == "read"
            )


def test_path_with_an_equals_sign_is_in_reach(tmp_path: Path) -> None:
    for name in ("a=b", "a=c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("read")
    stranger = Stranger(tmp_path / "a=b")
    with limits.sealed(tmp_path / "a=c"):
        assert (
            stranger.evaluate(
                'builtins.readFile ./file + builtins.readFile (./. + "/../a=c/file")'
            )
            == "readread"
        )
    assert "restricted mode" in stranger.refusal(
        'builtins.readFile (./. + "/../a=c/file")'
    )


def test_evaluation_that_takes_too_much_is_ended(
    stranger: Stranger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SECONDS", 1.0)
    with limits.sealed(), pytest.raises(CommandError) as late:
        stranger.evaluate(
            "let f = n: if n == 0 then 0 else f (n - 1); in builtins.genList (_: f "
            "9000) 1000000"
        )
    assert program.reason(late.value) == "still running after 1 s"
    monkeypatch.setattr(limits, "SECONDS", 60.0)
    monkeypatch.setattr(limits, "MEMORY_MIB", 64)
    with limits.sealed(), pytest.raises(CommandError) as memory:
        stranger.evaluate(
            "builtins.deepSeq (builtins.genList (n: [ n (n + 1) (toString n) ]) "
            "3000000) 1"
        )
    assert program.reason(memory.value) == "out of memory"


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux limits the data of another process"
)
def test_memory_beside_the_heap_is_limited_too(
    stranger: Stranger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MEMORY_MIB", 512)
    # The keys are not on the heap; without a limit of theirs they come to 250 MiB
    # before the heap is full.
    monkeypatch.setattr(limits, "_BESIDE_MIB", 0)
    closure = (
        "builtins.genericClosure { startSet = [ { key = 0; } ]; operator = x: "
        "[ { key = x.key + 1; } ]; }"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    with limits.sealed(), pytest.raises(CommandError) as memory:
        stranger.evaluate(f"builtins.length ({closure})")
    assert program.reason(memory.value) == "out of memory"
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss <= max(
        before, 560 << 10
    )


def test_evaluations_that_have_a_common_time_end_with_it(stranger: Stranger) -> None:
    endless = (
        "let f = n: if n == 0 then 0 else f (n - 1); in builtins.genList (_: f "
        "9000) 1000000"
    )
    began = time.monotonic()
    for _ in range(2):
        with (
            limits.sealed(seconds=max(began + 1 - time.monotonic(), 0)),
            pytest.raises(CommandError) as caught,
        ):
            stranger.evaluate(endless)
        assert program.reason(caught.value).startswith("still running after ")
    assert time.monotonic() - began < 5


def test_evaluations_that_have_a_common_time_share_the_memory(
    stranger: Stranger,
) -> None:
    with limits.sealed(seconds=10):
        command = evaluator.evaluate_command(stranger.directory / "default.nix", {})
    assert command.turn is not None
    most = command.env["GC_MAXIMUM_HEAP_SIZE"]
    turns = 0
    while command.turn.acquire(blocking=False):
        turns += 1
    for _ in range(turns):
        command.turn.release()
    assert turns * int(most or 0) <= limits.MEMORY_MIB << 20


@pytest.mark.skipif(not landlock.abi(), reason="this kernel has no Landlock")
def test_second_wall_holds_where_the_first_is_off(
    stranger: Stranger, sealed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (sealed / "secret").write_text("told")
    expression = f"builtins.readFile {sealed}/secret"
    assert "restricted mode" in stranger.refusal(expression)
    # Without the restricted mode that our configuration asks for.
    settings = tmp_path / "settings"
    settings.mkdir()
    (settings / "nix.conf").write_text("")
    monkeypatch.setitem(vars(limits)["CONFIGURATION"], "NIX_CONF_DIR", str(settings))
    monkeypatch.setattr(limits, "SETTINGS", settings)
    assert "Permission denied" in stranger.refusal(expression)
    monkeypatch.setattr(landlock, "abi", lambda: 0)
    with limits.sealed():
        assert stranger.evaluate(expression) == "told"


@pytest.mark.parametrize("without", ["landlock", "settings"])
def test_git_directory_is_not_in_reach(
    stranger: Stranger, monkeypatch: pytest.MonkeyPatch, without: str
) -> None:
    if without == "landlock":
        monkeypatch.setattr(landlock, "abi", lambda: 0)
    else:
        monkeypatch.setattr(limits, "CONFIGURATION", {"HOME": "/homeless-shelter"})
    for place in ("", "below/inner"):
        (stranger.directory / place / ".git").mkdir(parents=True)
        (stranger.directory / place / ".git/config").write_text("told")
        (stranger.directory / place / "file").write_text("read")
    for name, target in (
        ("good", "below/inner/file"),
        ("out", "/etc/passwd"),
        ("git", ".git/config"),
        ("far", "good"),
    ):
        (stranger.directory / name).symlink_to(target)
    names = {"below", "default.nix", "file", "good"}
    if without == "settings":
        names |= {".git", "git", "out", "far"}
    with limits.sealed():
        read = "builtins.readFile ./below/inner/file + builtins.readFile ./good"
        assert stranger.evaluate(
            f"[ ({read}) (builtins.attrNames (builtins.readDir ./.)) ]"
        ) == [
            "readread",
            sorted(names),
        ]
    for path in (".git/config", "below/inner/.git/config", "git"):
        assert "told" not in stranger.refusal(f"builtins.readFile ./{path}")


def test_command_to_paste_is_sealed_as_well(
    tmp_path: Path, configure: Configure
) -> None:
    configure("allow-unsafe-native-code-during-evaluation = true")
    file = tmp_path / "default.nix"
    file.write_text("builtins ? exec")
    with limits.sealed():
        line = evaluator.evaluate_command(file, {}).line
    assert json.loads(process.run(["sh", "-c", line]).stdout) is False
    assert evaluator.evaluate(file, {}) is True


BUILDS = Path(__file__).with_name("builds.nix")


@pytest.fixture
def shell() -> dict[str, str]:
    return {"shell": evaluator.tools().shell}


@pytest.mark.parametrize("name", ["plain", "structured"])
def test_build_without_the_network_is_made(shell: dict[str, str], name: str) -> None:
    with limits.sealed():
        (built,) = evaluator.build(BUILDS, shell, [name])
    assert stores.physical(built).read_text() == "\n"


@pytest.mark.skipif(not landlock.abi(), reason="this kernel has no Landlock")
def test_wall_stands_around_the_evaluation_and_not_around_the_build(
    shell: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Landlock forbids mount, and Nix's sandbox could not start."""
    walled: list[str] = []
    start = landlock.confined

    def confined(
        reach: landlock.Confinement, run: Callable[[], subprocess.Popen[bytes]]
    ) -> subprocess.Popen[bytes]:
        started = start(reach, run)
        walled.append(cast("list[str]", started.args)[0])
        return started

    monkeypatch.setattr(landlock, "confined", confined)
    commands: list[str] = []
    # What was built before would not be built again.
    with process.echoing(commands.append), limits.sealed():
        (built,) = evaluator.build(
            BUILDS, {**shell, "tag": secrets.token_hex(8)}, ["plain"]
        )
    assert stores.physical(built).read_text() == "\n"
    ran = [re.findall(r"(?:^| |/)(nix-\w+) ", command)[0] for command in commands]
    assert {"nix-instantiate", "nix-build"} <= {*ran}
    assert {*walled} == {"nix-instantiate"}


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("fixed", "fixed"),
        ("fixed-structured", "fixed-structured"),
        ("fixed-late", "fixed-late"),
        ("needing", "fixed"),
        ("needing-structured", "fixed-structured"),
    ],
)
def test_build_that_could_use_the_network_is_refused(
    shell: dict[str, str], name: str, refused: str
) -> None:
    wanted = rf"^{refused}\.drv: unlet does not build this, because"
    with limits.sealed(), pytest.raises(ToolkitError, match=wanted):
        evaluator.build(BUILDS, shell, [name])


@pytest.mark.parametrize("name", ["impure", "impure-structured", "needing-impure"])
def test_impure_build_is_refused(
    shell: dict[str, str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "NIX_CONFIG", "experimental-features = impure-derivations ca-derivations"
    )
    # Sealed, Nix does not even make the derivation.
    with limits.sealed(), pytest.raises(CommandError, match="experimental Nix feature"):
        evaluator.build(BUILDS, shell, [name])
    derivations = evaluator.instantiate(BUILDS, shell, [name])
    with pytest.raises(
        ToolkitError,
        match=r"^impure(-structured)?\.drv: unlet does not build this, because",
    ):
        evaluator.require_no_network(derivations)
    # A floating output is sandboxed like any other.
    evaluator.require_no_network(evaluator.instantiate(BUILDS, shell, ["floating"]))


@pytest.mark.parametrize(
    ("there", "jobs"),
    [(1, 1), (1500, 1), (1 << 30, os.cpu_count()), (None, os.cpu_count())],
)
def test_evaluations_fit_into_the_memory_one_at_least(
    monkeypatch: pytest.MonkeyPatch, there: int | None, jobs: int
) -> None:
    monkeypatch.setattr(limits, "available", lambda: there)
    assert limits.jobs(each=1500) == jobs


def test_command_to_paste_has_the_bound(tmp_path: Path) -> None:
    expression = tmp_path / "small.nix"
    expression.write_text("1 + 1")
    command = limits.bounded(evaluator.evaluate_command(expression, {}), 64)
    assert "GC_MAXIMUM_HEAP_SIZE=67108864 " in command.line
    done = subprocess.run(
        ["sh", "-c", command.line], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "2"


def test_seal_within_another_ends_with_it() -> None:
    with limits.sealed(seconds=5), limits.sealed():
        assert limits.left() <= 5
    with limits.sealed(), limits.sealed(seconds=5):
        assert limits.left() <= 5


def _asking(*seconds: float) -> Command:
    """Return a program that takes seconds for things, and marks where each begins."""
    lines = "".join(
        f"echo 'x question {number}' >&2; sleep {each};"
        for number, each in enumerate(seconds)
    )
    return Command(argv=("sh", "-c", lines))


def test_thing_has_its_time_in_all_evaluations_together() -> None:
    allowed = limits.Allowance(3.0)
    allowed.execute(_asking(0, 2), ["quick", "slow"], mark="x question")
    assert allowed.left("quick") > 2
    assert allowed.left("slow") < 1.1
    # With others or alone, it has the rest.
    for things in (["quick", "slow"], ["slow"]):
        with pytest.raises(LimitError) as caught:
            allowed.execute(
                _asking(*[0] * (len(things) - 1), 2), things, mark="x question"
            )
        assert (caught.value.limit, caught.value.of_pace) == (
            "still running after 3 s",
            True,
        )
    assert allowed.left("slow") == 0
    assert allowed.left("quick") > 1
    assert allowed.left("another") == 3


def test_time_of_a_thing_does_not_begin_anew_with_its_parts() -> None:
    allowed = limits.Allowance(2.0)
    parts = (
        "echo 'x question 0' >&2; for part in 1 2 3 4 5 6; do echo 'x part' >&2; "
        "sleep 1; done"
    )
    with pytest.raises(LimitError):
        allowed.execute(Command(argv=("sh", "-c", parts)), ["slow"], mark="x question")


def test_budget_of_several_blocks_is_what_is_left_of_it() -> None:
    budget = limits.Budget(3.0)
    for wanted in (3.0, 2.6):
        with budget.spending() as left:
            assert left <= wanted
            time.sleep(0.4)
    assert 1.0 < budget.left < 2.3
    with suppress(ValueError), budget.spending():
        time.sleep(0.2)
        raise ValueError
    assert budget.left < 2.1
    budget.spend(9)
    assert budget.left == 0
    with budget.spending() as left:
        assert left == 0
