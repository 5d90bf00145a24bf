"""The command ``bookstrack``: the group, and how failures end."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from bookstrack import __version__
from bookstrack.errors import BooksTrackError, ConfigurationProblem

app = App(
    name="bookstrack",
    help="A self-hosted server that knows books.",
    version=__version__,
)
app.command("bookstrack.cli.serve:serve", name="serve")

_WRONG_USE = 2
_FAILED = 1


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command. Exit codes: 0 done, 1 failed, 2 wrong use or settings, 130 interrupted."""
    try:
        result = app(arguments, exit_on_error=False, print_error=True, result_action="return_value")
    except CycloptsError:
        sys.exit(_WRONG_USE)
    except ConfigurationProblem as problem:
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
