"""A draft of the pull request, in the form of nixpkgs' .github/PULL_REQUEST_TEMPLATE.md.

Its texts are those of patches/pull-request.toml; what it claims is what a proof of the report has shown. A box is
ticked where a proof that passed shows what the box says, and nowhere else.
"""

from toolkit.report.pull_request.document import LIMIT, draft, title
from toolkit.report.pull_request.texts import Texts, read

__all__ = ["LIMIT", "Texts", "draft", "read", "title"]
