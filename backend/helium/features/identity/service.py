"""From a bearer token to a subject, and the life of API keys."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import msgspec
import structlog

from helium.core.errors import Forbidden, InvalidRequest, NotFound, Unauthenticated
from helium.db.database import Database
from helium.features.identity.key_format import ParsedKey, hash_secret, make_key, parse_key
from helium.features.identity.subject import ALL_SCOPES, Scope, Subject
from helium.kit.cache import ShortMemory
from helium.kit.clock import Clock
from helium.kit.ids import new_id
from helium.ports import Cache

log = structlog.get_logger()

# A revoked key works for this long at most, in processes that have just seen it. With a shared cache the
# process's own memory and the shared entry have a half each, so that together they are no longer.
CACHE_SECONDS = 10.0

NOT_SENT = "Send a token: `Authorization: Bearer hel_…`. On a laptop, `helium token` prints yours."
NOT_KNOWN = "This token is not known here. On a laptop, `helium token` prints the right one."


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    id: UUID
    name: str
    scopes: list[str]
    created_at: float
    revoked: bool


class _Known(msgspec.Struct, frozen=True):
    """What a shared cache holds for a token: nothing that is secret."""

    id: UUID
    workspace_id: UUID
    scopes: list[str]


class RateLimit(Protocol):
    """How many requests a key may send."""

    async def check(self, key: str) -> None:
        """Count one request. Raises `TooManyRequests`."""
        ...


class Identity:
    """Authentication for every route of this process."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        cache: Cache | None = None,
        rate_limit: RateLimit | None = None,
    ) -> None:
        self._db = database
        self._cache = cache
        self._rate_limit = rate_limit
        seconds = CACHE_SECONDS if cache is None else CACHE_SECONDS / 2
        self._known: ShortMemory[str, Subject] = ShortMemory(clock, seconds=seconds)

    async def authenticate(self, authorization: str | None) -> Subject:
        """The subject behind an `Authorization` header, whose request is counted. Raises
        `Unauthenticated`, `TooManyRequests`."""
        if authorization is None:
            raise Unauthenticated(NOT_SENT)
        subject = await self._known.get(authorization, lambda: self._read(authorization))
        if self._rate_limit is not None:
            await self._rate_limit.check(subject.id.hex)
        return subject

    async def _read(self, authorization: str) -> Subject:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated(NOT_SENT)
        return await self._look_up(token.strip())

    async def _look_up(self, token: str) -> Subject:
        parsed = parse_key(token)
        if parsed is None:
            raise Unauthenticated(NOT_KNOWN)
        known = await self._shared(token, parsed)
        return Subject(
            kind="api_key",
            id=known.id,
            workspace_id=known.workspace_id,
            scopes=frozenset(known.scopes),
        )

    async def _shared(self, token: str, parsed: ParsedKey) -> _Known:
        """What some process has found out about this token within the last seconds."""
        if self._cache is None:
            return await self._row(parsed)

        async def compute() -> object:
            return msgspec.to_builtins(await self._row(parsed))

        key = f"identity:{hashlib.sha256(token.encode()).hexdigest()}"
        tags = (_tag(parsed.id),)
        value = await self._cache.get_or_compute(key, compute, CACHE_SECONDS / 2, tags=tags)
        try:
            known = msgspec.convert(value, _Known)
        except msgspec.ValidationError:
            known = None
        if known is None or known.id != parsed.id:
            log.warning("cache.unreadable", namespace="identity")
            return await self._row(parsed)
        return known

    async def _row(self, parsed: ParsedKey) -> _Known:
        row = await self._db.fetchrow(
            "select id, workspace_id, secret_hash, scopes from api_key where id = $1"
            " and revoked_at is null and (expires_at is null or expires_at > clock_timestamp())",
            parsed.id,
        )
        if row is None or not hmac.compare_digest(row["secret_hash"], hash_secret(parsed.secret)):
            raise Unauthenticated(NOT_KNOWN)
        return _Known(row["id"], row["workspace_id"], list(row["scopes"]))

    async def create_key(
        self, workspace_id: UUID, name: str, scopes: tuple[str, ...] = ALL_SCOPES
    ) -> tuple[ApiKey, str]:
        """A new key and its text, which is not stored and cannot be shown again."""
        unknown = set(scopes) - set(ALL_SCOPES)
        if unknown:
            raise InvalidRequest(
                f"Unknown scope {sorted(unknown)[0]!r}. There are: {', '.join(ALL_SCOPES)}.",
                param="scopes",
            )
        key_id = new_id()
        text = make_key(key_id)
        parsed = parse_key(text)
        assert parsed is not None
        row = await self._db.fetchrow(
            "insert into api_key (id, workspace_id, name, secret_hash, scopes)"
            " values ($1, $2, $3, $4, $5)"
            " returning extract(epoch from created_at)::float8 as created_at",
            key_id,
            workspace_id,
            name,
            hash_secret(parsed.secret),
            list(scopes),
        )
        assert row is not None
        return ApiKey(
            id=key_id, name=name, scopes=list(scopes), created_at=row["created_at"], revoked=False
        ), text

    async def keys(self, subject: Subject) -> list[ApiKey]:
        rows = await self._db.fetch(
            "select id, name, scopes, extract(epoch from created_at)::float8 as created_at,"
            " revoked_at is not null as revoked from api_key where workspace_id = $1 order by id",
            subject.workspace_id,
        )
        return [ApiKey(**dict(row)) for row in rows]

    async def revoke(self, subject: Subject, key_id: UUID) -> None:
        """End a key, here at once and in other processes within 10 s. Raises `NotFound`."""
        row = await self._db.fetchrow(
            "update api_key set revoked_at = coalesce(revoked_at, clock_timestamp())"
            " where id = $1 and workspace_id = $2 returning id",
            key_id,
            subject.workspace_id,
        )
        if row is None:
            raise NotFound("There is no such key.")
        try:
            if self._cache is not None:
                await self._cache.invalidate(_tag(key_id))
        finally:
            # Last: what was looked up meanwhile may have come from the shared entry.
            self._known.clear()


def _tag(key_id: UUID) -> str:
    return f"identity:{key_id}"


def require(subject: Subject, scope: Scope) -> None:
    """Raises `Forbidden` unless the subject has this scope."""
    if not subject.may(scope):
        raise Forbidden(f"This key lacks the scope {scope!r}.")
