"""Random packages are lifted with equal derivations and comments, or refused.

As in tests/docker/test_mutants.py: one number of the test is one batch, about which one
process of Nix is asked.
"""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.mutants import BATCHES, Mutant, marks, mutant, numbers, refused, sizes
from toolkit import files, specimen
from toolkit.asking.trials import LiftQuestion, ask
from toolkit.errors import ToolkitError
from toolkit.lift.outcome import Lifted
from toolkit.lift.plan import FOLLOWED, Design, LiftWay
from toolkit.lift.rewriting import lift
from toolkit.nix import program
from toolkit.proposal.lifted import verdict
from toolkit.report.lifts import LiftOutcome

SYSTEM = "x86_64-linux"
NAME = "package.nix"
BASES = [
    specimen.path() / f"pkgs/by-name/{name}/package.nix"
    for name in ("no/notes-server", "st/status-board")
]


def package(random: Random) -> str:
    """Return a package whose let binds parts, which it uses in one of people's ways."""
    names = random.sample(
        ["web-ui", "frontend", "helper", "doc-pages", "plugin"], random.randint(1, 3)
    )
    shared = random.random() < 0.5
    definitions = [
        definition(name, uses(names[:at], random), random)
        for at, name in enumerate(names)
    ]
    if shared:
        definitions.append(
            f'found = lib.concatStringsSep ":" [ "${{{names[-1]}}}/bin" ];'
        )
        names.append("found")
    random.shuffle(definitions)
    head = random.choice(["{", "rec {", "(finalAttrs: {", "(self: {", "({"])
    chosen = random.sample(uses(names, random), 2)
    shown = showing(names[0], random)
    body = "\n  ".join(
        [
            "",
            'pname = "main";',
            'version = "2";',
            *chosen,
            shown,
            'meta.description = "x";',
        ]
    )
    end = "})" if head.startswith("(") else "}"
    let = "\n  ".join(["let", *definitions])
    return (
        f"{{ lib, stdenv, fetchFromGitHub, curl "
        f"}}:\n{let}\nin\nstdenv.mkDerivation {head}{body}\n{end}\n"
    )


def definition(name: str, uses: list[str], random: Random) -> str:
    """Return the definition of a part, made with one of some attributes."""
    head = random.choice(["", "rec ", "(finalAttrs: "])
    attribute = random.choice(uses or ["meta.priority = 1;"])
    end = "});" if head.startswith("(") else "};"
    return f"""{name} = stdenv.mkDerivation {head}{{
    pname = "{name}";
    version = "1";
    src = fetchFromGitHub {{
      owner = "{name}"; repo = "r"; tag = "1"; hash = "sha256-fake/{name}";
    }};
    {attribute}
  {end}"""


def showing(name: str, random: Random) -> str:
    """Return an attribute that may show a part."""
    return random.choice(
        [
            "passthru = { };",
            f"passthru.{name} = {name};",
            f"passthru = {{ inherit {name}; }};",
            f"passthru.tests = {{ inherit {name}; }};",
            f"passthru = {{ tests.a = {name}; }} // {{ kept = 1; }};",
            f"inherit {name};",
            "",
            "",
        ]
    )


def uses(names: list[str], random: Random) -> list[str]:
    """Return attributes of a package that are made with parts."""
    if not names:
        return []
    name = random.choice(names)
    return [
        f"buildInputs = [ curl {name} ];",
        f"installPhase = ''\n    ln -s ${{{name}}} $out\n  '';",
        f'env = {{ PART = "${{{name}}}/share"; }};',
        f'env.OTHER = "{name}" + "${{{name}}}";',
        f"postPatch = lib.optionalString true (toString [ {' '.join(names)} ]);",
        "preBuild = let inherit (lib) concatStringsSep; in concatStringsSep name [ "
        f"{name} ];".replace(" name ", ' "" '),
        f"{name}-path = {name} + toString (map (each: each) [ {name} ]);",
        f"configureFlags = with lib; [ (toString {name}) ];",
    ]


def made(number: int) -> list[tuple[Mutant, Design, tuple[str, ...]]]:
    """Return the mutants of a batch, each with what is to be done to it."""
    random = numbers("package", number)
    found: list[tuple[Mutant, Design, tuple[str, ...]]] = []
    for _ in sizes(number):
        text = (
            random.choice(BASES).read_text()
            if random.random() < 0.4
            else package(random)
        )
        design = random.choice([Design.STAY, *Design])
        follow = FOLLOWED if design is Design.MOVE and random.random() < 0.5 else ()
        found.append((mutant(text, random, most=3), design, follow))
    return found


def attempt(given: Mutant, design: Design, follow: tuple[str, ...]) -> Lifted | str:
    """Lift what a mutant binds, or return why that is refused.

    The reason has a place.
    """
    try:
        files.check_content(NAME, given.text.encode())
        program.parse_text(given.text.encode(), name=NAME)
        found = lift(given.text, LiftWay(design=design, follow=follow), name=NAME)
    except ToolkitError as error:
        return refused(error, NAME)
    assert marks(found.text) == given.marks, explained(given, design, follow, found)
    return found


def explained(
    given: Mutant, design: Design, follow: tuple[str, ...], lifted: Lifted
) -> str:
    """Return what was done to a mutant, and where it and what became of it are."""
    place = Path(tempfile.mkdtemp(prefix="mutant-"))
    (place / "0.nix").write_bytes(given.text.encode())
    (place / "1.nix").write_bytes(lifted.text.encode())
    return f"{', '.join(given.changes)}; {design}, {follow}; see {place}"


@pytest.mark.parametrize("number", BATCHES)
def test_mutants_keep_their_derivations_or_are_refused(
    number: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    for tree in (before, after):
        shutil.copytree(specimen.path(), tree)
    lifted: list[tuple[str, Lifted]] = []
    questions: list[LiftQuestion] = []
    for at, (given, design, follow) in enumerate(made(number)):
        outcome = attempt(given, design, follow)
        if isinstance(outcome, str):
            record_property("mutant", "refused")
            continue
        for tree, text in ((before, given.text), (after, outcome.text)):
            file = tree / f"pkgs/by-name/mu/mutant-{at}/package.nix"
            file.parent.mkdir(parents=True)
            file.write_bytes(text.encode())
        lifted.append((f"{design}: {given.changes}", outcome))
        questions.append(
            LiftQuestion(
                package=f"mutant-{at}", methods=outcome.methods, shown=outcome.shown
            )
        )
    said = [verdict(answer) for answer in ask(before, after, SYSTEM, questions)]
    for found in said:
        record_property(
            "mutant", str(found.outcome) if found is not None else "does not evaluate"
        )
    wrong = [
        (question.package[0], made[0], found.why)
        for question, made, found in zip(questions, lifted, said, strict=True)
        if found is not None and found.outcome is LiftOutcome.FAILED
    ]
    assert wrong == [], tmp_path
