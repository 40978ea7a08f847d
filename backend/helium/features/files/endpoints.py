"""`/v1/files`: files that people upload, in the shape of OpenAI's API."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from helium.core.errors import InvalidRequest
from helium.features.deps import SubjectDep
from helium.features.files.access import FileAccess
from helium.features.files.download import file_headers, not_modified, wanted_range
from helium.features.files.repository import FileRow, Order
from helium.features.files.service import FileService
from helium.features.files.upload_form import UploadForm
from helium.features.identity.service import require
from helium.kit.asgi import ClientLeft
from helium.kit.ids import from_wire, to_wire
from helium.kit.times import moment

router = APIRouter(
    prefix="/v1/files", tags=["files"], responses={"4XX": {"description": "An error in OpenAI's shape."}}
)


def get_files(request: Request) -> FileService:
    return request.app.state.files


FilesDep = Annotated[FileService, Depends(get_files)]


class FileOut(BaseModel):
    id: str
    object: Literal["file"]
    bytes: int
    created_at: int
    """seconds since 1970"""
    expires_at: int | None
    filename: str
    purpose: str
    status: Literal["processed"]
    content_type: str
    """by the file's first bytes"""
    sha256: str


class FileList(BaseModel):
    object: Literal["list"]
    data: list[FileOut]
    first_id: str | None
    last_id: str | None
    has_more: bool


class FileDeleted(BaseModel):
    id: str
    object: Literal["file"]
    deleted: Literal[True]


class FileLink(BaseModel):
    url: str | None
    """None: this installation's store gives no links. Take the content from here."""
    expires_at: datetime | None


_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "purpose"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "purpose": {"type": "string", "pattern": "^[a-z0-9_-]{1,64}$"},
                        "expires_after[anchor]": {"type": "string", "enum": ["created_at"]},
                        "expires_after[seconds]": {"type": "integer", "minimum": 3600, "maximum": 2592000},
                    },
                }
            }
        },
    }
}
_BYTES = {"schema": {"type": "string", "format": "binary"}}
_CONTENT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The bytes; with `link=true` a link to them.",
        "content": {
            "application/octet-stream": _BYTES,
            "application/json": {"schema": {"$ref": "#/components/schemas/FileLink"}},
        },
    },
    206: {"description": "The bytes of one `Range`.", "content": {"application/octet-stream": _BYTES}},
    304: {"description": "What `If-None-Match` names is still right."},
    416: {"description": "The file has no such bytes."},
}


def file_out(row: FileRow) -> FileOut:
    return FileOut(
        id=to_wire("file", row.id),
        object="file",
        bytes=row.size,
        created_at=int(row.created_at),
        expires_at=int(row.expires_at) if row.expires_at is not None else None,
        filename=row.name,
        purpose=row.purpose,
        status="processed",
        content_type=row.content_type,
        sha256=row.sha256.hex(),
    )


@router.post("", openapi_extra=_FORM, response_model=FileOut)
async def create_file(request: Request, subject: SubjectDep, files: FilesDep) -> Any:
    """Upload a file. It is stored while it arrives, and is there when this answers."""
    require(subject, "runs")
    length = request.headers.get("content-length", "")
    try:
        form = UploadForm(request.headers.get("content-type"), request.receive)
        row = await files.upload(subject.workspace_id, form, int(length) if length.isdecimal() else None)
    except ClientLeft:
        return Response(status_code=499)  # nobody reads it
    return file_out(row)


@router.get("")
async def list_files(
    subject: SubjectDep,
    files: FilesDep,
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
    order: Order = "desc",
    purpose: str | None = None,
) -> FileList:
    """The workspace's files by age; `after` is the last id of the page before."""
    last = from_wire("file", after) if after is not None else None
    if after is not None and last is None:
        raise InvalidRequest("This cursor is not one of ours. Take `last_id` as it is.", param="after")
    rows = await files.repository.page(
        subject.workspace_id, after=last, purpose=purpose, order=order, limit=limit + 1
    )
    shown = [file_out(row) for row in rows[:limit]]
    return FileList(
        object="list",
        data=shown,
        first_id=shown[0].id if shown else None,
        last_id=shown[-1].id if shown else None,
        has_more=len(rows) > limit,
    )


@router.get("/{file_id}")
async def get_file(file_id: str, subject: SubjectDep, files: FilesDep) -> FileOut:
    """What is known of one file."""
    return file_out(await FileAccess(files.repository).file(subject, file_id))


@router.delete("/{file_id}")
async def delete_file(file_id: str, subject: SubjectDep, files: FilesDep) -> FileDeleted:
    """Delete a file and its bytes."""
    require(subject, "runs")
    row = await FileAccess(files.repository).file(subject, file_id)
    await files.remove(row.id, row.blob_key)
    return FileDeleted(id=to_wire("file", row.id), object="file", deleted=True)


@router.get("/{file_id}/content", response_model=FileLink, responses=_CONTENT)
async def get_file_content(
    file_id: str, request: Request, subject: SubjectDep, files: FilesDep, link: bool = False
) -> Any:
    """The file's bytes, to be saved and never to be shown in place; or a link to them for a while."""
    row = await FileAccess(files.repository).file(subject, file_id)
    if link:
        made = await files.link(row)
        return FileLink(url=made and made.url, expires_at=moment(made.expires_at) if made else None)
    if not_modified(request.headers, row):
        return Response(status_code=304, headers=file_headers(row))
    span = wanted_range(request.headers, row)
    if span is not None and span[0] >= span[1]:
        return Response(status_code=416, headers={"content-range": f"bytes */{row.size}"})
    chunks = (
        files.blobs.get(row.blob_key, start=span[0], end=span[1]) if span else files.blobs.get(row.blob_key)
    )
    first = await anext(chunks, b"")  # what is missing or away is an error's answer, not a broken one
    return StreamingResponse(
        _all(first, chunks), 206 if span else 200, file_headers(row, span), media_type=row.content_type
    )


async def _all(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk
