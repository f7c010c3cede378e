"""Holds the console's door while there is no console yet: a page that says how far the stage is set.

The address stays the same however often the parts begin anew: whoever has it open is led on by themselves.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import Response

from backend.app.api_serving import listen
from backend.console.demonstration import Demonstration
from backend.console.rendering import Renderer
from backend.console.routes import static
from backend.console.shielding import Shield
from backend.console.visiting import reader_of
from backend.story.processes import ProcessSilent
from backend.web.ports import Ports
from contracts.loopback import HOST

OPEN_WITHIN_S: Final = 20
POLL_S: Final = 0.02
AWAY: Final = 503


@dataclass(slots=True)
class Front:
    """The console's address; `open` and `give_way` take turns with the API that listens there."""

    port: int
    folder: Path
    """Where the demonstration and the console's bar speak."""
    zone: str = "Asia/Shanghai"
    _server: uvicorn.Server | None = None
    _thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """What a browser is told."""
        return f"http://{HOST}:{self.port}"

    @property
    def demonstration(self) -> Demonstration:
        """The two files in the folder."""
        return Demonstration(self.folder)

    def settings(self) -> Mapping[str, object]:
        """What the API is told, so that its pages show the bar and let anybody in by one click."""
        return {"demo_sign_in": True, "demo_folder": self.folder}

    def open(self) -> None:
        """Answer every page with how far the stage is set.

        Raises:
            PortTaken: somebody else listens there.
            ProcessSilent: it does not come up.
        """
        listening = listen(HOST, self.port)
        room = waiting_room(self.demonstration, self.zone)
        config = uvicorn.Config(room, log_config=None, access_log=False)
        self._server = uvicorn.Server(config)
        told = {"sockets": [listening]}
        self._thread = threading.Thread(target=self._server.run, kwargs=told, name="front", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + OPEN_WITHIN_S
        while not self._server.started:
            if time.monotonic() > deadline:
                raise ProcessSilent(name="front", waited_s=OPEN_WITHIN_S)
            time.sleep(POLL_S)

    def give_way(self) -> None:
        """Let the port go; what is being answered is answered first."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(OPEN_WITHIN_S)
        self._server = self._thread = None


def waiting_room(demonstration: Demonstration, zone: str) -> FastAPI:
    """An app whose every page says that the stage is being set."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.ports = Ports(demonstration, Renderer.at(zone))
    app.add_middleware(Shield)
    app.add_api_route("/static/{name}", static)

    @app.get("/{path:path}")
    def wait(path: str, request: Request) -> Response:
        """Whatever was asked for."""
        del path
        page = reader_of(request).page("demo_waiting.html", status=AWAY)
        page.headers.update({"Cache-Control": "no-store", "Retry-After": "1"})
        return page

    return app
