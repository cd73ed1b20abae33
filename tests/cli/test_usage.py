"""What contradicts itself is one line that names it, and perhaps a hint."""

import shlex

import pytest

from tests.cli.conftest import Unlet

SPECIMEN = "propose --nixpkgs specimen"
SHARED = [
    ("--tier x", "invalid value for '--tier': 'x' is not one of"),
    ("--tier tree --timeout inf", "invalid value for '--timeout': inf is not in the range"),
    ("--tier tree --timeout 0", "invalid value for '--timeout': 0.0 is not in the range 0<x<="),
    ("--timeout 1e308", "invalid value for '--timeout': 1e+308 is not in the range"),
    ("--tier tree --max-memory 1", "invalid value for '--max-memory': 1 is not in the range 64<=x<="),
    (f"--max-memory {'9' * 20}", f"invalid value for '--max-memory': {'9' * 20} is not in the range"),
    ("--sealed --tier build", "--sealed and --tier build exclude each other"),
    ("--tier tree --build-args -j1", "--build-args requires --tier build"),
    ('--tier build --build-args "\'x"', "--build-args: no closing quotation"),
]
"""Options of `propose` and of `check`, and what is said of them."""
WRONG = [
    ("frobnicate", "unlet: no such command 'frobnicate'"),
    ("--json", "unlet: no command given"),
    ("find --json --frobnicate", "unlet find: no such option"),
    ("find", "unlet find: the current directory is not in a checkout of nixpkgs; name one with --nixpkgs"),
    ("find --graph svg x", "unlet find: invalid value for '--graph': 'svg' is not 'mermaid'"),
    ("find --graph mermaid x y", "unlet find: --graph takes one NAME"),
    ("find --graph mermaid --json x", "unlet find: --graph and --json exclude each other"),
    ("find --all x", "unlet find: NAME and --all exclude each other"),
    ("propose --file x --pin y", "unlet propose: --file and --pin exclude each other"),
    ("propose --pin original --rev y", "unlet propose: --pin and --rev exclude each other"),
    ("propose --pin x", "unlet propose: --pin: 'x' is unknown: known are original, current"),
    ("propose --file x --nixpkgs y", "unlet propose: --file and --nixpkgs exclude each other"),
    ("propose --file x --rev y", "unlet propose: --file and --rev exclude each other"),
    ("propose --nixpkgs ''", "unlet propose: --nixpkgs is empty"),
    ("propose --design x", "unlet propose: invalid value for '--design': 'x' is not one of"),
    (f"{SPECIMEN} notes-server docker", "unlet propose: several TARGETs and docker exclude each other"),
    (f"{SPECIMEN} a b --binding x", "unlet propose: several TARGETs and --binding exclude each other"),
    (f"{SPECIMEN} notes-server --only lift", "unlet propose: a TARGET other than docker and --only"),
    (f"{SPECIMEN} notes-server --rootlesskit drop", "unlet propose: a TARGET other than docker and --rootlesskit"),
    (f"{SPECIMEN} --design stay", "--design: 'stay' is not a design for docker\nhint: it has move, hidden"),
    *(
        (f"{SPECIMEN} notes-server --as {given}", f"unlet propose: --as: '{given}' is not BINDING=NAME, with")
        for given in ("ui", "=ui", "web-ui=", "web-ui=1")
    ),
    ("check --git-dir . --rev x", "unlet check: --rev requires --patch or DIR"),
    ("check --pull 1 --offline", "unlet check: --pull asks GitHub, which --offline excludes"),
    ("check --nixos", "unlet check: the output of propose and --nixos exclude each other"),
    ("check --patch x --tier tree --all", "unlet check: --tier and --all exclude each other"),
    ("check --git-dir . --nixpkgs x", "unlet check: --nixpkgs requires --patch or DIR"),
    ("check --uncommitted HEAD notes-server", "unlet check: --patch, --pull and --uncommitted take no CHANGE"),
    ("check --uncommitted --pull 7", "unlet check: --uncommitted and --pull exclude each other"),
    ("track --git-dir x --api-url y", "unlet track: --git-dir and --api-url exclude each other"),
    ("track --ref ''", "unlet track: --ref is empty"),
    ("track --json --html -", "unlet track: --json excludes Markdown and HTML on stdout"),
    ("track --overlay x --kind rewrap", "unlet track: --overlay and --kind exclude each other"),
    ("track --html - --markdown -", "unlet track: --markdown - and --html - exclude each other"),
    ("track --token x", "unlet track: no such option"),
    ("track --api-url x", "--api-url: 'x' is not an http or https URL"),
    ("track --repo x", "--repo: 'x' is not OWNER/NAME"),
    ("doctor --elsewhere", "unlet doctor: --elsewhere requires --log"),
    ("doctor --elsewhere --log log --docker x", "unlet doctor: --elsewhere and --docker exclude each other"),
    ("doctor --port 0", "unlet doctor: invalid value for '--port': 0 is not in the range"),
    ("overlay notes-server --kind rewrap", "unlet overlay: "),
    ("overlay --binding web-ui", "unlet overlay: "),
    *(
        (f"{command} {options}", f"unlet {command}: {message}")
        for command in ("propose", "check")
        for options, message in SHARED
    ),
]


@pytest.mark.parametrize(("line", "message"), WRONG)
def test_wrong_usage_is_one_line_and_perhaps_a_hint(unlet: Unlet, line: str, message: str) -> None:
    done = unlet(*shlex.split(line))
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(message)
    assert [*done.stderr.splitlines()[1:]] == [each for each in done.stderr.splitlines() if each.startswith("hint: ")]
    assert len(done.stderr.splitlines()) <= 2
    assert done.stdout == "" or "--json" in line
    assert [*unlet.cwd.iterdir()] == []
