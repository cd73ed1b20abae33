import re
import subprocess
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from toolkit import patches
from toolkit.docker import steps as plans
from toolkit.errors import ToolkitError, UsageError
from toolkit.model import Message
from toolkit.report.message import (
    BODY_WIDTH,
    checked_trailers,
    compose,
    require_disclosure,
    require_form,
)


def _messages() -> Iterator[tuple[str, Message]]:
    """Yield the messages of patches/, by the field that holds each."""
    plan = plans.plan()
    yield from ((f"{step.name}.{step.design}", step) for step in plan.steps)
    yield "module", plan.module
    by_hand = patches.shipped() / "by-hand.toml"
    yield "by-hand", patches.read_toml(by_hand, Message, names={"package": "docker"})


@pytest.mark.parametrize(("name", "message"), list(_messages()))
def test_every_shipped_message_follows_the_rules(name: str, message: Message) -> None:
    for body in (message.body, message.whole):
        text = compose(message.subject, body)
        assert text == f"{message.subject}\n\n{body}\n", name
        require_form(message.subject, body)
        assert body.strip(), name
        assert max(map(len, body.split("\n"))) <= BODY_WIDTH, name
        assert text.isascii(), name
        assert re.match(r"[\w/-]+: [^A-Z]", text), name
    # What is said of rebuilds is said by a proof alone.
    assert "nothing is rebuilt" not in message.body
    assert "are rebuilt" not in message.body


def test_prefix_is_an_attribute_or_a_module() -> None:
    for subject in (
        "nixos/docker: start after the network",
        "docker: 29.6.0 -> 29.6.1",
        "python3Packages.{numpy,scipy}: fix build",
        "nixosTests.docker-rootless: publish port 80",
        "linuxPackages_6_1.x: init at 1.0",
        "sublime4, sublime4-dev: fix build",
        f"home-assistant-custom-components.{'a' * 30}: let it be overridable",
    ):
        require_form(subject, "Because.")


@pytest.mark.parametrize(
    ("subject", "fault"),
    [
        (
            "allow overriding moby",
            "subject 'allow overriding moby': must begin with a prefix such as 'forgejo: ' or ",
        ),
        ("docker:allow", "subject 'docker:allow': must begin with a prefix"),
        ("the docker: allow", "subject 'the docker: allow': must begin with a prefix"),
        ("", "subject '': must begin with a prefix"),
        ("feat: allow", "subject 'feat: allow': starts with a type"),
        ("fix!: allow", "subject 'fix!: allow': starts with a type"),
        (
            "refactor(docker): allow",
            "subject 'refactor(docker): allow': starts with a type",
        ),
        ("test: allow", "subject 'test: allow': starts with a type"),
        ("docker: allow.", "subject 'docker: allow.': ends with a full stop"),
        (
            "fixup! docker: allow",
            "subject 'fixup! docker: allow': is meant for git rebase --autosquash",
        ),
        (
            "squash! docker: allow",
            "subject 'squash! docker: allow': is meant for git rebase --autosquash",
        ),
        (
            "amend! docker: allow",
            "subject 'amend! docker: allow': is meant for git rebase --autosquash",
        ),
        (
            f"docker: {'a' * 73}",
            f"subject 'docker: {'a' * 63}…': is 81 characters long, but may have at most 80",
        ),
        (
            "docker: allow ",
            "subject 'docker: allow': begins or ends with a space, or",
        ),
        (
            "docker: \x1b[1mallow",
            "subject 'docker: \ufffd[1mallow': begins or ends with a space, or",
        ),
        (
            "docker: allow\nmore",
            "subject 'docker: allow more': begins or ends with a space, or",
        ),
    ],
)
def test_each_rule_names_what_breaks_it(subject: str, fault: str) -> None:
    with pytest.raises(ToolkitError, match=f"^commit message: {re.escape(fault)}"):
        require_form(subject, "Because.")


@pytest.mark.parametrize("line", ["---", "diff -r is what it is.", "Index: x"])
def test_a_line_at_which_git_ends_the_message_is_refused(line: str) -> None:
    with pytest.raises(
        ToolkitError, match=f"git am would end the message at the line '{line}'$"
    ):
        require_form("docker: allow", f"Because.\n{line}\nNot seen.")
    require_form("docker: allow", f"Because of {line}")


def test_a_type_that_is_the_name_of_a_changed_directory_is_none() -> None:
    with pytest.raises(ToolkitError, match="starts with a type"):
        require_form("doc: tell of docker", "Because.")
    require_form(
        "doc: tell of docker",
        "Because.",
        paths=[PurePosixPath("doc/release-notes/rl-2611.section.md")],
    )


def test_sentence_that_no_proof_backs_is_left_out() -> None:
    message = plans.plan().steps[0]
    (claim,) = message.proven.values()
    assert claim not in message.backed(()).whole
    assert claim in message.whole
    assert message.backed(["no-rebuild"]) == message


def test_message_is_stored_without_trailing_blanks_and_a_trailer_once() -> None:
    assert (
        compose("docker: allow ", "\n\nA. \n\n\n\nB.\n\n")
        == "docker: allow\n\nA.\n\nB.\n"
    )
    assert compose("docker: allow", "") == "docker: allow\n"
    assert checked_trailers(
        [" Assisted-by :A tool ", "assisted-by: a tool", "X-Y: z"]
    ) == (
        "Assisted-by: A tool",
        "X-Y: z",
    )


@pytest.mark.parametrize(
    "body",
    [
        "Because.",
        "Because.\n\nSigned-off-by: A <a@example.org>",
        "Because.\n\nCo-authored-by: A <a@example.org>\n of two lines\nAcked-by: B",
        "Because.\n\nNote: this is a sentence\nthat is no trailer.",
        "Because.\n\nAssisted-by: A tool",
        "Because.\n\nassisted-by: a TOOL",
        "Key: of the only paragraph",
    ],
)
def test_trailers_go_where_git_puts_them(body: str, tmp_path: Path) -> None:
    trailers = ("Assisted-by: A tool", "Reviewed-by: B <b@example.org>")
    ours = compose("docker: allow", body, trailers)
    arguments = [word for trailer in trailers for word in ("--trailer", trailer)]
    by_git = subprocess.run(
        ["git", "interpret-trailers", "--if-exists=addIfDifferent", *arguments],
        input=f"docker: allow\n\n{body}\n",
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert ours == by_git.stdout


@pytest.mark.parametrize(
    "trailer",
    [
        "",
        "Assisted-by",
        "Assisted by: A tool",
        "Assisted-by: ",
        ": x",
        "A: b\nC: d",
        "A: b\x00c",
        "Ä: b",
    ],
)
def test_wrong_trailer_is_a_usage_error_of_one_line(trailer: str) -> None:
    with pytest.raises(
        UsageError, match=r"^trailer: '.*' does not have the form 'Key: value'$"
    ) as caught:
        compose("docker: allow", "Because.", [trailer])
    assert "\n" not in caught.value.message
    assert "\x00" not in caught.value.message


@pytest.mark.parametrize(
    "address", ["noreply@anthropic.com", "223556219+Copilot@users.noreply.github.com"]
)
def test_an_assistant_s_address_has_to_be_disclosed(address: str) -> None:
    assisted, jane = (
        f"A. Sistant <{address}>",
        {"author": "Jane <jane@example.org>", "committer": "J <j@example.org>"},
    )
    rule = r"nixpkgs' CI closes a pull request with such an author"
    with pytest.raises(
        UsageError,
        match=rf"^trailer: 'Co-authored-by: {re.escape(assisted)}' is .*{rule}",
    ) as caught:
        require_disclosure(
            jane, ["Reviewed-by: J <j@example.org>", f"Co-authored-by: {assisted}"]
        )
    assert caught.value.hint == "add --trailer 'Assisted-by: TOOL (MODEL)'"
    for role in jane:
        with pytest.raises(
            ToolkitError, match=rf"^{role}: '{re.escape(assisted)}' is .*{rule}"
        ):
            require_disclosure({**jane, role: assisted}, [])
        require_disclosure({**jane, role: assisted}, ["Assisted-by: A tool (a model)"])
    require_disclosure(jane, ["Co-authored-by: J <j@example.org>"])
    require_disclosure(
        {}, [f"Co-authored-by: {assisted}", "assisted-by: a tool (a model)"]
    )
