"""The command ``bookstrack``: the group, and how failures end."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from bookstrack import __version__
from bookstrack.errors import BooksTrackError, ConfigurationProblem, RequestProblem

app = App(
    name="bookstrack",
    help="A self-hosted server that knows books.",
    version=__version__,
)
for _name, _place, _help in (
    ("serve", "serve:serve", "Run the HTTP server."),
    ("lookup", "lookup:lookup", "Find a book by ISBN or words."),
    ("doctor", "doctor:doctor", "Check settings, storage and providers."),
    ("migrate", "database:migrate", "Apply pending database migrations."),
    ("openapi", "openapi:openapi", "Print the OpenAPI document."),
):
    app.command(f"bookstrack.cli.{_place}", name=_name, help=_help)

_WRONG_USE = 2
_FAILED = 1


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command. Exit codes: 0 done, 1 failed, 2 wrong use or settings, 130 interrupted."""
    try:
        result = app(arguments, exit_on_error=False, print_error=True, result_action="return_value")
    except CycloptsError:
        sys.exit(_WRONG_USE)
    except (ConfigurationProblem, RequestProblem) as problem:
        _say(problem.message)
        sys.exit(_WRONG_USE)
    except BooksTrackError as problem:
        _say(problem.message)
        sys.exit(_FAILED)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(result if isinstance(result, int) else 0)


def _say(message: str) -> None:
    print(f"bookstrack: {message}", file=sys.stderr)
