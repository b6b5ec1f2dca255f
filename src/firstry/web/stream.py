"""A file that is sent while it is made, by API and console alike."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import Executor

from starlette.responses import StreamingResponse

from firstry.insight.table import Table, TableFormat, written
from firstry.web.header import NEVER_STORED


def table_response(
    table: Table,
    format_: TableFormat,
    threads: Executor,
    headers: Mapping[str, str] = NEVER_STORED,
    *,
    is_head: bool,
) -> StreamingResponse:
    """Return a whole list as a file to be saved, made in `threads` page by page.

    The first page is made here, by the caller, so its errors are the caller's. Where a
    later one fails the connection ends without an end of the body, so that nobody takes
    a part for the whole.
    """
    pieces = written(table, format_)
    name = f'attachment; filename="firstry-{table.name}.{format_}"'
    flow = _flow(next(pieces, b""), pieces, threads, is_head=is_head)
    return StreamingResponse(
        flow, 200, {**headers, "content-disposition": name}, format_.media_type
    )


async def _flow(
    first: bytes, pieces: Iterator[bytes], threads: Executor, *, is_head: bool
) -> AsyncIterator[bytes]:
    loop, piece = asyncio.get_running_loop(), first
    while piece and not is_head:
        yield piece
        piece = await loop.run_in_executor(threads, next, pieces, b"")
