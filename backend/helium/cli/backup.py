"""`helium backup`, `helium restore` and `helium drill restore`."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

import asyncpg
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from helium.adapters.blobs import ObjectBlobs, open_blobs
from helium.adapters.embedded_postgres import EmbeddedPostgres
from helium.backup import Archive, BackupFailed, Backups, Keyring, Manifest, drill, restore, take_backup
from helium.backup.sealing import new_data_key
from helium.backup.taking import Tell
from helium.bootstrap.secrets import resolved
from helium.cli.database import open_url
from helium.cli.failure import Failure
from helium.db.database import CONNECTION_ERRORS
from helium.kit.clock import Clock, SystemClock
from helium.kit.times import moment
from helium.settings import Settings

KEY = "HELIUM_BACKUP_KEY"
console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


async def back_up(settings: Settings, *, to: str | None, name: str | None, keep: int | None) -> None:
    """Make a backup; then delete old ones, if it is said how many to keep."""
    clock = SystemClock()
    keyring = await _keyring(settings, clock)
    if keyring is None:
        _without_key(settings)
    place = await _open_backups(settings, to)
    name = name or moment(clock.time()).strftime("%Y%m%dt%H%M%Sz-") + os.urandom(2).hex()
    with _sentences():
        backups = Backups(place, keyring)
        await backups.must_be_free(name)
        archive = Archive(place, name, new_data_key() if keyring else None)
        live = await _open_place(settings, live_url(settings))
        async with open_url(settings) as url:
            with _progress() as tell:
                manifest = await take_backup(url, archive, live, clock, keyring=keyring, tell=tell)
        _show(manifest, settings)
        for gone in await backups.prune(keep, clock.time()) if keep else []:
            console.print(f"Deleted {gone}.")


async def restore_from(settings: Settings, *, source: str | None, name: str) -> int:
    """Restore into the database and the object store of these settings; 1 if the checker objects."""
    with _sentences():
        archive, manifest = await _found(settings, source, name)
        live = await _open_place(settings, live_url(settings))
        async with open_url(settings) as url:
            with _progress() as tell:
                done = await restore(url, archive, manifest, live, tell)
    console.print(
        f"Restored {manifest.name}: {_many(done.rows, 'row')}, {_many(done.stored, 'file')}"
        f" ({done.blobs - done.stored:,} were there);"
        f" {_many(done.requeued, 'run')} went back to the queue."
    )
    if done.lost:
        console.print(f"[yellow]Gone: {_many(done.lost, 'file')} of which the backup has no bytes.[/]")
    return _verdict(done.violations)


async def drill_from(settings: Settings, *, source: str | None, name: str, embedded: bool) -> int:
    """Restore into a database that is dropped again; 0 if the backup is good."""
    with _sentences():
        archive, manifest = await _found(settings, source, name)
        async with _drill_server(settings, embedded=embedded) as url:
            with _progress() as tell:
                shown = await drill(url, archive, manifest, SystemClock(), tell)
    done = shown.restored
    console.print(f"Backup           {manifest.name}, {_size(manifest.size)}, schema {manifest.schema}")
    console.print(
        f"Restored         {_many(done.rows, 'row')}; {_many(done.blobs, 'file')} read and verified"
    )
    console.print(
        f"Recovery point   {_age(shown.recovery_point_seconds)} ago ({_time(manifest.snapshot_at)})"
    )
    console.print(f"Recovery time    {shown.recovery_seconds:.1f} s")
    return _verdict(done.violations)


def live_url(settings: Settings) -> str:
    """Where files are kept."""
    return settings.blobs.url or (settings.home / "blobs").as_uri()


def overlap(one: str, other: str) -> bool:
    """Whether one of two places is within the other."""
    first, second = _parts(one), _parts(other)
    shorter = min(len(first), len(second))
    return first[:shorter] == second[:shorter]


def _parts(url: str) -> list[str]:
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.scheme == "file":
        path = str(Path(path).resolve())
    return [parts.scheme, parts.netloc, *(part for part in path.split("/") if part)]


async def _open_backups(settings: Settings, given: str | None) -> ObjectBlobs:
    """The place of backups, which is never one of live files."""
    if given is None and settings.environment == "production":
        raise Failure("Say where backups are: --to or --from gs://bucket/folder, or HELIUM_BACKUP_URL.")
    url = given or (settings.home / "backups").as_uri()
    if await asyncio.to_thread(overlap, url, live_url(settings)):
        raise Failure("Backups and live files must not be in one folder: choose another one.")
    return await _open_place(settings, url)


async def _open_place(settings: Settings, url: str) -> ObjectBlobs:
    own = settings.blobs
    parts: SplitResult = urlsplit(url)
    # One S3 address and region serve both; a backup on another cloud is found by that cloud's own rules.
    same = parts.scheme == (urlsplit(own.url).scheme or parts.scheme)
    try:
        return await asyncio.to_thread(
            open_blobs, url, endpoint=own.endpoint if same else "", region=own.region if same else ""
        )
    except ValueError as error:
        raise Failure(str(error)) from None
    except OSError as error:
        raise Failure(f"The folder of {url} cannot be used ({error.strerror}).") from None


async def _keyring(settings: Settings, clock: Clock) -> Keyring | None:
    given = os.environ.get(KEY, "").strip()
    if not given:
        return None
    with _sentences():
        return Keyring.parse(await resolved(settings, clock, KEY, given))


def _without_key(settings: Settings) -> None:
    if settings.environment == "production":
        raise Failure(
            f"Backups are encrypted in production: set {KEY} to what `openssl rand -base64 32` prints,"
            " and keep that key where the backups are not."
        )
    errors.print(f"[yellow]Warning:[/] {KEY} is not set, so this backup is not encrypted.")


async def _found(settings: Settings, source: str | None, name: str) -> tuple[Archive, Manifest]:
    keyring = await _keyring(settings, SystemClock())
    place = await _open_backups(settings, source)
    return await Backups(place, keyring).open(name)


@asynccontextmanager
async def _drill_server(settings: Settings, *, embedded: bool) -> AsyncGenerator[str]:
    if not embedded:
        async with open_url(settings) as url:
            yield url
        return
    home = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="helium-drill-"))
    server = EmbeddedPostgres(home)
    try:
        # Root's server runs as another account, which must be able to enter.
        await asyncio.to_thread(home.chmod, 0o711)
        yield await asyncio.to_thread(server.start)
    finally:
        await asyncio.to_thread(server.stop, force=True)
        await asyncio.to_thread(shutil.rmtree, home, ignore_errors=True)


@contextmanager
def _sentences() -> Generator[None]:
    """What a person can mend, as one sentence."""
    try:
        yield
    except BackupFailed as error:
        raise Failure(str(error)) from None
    except CONNECTION_ERRORS:
        raise
    except asyncpg.PostgresError as error:
        # Without its detail, which may hold a row.
        raise Failure(f"The database refuses: {str(error).partition(chr(10))[0]}.") from error


@contextmanager
def _progress() -> Generator[Tell]:
    """Bytes, before they are compressed; nothing where nobody watches."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    shown: dict[str, TaskID] = {}
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:

        def tell(what: str, size: int) -> None:
            if what not in shown:
                shown[what] = progress.add_task(what, total=None)
            progress.advance(shown[what], size)

        yield tell


def _show(manifest: Manifest, settings: Settings) -> None:
    files = manifest.files
    console.print(
        f"Backed up {_many(manifest.rows, 'row')} and {_many(files.blobs, 'file')} as {manifest.name}:"
        f" {_size(manifest.size)} in {manifest.finished_at - manifest.began_at:.1f} s."
    )
    if files.missing:
        console.print(f"[yellow]{_many(files.missing, 'file')} without bytes: just deleted, or lost.[/]")
    if files.damaged:
        console.print(f"[yellow]{_many(files.damaged, 'file')} not as uploaded; saved as found.[/]")
    if not settings.blobs.url:
        console.print(f"Not in it: what tools wrote below {settings.home / 'files'}.")


def _verdict(violations: tuple[str, ...]) -> int:
    for line in violations:
        console.print(f"[red]{line}[/]")
    console.print("[red]The checker objects.[/]" if violations else "The checker finds nothing wrong.")
    return int(bool(violations))


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _size(size: int) -> str:
    return f"{size / 1024**2:,.1f} MiB"


def _age(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours} h {minutes} min"
        if hours
        else f"{minutes} min {rest} s"
        if minutes
        else f"{seconds:.1f} s"
    )


def _time(seconds: float) -> str:
    return moment(seconds).strftime("%Y-%m-%d %H:%M:%S UTC")
