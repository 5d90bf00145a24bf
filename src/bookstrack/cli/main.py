"""The command ``bookstrack``: the group, and how failures end."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from bookstrack import __version__
from bookstrack.cli.surroundings import say
from bookstrack.errors import BooksTrackError, ConfigurationProblem, RequestProblem

_ABOUT = """A self-hosted server that knows books.

Settings are environment variables that begin with BOOKSTRACK_, or lines of the TOML file that
BOOKSTRACK_CONFIG names. Without any, everything is kept in the folder ./data.

Exit codes: 0 done, 1 failed or nothing found, 2 wrong use or settings, 130 interrupted.
"""
_SERVE = """Run the HTTP server.

The first SIGTERM or Ctrl-C lets running requests finish within BOOKSTRACK_SHUTDOWN_GRACE_S
seconds while new ones are refused; a second one ends the server at once.

An SQLite database is brought up to date at the start. PostgreSQL is not: run bookstrack migrate.
"""
_WORKER = """Run jobs without serving HTTP, beside servers on the same database.

Takes up to BOOKSTRACK_JOB_WORKERS jobs at once: new ones for which servers have no room, and those
of processes that have died. On the first SIGTERM or Ctrl-C running jobs finish their current items,
at most for 10 seconds, and are left to other processes; a second one ends the worker at once.
"""
_LOOKUP = """Find a book by ISBN or words.

It is answered from this machine's database and from the providers in use, as the server would.
"""
_IMPORT = """Bring in the export file of another app.

Goodreads, StoryGraph, LibraryThing, Calibre, BookWyrm, Hardcover, Open Library, Openreads, and any
table with titles or ISBNs. Books are looked up and stored in this machine's database; with --server
all of that is done by that server. Rows that brought no book are written to a file, to be mended
and sent again. Exit code 1 when the file brings no book.
"""
_SCAN = """Find the books on photos of shelves.

Up to five photos at once. Titles are read by Gemini where a key is set, else by this machine
(bookstrack[ocr]); books are looked up in this machine's database and at the providers in use. With
--server all of that is done by that server. Exit code 1 when no book is found.
"""
_DOCTOR = """Check settings, storage and providers.

Says in words what is set, what works and what does not. Never prints a secret. Exit code 1 when
something does not work; warnings leave it at 0.
"""
_MIGRATE = """Apply pending database migrations.

Safe to run again, and from several machines at once.
"""
_FLAGS = """See and change which features are on, without a restart.

Flags lie in the database of this machine's settings; servers follow within ten seconds.
"""
_OPENAPI = """Print the OpenAPI document of this version."""

app = App(name="bookstrack", help=_ABOUT, version=__version__)
for _name, _place, _help in (  # loaded when they are called
    ("serve", "serve:serve", _SERVE),
    ("worker", "worker:worker", _WORKER),
    ("lookup", "lookup:lookup", _LOOKUP),
    ("import", "imports:import_file", _IMPORT),
    ("scan", "scan:scan", _SCAN),
    ("doctor", "doctor:doctor", _DOCTOR),
    ("migrate", "database:migrate", _MIGRATE),
    ("flags", "flags:flags", _FLAGS),
    ("openapi", "openapi:openapi", _OPENAPI),
):
    app.command(f"bookstrack.cli.{_place}", name=_name, help=_help)

_FAILED = 1
_WRONG_USE = 2
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command. Exit codes: 0 done, 1 failed, 2 wrong use or settings, 130 interrupted."""
    sys.exit(_code(arguments))


def _code(arguments: Sequence[str] | None) -> int:
    try:
        result = app(arguments, exit_on_error=False, print_error=True, result_action="return_value")
        sys.stdout.flush()
    except CycloptsError:
        return _WRONG_USE
    except (ConfigurationProblem, RequestProblem) as problem:
        say(problem)
        return _WRONG_USE
    except BooksTrackError as problem:
        say(problem)
        return _FAILED
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _FAILED
    except KeyboardInterrupt:
        return _INTERRUPTED
    return result if isinstance(result, int) else 0
