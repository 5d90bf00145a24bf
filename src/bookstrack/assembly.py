"""Settings to running parts: opens everything in order, closes in reverse.

The only module that knows all concrete classes.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random

import structlog
from msgspec import Struct

from bookstrack import __version__
from bookstrack.access.flags import Flags, default_flags
from bookstrack.access.tokens import ApiTokens
from bookstrack.background import Background
from bookstrack.cache.cold import ColdStore
from bookstrack.cache.policy import Lifetimes
from bookstrack.cache.tiers import TieredCache
from bookstrack.catalogue.asking import Questioner
from bookstrack.catalogue.authors import Biographer
from bookstrack.catalogue.finding import Finder
from bookstrack.catalogue.identify import Identifier
from bookstrack.catalogue.local import LocalCatalogue
from bookstrack.catalogue.search import Catalogue
from bookstrack.clock import Clock, SystemClock
from bookstrack.covers.proxy import ImageProxy, allowed_hosts
from bookstrack.enrichment.enricher import Enricher
from bookstrack.errors import StorageProblem
from bookstrack.health import Health
from bookstrack.jobs.board import JobBoard
from bookstrack.jobs.crew import Crew, Surroundings
from bookstrack.jobs.engine import Engine
from bookstrack.jobs.feeds import Feeds
from bookstrack.jobs.pipeline import Pipeline
from bookstrack.jobs.secret import job_secret
from bookstrack.limits.limiter import Limiter
from bookstrack.maintenance import Maintenance
from bookstrack.pipelines.batch_enrichment import BatchEnrichment
from bookstrack.pipelines.bookshelf_scan import BookshelfScan, ScanParts
from bookstrack.pipelines.csv_parts import open_import
from bookstrack.pipelines.import_workflow import ImportWorkflow, WorkflowParts
from bookstrack.pipelines.scan_readers import Readers, open_readers
from bookstrack.providers import google_books, isbndb, open_library, wikidata
from bookstrack.providers.base import Provider
from bookstrack.providers.gemini import Gemini
from bookstrack.providers.gemini import channel_options as gemini_options
from bookstrack.providers.roster import Roster, outside_providers
from bookstrack.readers.keeping import AnswerCache
from bookstrack.readers.on_device import OwnBooks
from bookstrack.sample.load import sample_records
from bookstrack.settings import ProviderSettings, Settings, StorageSettings
from bookstrack.storage.bus.base import Bus
from bookstrack.storage.database.catalogue import CatalogueStore
from bookstrack.storage.database.cold_index import ColdIndex
from bookstrack.storage.database.environment import environment_of, mark_environment
from bookstrack.storage.database.flags import FlagStore
from bookstrack.storage.database.idempotency import (
    Claim,
    ClaimState,
    Idempotency,
    StoredAnswer,
)
from bookstrack.storage.database.job_store import JobStore
from bookstrack.storage.database.migrate import migrate, pending
from bookstrack.storage.database.titles import TitleList
from bookstrack.storage.database.tokens import TokenStore
from bookstrack.storage.database.usage import DatabaseLedger, DatabaseSlots
from bookstrack.storage.engine_address import engine_address
from bookstrack.storage.urls import Storage, open_bus, open_storage
from bookstrack.telemetry.history import History
from bookstrack.telemetry.metrics import Metrics
from bookstrack.telemetry.reporting import Prices, Reports, Standing
from bookstrack.upstream.breaker import BreakerRules
from bookstrack.upstream.client import Channel, Upstream, open_upstream
from bookstrack.upstream.pacing import MemorySlots, Slots
from bookstrack.upstream.pictures import open_pictures

log = structlog.get_logger(__name__)

__all__ = [
    "Assembly",
    "Claim",
    "ClaimState",
    "Running",
    "StoredAnswer",
    "migrate_database",
    "migrations_pending",
    "open_assembly",
]


class Running(Struct, kw_only=True):
    """What changes while the process runs; ``started`` is monotonic seconds."""

    started: float
    draining: bool = False


class Assembly(Struct, frozen=True, kw_only=True):
    """Every part the transports use."""

    running: Running

    settings: Settings
    clock: Clock
    metrics: Metrics
    storage: Storage
    bus: Bus
    store: CatalogueStore
    catalogue: Catalogue
    limiter: Limiter
    tokens: ApiTokens
    flags: Flags
    idempotency: Idempotency
    images: ImageProxy
    channels: tuple[Channel, ...]
    health: Health
    reports: Reports
    background: Background
    improving: Background
    crew: Crew
    shelf_readers: Readers
    new_id: Callable[[], str]

    @property
    def board(self) -> JobBoard:
        """Return the door to all jobs."""
        return self.crew.board

    @property
    def feeds(self) -> Feeds:
        """Return the shared event streams of jobs."""
        return self.crew.feeds

    @property
    def engine(self) -> Engine:
        """Return what runs jobs in this process, once ``crew`` is open."""
        return self.crew.engine

    async def environment_marker(self) -> str | None:
        """Return the environment that last served from this database."""
        return await environment_of(self.storage.database)

    async def mark_environment(self) -> None:
        """Remember that this environment serves from the database; warn where another one does."""
        name = self.settings.server.environment
        try:
            before = await environment_of(self.storage.database)
            if before is not None and before != name:
                log.warning("environments_share_storage", served_as=before, now=name)
            await mark_environment(self.storage.database, name, now=self.clock.time())
        except StorageProblem as problem:
            log.warning("environment_unmarked", problem=problem.message)


@asynccontextmanager
async def open_assembly(
    settings: Settings, *, clock: Clock | None = None, rng: Random | None = None
) -> AsyncGenerator[Assembly]:
    """Open every part; leaving closes them in reverse.

    Raises:
        ConfigurationProblem: a setting cannot be used.
        StorageUnavailable: the embedded database cannot be opened.
    """
    clock = clock or SystemClock()
    rng = rng or Random(secrets.randbits(64))  # noqa: S311 spreads retries, keeps no secret
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        storage = await stack.enter_async_context(
            open_storage(
                settings.storage, clock=clock, metrics=metrics, workers=settings.server.workers
            )
        )
        bus = await stack.enter_async_context(open_bus(settings.storage, clock=clock))
        store = CatalogueStore(storage.database, clock)
        if settings.storage.sample_data and await store.count() == 0:
            await store.save(sample_records())
        upstream = await stack.enter_async_context(
            _open_upstream(settings, storage, clock, rng, metrics)
        )
        roster = Roster(
            _providers(settings.providers, upstream, clock), order=settings.providers.order
        )
        gemini = _gemini(settings.providers, upstream)
        for channel in upstream.channels:
            await channel.recall()
        background = Background()
        improving = Background()
        for tasks in (background, improving):
            stack.push_async_callback(tasks.close)
        flags = _flags(settings, storage, bus, clock)
        stack.callback(flags.close)
        catalogue = _catalogue(
            settings, storage, store, roster, clock, metrics, background, improving, flags, stack
        )
        history = History(metrics, clock)
        maintenance = Maintenance(storage, clock, metrics=metrics, history=history)
        stack.push_async_callback(maintenance.close)
        maintenance.start()
        images = await _open_images(settings, storage, clock, rng, stack)
        own = OwnBooks(TitleList(storage.database), clock)
        readers = open_readers(settings, gemini=gemini, own=own, catalogue=catalogue, clock=clock)
        crew = Crew(
            _surroundings(settings, storage, bus, clock, metrics),
            [
                *_pipelines(settings, storage, catalogue, readers),
                ImportWorkflow(
                    WorkflowParts(
                        catalogue=catalogue, store=store, images=images, blobs=storage.blobs
                    )
                ),
                open_import(
                    settings, storage, catalogue, gemini, roster=roster, flags=flags, clock=clock
                ),
            ],
        )
        stack.push_async_callback(crew.close)
        yield Assembly(
            running=Running(started=clock.monotonic()),
            settings=settings,
            clock=clock,
            metrics=metrics,
            storage=storage,
            bus=bus,
            store=store,
            catalogue=catalogue,
            limiter=Limiter(
                settings.limits, clock=clock, metrics=metrics, counters=storage.counters
            ),
            tokens=ApiTokens(TokenStore(storage.database), clock),
            flags=flags,
            idempotency=Idempotency(storage.database, clock),
            images=images,
            channels=upstream.channels,
            health=Health(storage, upstream.channels, crew, clock),
            reports=Reports(
                metrics,
                history,
                clock,
                standings=lambda: [_standing(channel) for channel in upstream.channels],
                prices=_prices(settings.storage, storage),
            ),
            background=background,
            improving=improving,
            crew=crew,
            shelf_readers=readers,
            new_id=_ids().__next__,
        )


def _pipelines(
    settings: Settings, storage: Storage, catalogue: Catalogue, readers: Readers
) -> list[Pipeline]:
    """Return what jobs can do here: the table of pipelines."""
    enricher, at_once = Enricher(catalogue), settings.providers.concurrency
    scan = ScanParts(
        readers=readers,
        enricher=enricher,
        answers=AnswerCache(storage.kv),
        blobs=storage.blobs,
        at_once=at_once,
        keep_photos=settings.imports.keep_scan_photos,
    )
    return [BatchEnrichment(enricher, at_once=at_once), BookshelfScan(scan)]


def _gemini(settings: ProviderSettings, upstream: Upstream) -> Gemini | None:
    """Return the AI that reads, where there is a key for it."""
    if settings.offline or not settings.gemini.api_key:
        return None
    return Gemini(upstream.channel(gemini_options(settings.gemini, settings)))


def _surroundings(
    settings: Settings, storage: Storage, bus: Bus, clock: Clock, metrics: Metrics
) -> Surroundings:
    return Surroundings(
        store=JobStore(storage.database),
        blobs=storage.blobs,
        bus=bus,
        clock=clock,
        settings=settings.jobs,
        metrics=metrics,
        secret=job_secret(settings.jobs.secret_key, data_dir=settings.storage.data_dir),
        engine_address=engine_address(settings.storage),
    )


def _flags(settings: Settings, storage: Storage, bus: Bus, clock: Clock) -> Flags:
    return Flags(
        FlagStore(storage.database),
        clock,
        defaults=default_flags(ai=bool(settings.providers.gemini.api_key)),
        mirror=storage.kv,
        bus=bus,
    )


def _standing(channel: Channel) -> Standing:
    state = channel.state()
    return Standing(
        name=channel.name,
        breaker="disabled" if state.disabled else state.breaker.value,
        quota_used=state.quota_used,
        quota_limit=state.quota_limit,
    )


def _prices(asked: StorageSettings, storage: Storage) -> Prices:
    """Return what reads cost; stores of this machine cost nothing."""
    prices = Prices()
    return Prices(
        kv=0.0 if storage.kv.reads_inline else prices.kv,
        cold=prices.cold if asked.object_store.startswith("s3:") else 0.0,
    )


def _ids() -> Generator[str]:
    """Yield random ids of 32 hex digits; the system is asked for many at once, which is cheap."""
    while True:
        drawn = secrets.token_hex(16 * 256)
        yield from (drawn[at : at + 32] for at in range(0, len(drawn), 32))


@asynccontextmanager
async def _open_upstream(
    settings: Settings, storage: Storage, clock: Clock, rng: Random, metrics: Metrics
) -> AsyncGenerator[Upstream]:
    asked = settings.providers
    shared = storage.database.dialect == "postgresql" or settings.server.workers > 1
    slots: Slots = DatabaseSlots(storage.database, clock) if shared else MemorySlots(clock)
    async with open_upstream(
        clock=clock,
        rng=rng,
        user_agent=user_agent(settings),
        metrics=metrics,
        ledger=DatabaseLedger(storage.database),
        slots=slots,
        rules=BreakerRules(
            failures=asked.circuit_failures,
            successes=asked.circuit_successes,
            cooldown_s=asked.circuit_cooldown_s,
        ),
        processes=settings.server.workers,
    ) as upstream:
        yield upstream


def user_agent(settings: Settings) -> str:
    """Return the name we give to providers, who ask for an address to turn to."""
    if settings.providers.user_agent:
        return settings.providers.user_agent
    contact = "; ".join(
        part for part in (settings.server.public_url, settings.providers.contact_email) if part
    )
    return f"BooksTrack/{__version__}" + (f" (+{contact})" if contact else "")


def _providers(settings: ProviderSettings, upstream: Upstream, clock: Clock) -> list[Provider]:
    """Return the providers in use: a provider without its key is absent, not failing."""
    if settings.offline:
        return []
    found: list[Provider] = []
    if settings.google.api_key or settings.google.anonymous:
        options = google_books.channel_options(settings.google, settings)
        found.append(google_books.GoogleBooks(upstream.channel(options), clock))
    options = open_library.channel_options(settings.openlibrary, settings)
    found.append(
        open_library.OpenLibrary(
            upstream.channel(options), clock, covers_base_url=settings.openlibrary.covers_base_url
        )
    )
    if settings.isbndb.api_key:
        options = isbndb.channel_options(settings.isbndb, settings)
        found.append(isbndb.Isbndb(upstream.channel(options), clock))
    if settings.wikidata.enabled:
        options = wikidata.channel_options(settings.wikidata, settings)
        found.append(
            wikidata.Wikidata(
                upstream.channel(options), use_ethnicity=settings.wikidata.use_ethnicity
            )
        )
    found.extend(make(upstream=upstream, clock=clock) for make in outside_providers())
    return found


def _catalogue(
    settings: Settings,
    storage: Storage,
    store: CatalogueStore,
    roster: Roster,
    clock: Clock,
    metrics: Metrics,
    background: Background,
    improving: Background,
    flags: Flags,
    stack: AsyncExitStack,
) -> Catalogue:
    tiers = TieredCache(
        storage.kv,
        clock=clock,
        metrics=metrics,
        settings=settings.cache,
        cold=ColdStore(storage.blobs, ColdIndex(storage.database), clock),
    )
    questioner = Questioner(clock, hedge_s=settings.providers.hedge_ms / 1000)
    biographer = Biographer(
        store,
        roster,
        clock,
        wait_s=settings.providers.facts_wait_ms / 1000,
        lifetime_s=settings.cache.wikidata_s,
        switches=flags,
    )
    for part in (biographer, questioner, tiers):
        stack.push_async_callback(part.close)
    finder = Finder(
        store,
        roster,
        questioner,
        biographer,
        lifetimes=Lifetimes(settings.cache),
        clock=clock,
        background=background,
        improving=improving,
        replace=tiers.replace,
        settings=settings.providers,
        switches=flags,
    )
    return Catalogue(
        tiers,
        finder,
        roster,
        questioner,
        LocalCatalogue(store),
        identifier=Identifier(tiers, finder, roster, questioner, store, flags),
        strict_isbn=settings.api.isbn_strict,
        editions_page=settings.providers.max_results,
    )


async def _open_images(
    settings: Settings, storage: Storage, clock: Clock, rng: Random, stack: AsyncExitStack
) -> ImageProxy:
    hosts = allowed_hosts(
        settings.api.image_hosts, covers_base_url=settings.providers.openlibrary.covers_base_url
    )
    fetcher = await stack.enter_async_context(
        open_pictures(hosts=hosts, clock=clock, rng=rng, user_agent=user_agent(settings))
    )
    images = ImageProxy(storage.blobs, fetcher, hosts=hosts)
    stack.push_async_callback(images.close)
    return images


def migrations_pending(url: str) -> bool:
    """Tell whether a database has yet to be brought to this version's form.

    Raises:
        ConfigurationProblem: the database is newer than this program, or the URL cannot be used.
        StorageUnavailable: it cannot be reached.
    """
    return pending(url)


def migrate_database(url: str) -> bool:
    """Bring a database to this version's form; return whether anything had to be done.

    Raises:
        ConfigurationProblem: the database is newer than this program, or the URL cannot be used.
        StorageUnavailable: it cannot be reached.
    """
    if not pending(url):
        return False
    migrate(url)
    return True
