"""`unlet schema`: print the JSON Schemas of the documents that unlet writes."""

import click

from toolkit.cli import options, output
from toolkit.errors import UsageError, did_you_mean
from toolkit.shipped import shipped_path

NAMES = ("doctor", "find", "judgement", "overlay", "reach", "report", "track")


@options.command("schema", examples=("unlet schema judgement > judgement.schema.json",))
@click.argument("name", required=False)
@options.common
def command(*, name: str | None) -> int:
    """Print the JSON Schema of unlet's output, or list the names of the schemas.

    NAME is a command, such as reach; or judgement, for check of a change; or report,
    for propose and for check of a proposal.
    """
    if name is None:
        if options.settings().json:
            output.write_json(NAMES)
        else:
            output.write_lines(NAMES)
        return 0
    if name not in NAMES:
        raise UsageError(
            f"schema: there is no schema '{name}'",
            hint=did_you_mean(
                name, NAMES, otherwise=f"the schemas are {', '.join(NAMES)}"
            ),
        )
    output.write(shipped_path(f"docs/schema/{name}.json").read_bytes())
    return 0
