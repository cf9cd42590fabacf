"""Answers that are files, written for one request into a temporary folder."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from fastapi import Request, Response
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from hqsam.serving.http.disconnect import while_connected
from hqsam.serving.scheduler.request_context import RequestContext
from hqsam.serving.service import Service


async def file_answer(
    request: Request, context: RequestContext, service: Service, write: Callable[[Path], Path]
) -> Response:
    """Return a file that is written when it is the client's turn; its folder is removed when it was sent.

    Args:
        request: the request, which is watched for its client to leave.
        context: the client.
        service: the server.
        write: writes into a folder, and returns the file.

    Raises:
        ClientDisconnected: the client has left.
        QueueFullError: too many wait already.
    """
    folder = Path(tempfile.mkdtemp(prefix="hqsam-"))
    try:
        path = await while_connected(request, context, service.openings.submit(context, lambda: write(folder)))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    cleanup = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    return FileResponse(path, filename=path.name, media_type="application/octet-stream", background=cleanup)
