"""Commit messages in upstream's form: composed of subject, body and trailers, and checked against the rules.

The rules for subjects are those that nixpkgs' CI enforces (ci/github-script/lint-commits.ts there), a limit of their
length besides; the rules for bodies are ours, and what git itself asks for.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from toolkit.errors import ToolkitError, UsageError

SUBJECT_WIDTH, BODY_WIDTH = 80, 72
"""The most characters of a subject and of a line of the body; what has no space, such as a URL, may be longer.

Upstream has no limit for a subject, and it names all packages of a file.
"""
_VERB_WIDTH = 40
"""So many characters may follow a prefix of any length: some attribute paths have over fifty."""

_CONVENTIONAL = (
    *("build", "chore", "ci", "doc", "docs", "feat", "feature", "fix", "perf", "refactor", "services", "style"),
    *("test", "update"),
)

_AUTOSQUASH = ("amend!", "fixup!", "squash!")

# An attribute, or several as `python3Packages.{a,b}` or `a, b`; a path such as `nixos/forgejo`.
_PREFIX = re.compile(r"[A-Za-z0-9_][\w.+'/{},-]*(?:, [A-Za-z0-9_][\w.+'/{},-]*)*: \S")

# Of git-interpret-trailers(1): a token is letters, digits and hyphens. A URL is none, though git takes it for one.
_TRAILER = re.compile(r"(?P<key>[A-Za-z0-9-]+)[ \t]*:(?!//)[ \t]*(?P<value>.*)")
_GIT_TRAILER = ("Signed-off-by: ", "(cherry picked from commit ")

# For these addresses nixpkgs' CI closes a pull request (ci/github-script/lint-commits.js there), if the commit has no
# trailer that discloses it.
_ASSISTANTS = {
    "223556219+copilot@users.noreply.github.com",
    "agent@cursor.com",
    "cursoragent@cursor.com",
    "noreply@anthropic.com",
}
_ADDRESS = re.compile(r"<([^>]+)>")

# Where `git am` takes the message to end and the diff to begin.
_SCISSORS = re.compile(r"---|diff -|Index: ")


def compose(subject: str, body: str, trailers: Sequence[str] = ()) -> str:
    """Return a message as git stores it, without trailing blanks, with a final line feed.

    The trailers, each `Key: value`, come last, as `git interpret-trailers` puts them: into the body's last paragraph if
    that consists of trailers, else into a new one, each once. Raise UsageError as `checked_trailers` does.
    """
    lines = [line.rstrip() for line in f"{subject}\n\n{body}".split("\n")]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
    there = _trailers(text)
    known = {_identity(line) for line in there}
    added = [line for line in checked_trailers(trailers) if _identity(line) not in known]
    if not added:
        return f"{text}\n"
    return "\n".join([text, *(() if there else ("",)), *added, ""])


def checked_trailers(trailers: Sequence[str]) -> tuple[str, ...]:
    """Return trailers in git's form `Key: value`, each once.

    Raise UsageError for a different form: more than one line, no key of letters, digits and hyphens, no value.
    """
    found: dict[tuple[str, str], str] = {}
    for trailer in trailers:
        match = _TRAILER.fullmatch(trailer.strip())
        if match is None or not match["value"] or not match["value"].isprintable():
            raise UsageError(f"trailer: '{_line(trailer)}' is not of the form 'Key: value'")
        line = f"{match['key']}: {match['value']}"
        found.setdefault(_identity(line), line)
    return tuple(found.values())


def require_disclosure(people: Mapping[str, str], trailers: Sequence[str]) -> None:
    """Raise ToolkitError if a trailer, or one of `people` by role, has an assistant's address without Assisted-by."""
    if any(trailer.lower().startswith("assisted-by:") for trailer in trailers):
        return
    for subject, text in (*(("trailer", trailer) for trailer in trailers), *people.items()):
        address = _ADDRESS.search(text)
        if address is not None and address[1].lower() in _ASSISTANTS:
            kind = UsageError if subject == "trailer" else ToolkitError
            fact = "has an assistant's address; nixpkgs' CI closes a pull request with one and without Assisted-by"
            raise kind(f"{subject}: '{_line(text)}' {fact}", hint="add --trailer 'Assisted-by: TOOL (MODEL)'")


def faults(message: str, *, paths: Collection[PurePosixPath] = ()) -> tuple[str, ...]:
    """Return the rules that a message breaks, a line each; none if it is correct.

    `paths` are the files that the commit changes: `doc: …` is no conventional type for one below `doc/`.
    """
    subject, _, rest = message.partition("\n")
    return (*_of_subject(subject, paths), *_of_body(message, rest))


def _of_subject(subject: str, paths: Collection[PurePosixPath]) -> Iterator[str]:
    segments = {part for path in paths for part in path.parts}
    types = [name for name in _CONVENTIONAL if name not in segments]
    shown = f"subject '{_line(subject)}'"
    if subject.startswith(_AUTOSQUASH):
        yield f"{shown}: is one for git rebase --autosquash"
    elif not _PREFIX.match(subject):
        yield f"{shown}: has no prefix such as 'forgejo: ' or 'nixos/forgejo: '"
    if re.match(rf"({'|'.join(types)})!?(\(.*\))?!?:", subject):
        yield f"{shown}: starts with a conventional type; nixpkgs wants the attribute or module"
    if subject.endswith("."):
        yield f"{shown}: ends with a full stop"
    if len(subject) > max(SUBJECT_WIDTH, subject.find(": ") + _VERB_WIDTH):
        yield f"{shown}: has {len(subject)} characters, more than {SUBJECT_WIDTH}"
    if subject != subject.strip() or not subject.isprintable():
        yield f"{shown}: has blanks around it, or characters that are not printable"


def _of_body(message: str, rest: str) -> Iterator[str]:
    second, _, text = rest.partition("\n")
    if second:
        yield f"line 2 is not blank: '{_line(second)}'"
        text = rest
    trailers = _trailers(message)
    lines = text.rstrip("\n").split("\n")
    body = lines[: len(lines) - len(trailers)] if trailers else lines
    if not any(line.strip() for line in body):
        yield "body is empty: it should say why, and what was proven"
    for line in body:
        # Code, which is indented, is not wrapped.
        if len(line) > BODY_WIDTH and " " in line.strip() and not line.startswith("  "):
            yield f"line '{_line(line)}': has {len(line)} characters, more than {BODY_WIDTH}"
        if _SCISSORS.match(line):
            yield f"line '{_line(line)}': ends the message for git am"
        if line != line.rstrip() or not line.isprintable():
            yield f"line '{_line(line)}': ends with blanks, or has characters that are not printable"


def _trailers(message: str) -> tuple[str, ...]:
    """Return the lines of a message's last paragraph where git takes it for trailers, else none.

    That is so where every line is one, or a quarter of them and one that git itself writes.
    """
    paragraphs = message.strip("\n").split("\n\n")
    if len(paragraphs) == 1:
        return ()
    # An indented line goes on with the one above it.
    lines = paragraphs[-1].split("\n")
    heads = [line for line in lines if line[:1] not in {" ", "\t"}]
    of_git = any(line.startswith(_GIT_TRAILER) for line in heads)
    found = sum(_TRAILER.fullmatch(line) is not None or line.startswith(_GIT_TRAILER) for line in heads)
    if not heads or lines[0] != heads[0] or not (found == len(heads) or (of_git and found * 4 >= len(heads))):
        return ()
    return tuple(lines)


def _identity(trailer: str) -> tuple[str, str]:
    """Return what git compares of a trailer."""
    key, _, value = trailer.partition(":")
    return key.strip().lower(), value.strip().lower()


def _line(text: str) -> str:
    """Return a text as one line for a message, not too long."""
    flat = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in " ".join(text.split()))
    return flat if len(flat) <= BODY_WIDTH else f"{flat[: BODY_WIDTH - 1]}…"
