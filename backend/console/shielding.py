"""The policy that every answer carries which does not say its own: no foreign code, no frame, no base."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.console.rendering import policy

HEADERS = (
    (b"content-security-policy", policy().encode("ascii")),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class Shield:
    """Wraps the app; pure ASGI, so that events pass through as they come."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""

        async def shielded(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                also = [header for header in HEADERS if header[0] not in given]
                message["headers"] = [*message["headers"], *also]
            await send(message)

        await self._app(scope, receive, shielded)
