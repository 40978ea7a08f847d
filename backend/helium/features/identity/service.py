"""From a bearer token to a subject, and the life of API keys."""

import hmac
from dataclasses import dataclass
from uuid import UUID

from helium.core.errors import Forbidden, InvalidRequest, NotFound, Unauthenticated
from helium.db.database import Database
from helium.features.identity.key_format import hash_secret, make_key, parse_key
from helium.features.identity.subject import ALL_SCOPES, Scope, Subject
from helium.kit.cache import ShortMemory
from helium.kit.clock import Clock
from helium.kit.ids import new_id

# A revoked key works for this long at most, in processes that have just seen it.
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


class Identity:
    """Authentication for every route of this process."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._known: ShortMemory[str, Subject] = ShortMemory(clock, seconds=CACHE_SECONDS)

    async def authenticate(self, authorization: str | None) -> Subject:
        """The subject behind an `Authorization` header. Raises `Unauthenticated`."""
        if authorization is None:
            raise Unauthenticated(NOT_SENT)
        return await self._known.get(authorization, lambda: self._read(authorization))

    async def _read(self, authorization: str) -> Subject:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated(NOT_SENT)
        return await self._look_up(token.strip())

    async def _look_up(self, token: str) -> Subject:
        parsed = parse_key(token)
        if parsed is None:
            raise Unauthenticated(NOT_KNOWN)
        row = await self._db.fetchrow(
            "select id, workspace_id, secret_hash, scopes from api_key where id = $1"
            " and revoked_at is null and (expires_at is null or expires_at > clock_timestamp())",
            parsed.id,
        )
        if row is None or not hmac.compare_digest(row["secret_hash"], hash_secret(parsed.secret)):
            raise Unauthenticated(NOT_KNOWN)
        return Subject(
            kind="api_key",
            id=row["id"],
            workspace_id=row["workspace_id"],
            scopes=frozenset(row["scopes"]),
        )

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
        self._known.clear()


def require(subject: Subject, scope: Scope) -> None:
    """Raises `Forbidden` unless the subject has this scope."""
    if not subject.may(scope):
        raise Forbidden(f"This key lacks the scope {scope!r}.")
