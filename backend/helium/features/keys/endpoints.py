"""`/v1/api-keys`: made, listed, revoked. A key's text is in the answer to its making and nowhere else."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from helium.core.errors import Forbidden, NotFound
from helium.features.deps import ProductDep, SubjectDep
from helium.features.identity.service import ApiKey, require
from helium.features.identity.subject import ALL_SCOPES
from helium.kit.ids import from_wire, to_wire
from helium.kit.times import moment

router = APIRouter(prefix="/v1/api-keys", tags=["api keys"])


class KeyCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=1, max_length=100)]
    scopes: list[str] = list(ALL_SCOPES)


class KeyOut(BaseModel):
    id: str
    name: str
    scopes: list[str]
    revoked: bool
    created_at: datetime


class NewKeyOut(KeyOut):
    key: Annotated[str, Field(description="Shown this once. Keep it somewhere safe.")]


class KeyList(BaseModel):
    data: list[KeyOut]


def key_out(key: ApiKey) -> KeyOut:
    return KeyOut(
        id=to_wire("key", key.id),
        name=key.name,
        scopes=key.scopes,
        revoked=key.revoked,
        created_at=moment(key.created_at),
    )


@router.post("", status_code=201)
async def create_key(body: KeyCreate, subject: SubjectDep, product: ProductDep) -> NewKeyOut:
    """Make an API key for this workspace."""
    require(subject, "keys")
    for scope in body.scopes:
        if not subject.may(scope):
            raise Forbidden(f"Your own key lacks the scope {scope!r}, so it cannot give it away.")
    key, text = await product.identity.create_key(
        subject.workspace_id, body.name.replace("\x00", ""), tuple(body.scopes)
    )
    return NewKeyOut(**key_out(key).model_dump(), key=text)


@router.get("")
async def list_keys(subject: SubjectDep, product: ProductDep) -> KeyList:
    """The workspace's keys, without their texts."""
    require(subject, "keys")
    return KeyList(data=[key_out(key) for key in await product.identity.keys(subject)])


@router.delete("/{key_id}", status_code=204)
async def revoke_key(key_id: str, subject: SubjectDep, product: ProductDep) -> None:
    """End a key. It stops working within ten seconds everywhere."""
    require(subject, "keys")
    found = from_wire("key", key_id)
    if found is None:
        raise NotFound("There is no such key.")
    await product.identity.revoke(subject, found)
