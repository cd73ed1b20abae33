"""Write and check commit messages in the form that nixpkgs requires.

The rules are those that nixpkgs' CI enforces (ci/github-script/lint-commits.ts there),
a limit for the subject's length, and the requirements of git itself.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath

from toolkit.errors import ToolkitError, UsageError

SUBJECT_WIDTH, BODY_WIDTH = 80, 72
"""The maximum number of characters of a subject, and of a line in the body that has a
space.

nixpkgs has no limit for a subject that names all packages of a file.
"""
_VERB_WIDTH = 40
"""The number of characters that may follow a long prefix, because attribute paths can
be long.
"""

_CONVENTIONAL = (
    *(
        "build",
        "chore",
        "ci",
        "doc",
        "docs",
        "feat",
        "feature",
        "fix",
        "perf",
        "refactor",
        "services",
        "style",
    ),
    *("test", "update"),
)

_AUTOSQUASH = ("amend!", "fixup!", "squash!")

# An attribute, or several as `python3Packages.{a,b}` or `a, b`; a path such as
# `nixos/forgejo`.
_PREFIX = re.compile(r"[A-Za-z0-9_][\w.+'/{},-]*(?:, [A-Za-z0-9_][\w.+'/{},-]*)*: \S")

# According to git-interpret-trailers(1), a key consists of letters, digits and hyphens.
# A URL is no trailer here, although git accepts it.
_TRAILER = re.compile(r"(?P<key>[A-Za-z0-9-]+)[ \t]*:(?!//)[ \t]*(?P<value>.*)")

# nixpkgs' CI (ci/github-script/lint-commits.js there) closes a pull request with an
# author of these addresses, unless the commit has a trailer that discloses the
# assistant.
_ASSISTANTS = {
    "223556219+copilot@users.noreply.github.com",
    "agent@cursor.com",
    "cursoragent@cursor.com",
    "noreply@anthropic.com",
}
_ADDRESS = re.compile(r"<([^>]+)>")

# The lines at which `git am` ends the message and expects the diff.
_SCISSORS = re.compile(r"^(?:---|diff -|Index: ).*", re.MULTILINE)


def compose(subject: str, body: str, trailers: Sequence[str] = ()) -> str:
    """Return a message as git stores it: no trailing blanks, a final line feed.

    The trailers, each `Key: value`, come last, where `git interpret-trailers` puts
    them: in the body's last paragraph if that paragraph consists of trailers, else in a
    new paragraph. Each trailer occurs once. Raise UsageError if `checked_trailers`
    does.
    """
    lines = [line.rstrip() for line in f"{subject}\n\n{body}".split("\n")]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
    there = _trailers(text)
    known = {line.casefold() for line in there}
    added = [
        line for line in checked_trailers(trailers) if line.casefold() not in known
    ]
    if not added:
        return f"{text}\n"
    return "\n".join([text, *(() if there else ("",)), *added, ""])


def checked_trailers(trailers: Sequence[str]) -> tuple[str, ...]:
    """Return trailers in git's form `Key: value`, without duplicates.

    Raise UsageError for another form: several lines, a key with characters other than
    letters, digits and hyphens, or no value.
    """
    found: dict[str, str] = {}
    for trailer in trailers:
        match = _TRAILER.fullmatch(trailer.strip())
        if match is None or not match["value"] or not match["value"].isprintable():
            raise UsageError(
                f"trailer: '{_line(trailer)}' does not have the form 'Key: value'"
            )
        line = f"{match['key']}: {match['value']}"
        found.setdefault(line.casefold(), line)
    return tuple(found.values())


def require_disclosure(people: Mapping[str, str], trailers: Sequence[str]) -> None:
    """Raise ToolkitError for an AI assistant's address without Assisted-by.

    The addresses are searched in the trailers and in `people`, whose keys are roles
    such as author.
    """
    if any(trailer.lower().startswith("assisted-by:") for trailer in trailers):
        return
    for subject, text in (
        *(("trailer", trailer) for trailer in trailers),
        *people.items(),
    ):
        address = _ADDRESS.search(text)
        if address is not None and address[1].lower() in _ASSISTANTS:
            kind = UsageError if subject == "trailer" else ToolkitError
            fact = (
                "is an assistant's address; nixpkgs' CI closes a pull request with "
                "such an author unless it has an Assisted-by trailer"
            )
            raise kind(
                f"{subject}: '{_line(text)}' {fact}",
                hint="add --trailer 'Assisted-by: TOOL (MODEL)'",
            )


def require_form(
    subject: str, body: str, *, paths: Collection[PurePosixPath] = ()
) -> None:
    """Raise ToolkitError for the first rule that a message breaks.

    `paths` are the files that the commit changes: a prefix such as `doc: …` is allowed
    for files below `doc/`.
    """
    segments = {part for path in paths for part in path.parts}
    types = "|".join(name for name in _CONVENTIONAL if name not in segments)
    longest = max(SUBJECT_WIDTH, subject.find(": ") + _VERB_WIDTH)
    rules = {
        "is meant for git rebase --autosquash": subject.startswith(_AUTOSQUASH),
        (
            "starts with a type, as in conventional commits; nixpkgs wants the attribute "
            "or module"
        ): re.match(rf"({types})!?(\(.*\))?!?:", subject),
        "must begin with a prefix such as 'forgejo: ' or 'nixos/forgejo: '": not _PREFIX.match(
            subject
        ),
        "ends with a full stop": subject.endswith("."),
        f"is {len(subject)} characters long, but may have at most {SUBJECT_WIDTH}": len(
            subject
        )
        > longest,
        "begins or ends with a space, or contains unprintable characters": not subject.isprintable()
        or subject.strip() != subject,
    }
    if fact := next((fact for fact, is_broken in rules.items() if is_broken), None):
        raise ToolkitError(f"commit message: subject '{_line(subject)}': {fact}")
    if (end := _SCISSORS.search(body)) is not None:
        raise ToolkitError(
            "commit message: git am would end the message at the line '"
            f"{_line(end[0])}'"
        )


def _trailers(message: str) -> tuple[str, ...]:
    """Return the lines of a message's last paragraph if all of them are trailers.

    Otherwise, return an empty tuple.
    """
    _, blank, last = message.strip("\n").rpartition("\n\n")
    # An indented line continues the line above it.
    lines = last.split("\n") if blank else []
    return (
        tuple(lines)
        if all(_TRAILER.fullmatch(line) or line[:1] in {" ", "\t"} for line in lines)
        else ()
    )


def _line(text: str) -> str:
    """Return a text on one line, shortened to BODY_WIDTH, for an error message."""
    flat = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for letter in " ".join(text.split())
    )
    return flat if len(flat) <= BODY_WIDTH else f"{flat[: BODY_WIDTH - 1]}…"
