"""One attempt at one delivery: a signed POST to a checked address, or a mail; says how it went."""

import asyncio
import json
import smtplib
import socket
import ssl
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from typing import Final, Literal

import httpx
from standardwebhooks import Webhook

from backend.notices.rules import (
    MAIL,
    Notice,
    UrlPolicy,
    UrlRefused,
    envelope,
    message_id,
    require_address,
    require_url,
    subject_and_body,
)

ATTEMPT_S: Final = 10.0
"""How long an attempt may take in all."""
PHASE_S: Final = 5.0
GONE: Final = 410


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt went; `is_gone` where the receiver wants no more."""

    succeeded: bool
    status: str
    is_gone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings:
    """The server that takes the bank's mail."""

    host: str
    port: int
    sender: str
    security: Literal["none", "starttls", "tls"]
    user: str = ""
    password: str = ""


@dataclass(frozen=True, slots=True)
class Poster:
    """Posts notices to webhooks."""

    source: str
    policy: UrlPolicy
    attempt_s: float = ATTEMPT_S

    async def post(self, notice: Notice, url: str, secret: bytes, now: datetime) -> Outcome:
        """Sign and send; every redirect, refusal and silence is a failure with its name."""
        body = json.dumps(envelope(notice, self.source), ensure_ascii=False, separators=(",", ":"))
        name = message_id(notice.id)
        headers = {
            "content-type": "application/cloudevents+json",
            "webhook-id": name,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(secret).sign(name, now, body),
        }
        try:
            async with asyncio.timeout(self.attempt_s):
                return await self._send(url, body, headers)
        except TimeoutError:
            return Outcome(succeeded=False, status="timed_out")
        except UrlRefused:
            return Outcome(succeeded=False, status="url_refused")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            return Outcome(succeeded=False, status=type(error).__name__)

    async def _send(self, url: str, body: str, headers: dict[str, str]) -> Outcome:
        """To the very address that was judged, so that a name cannot lead elsewhere in between."""
        require_url(url, self.policy)
        asked = httpx.URL(url)
        address = await self._address_of(asked)
        host = asked.netloc.decode("ascii")
        limits = httpx.Timeout(PHASE_S)
        async with httpx.AsyncClient(timeout=limits, follow_redirects=False, trust_env=False) as client:
            request = client.build_request(
                "POST",
                asked.copy_with(host=address),
                content=body.encode(),
                headers={**headers, "host": host},
                extensions={"sni_hostname": asked.host},
            )
            answer = await client.send(request, stream=True)
            await answer.aclose()
        return Outcome(answer.is_success, str(answer.status_code), answer.status_code == GONE)

    async def _address_of(self, url: httpx.URL) -> str:
        port = url.port or (443 if url.scheme == "https" else 80)
        found = await asyncio.get_running_loop().getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
        addresses = [str(each[4][0]) for each in found]
        for each in addresses:
            require_address(each, self.policy)
        return addresses[0]


@dataclass(frozen=True, slots=True)
class Mailer:
    """Writes to people by SMTP."""

    settings: MailSettings

    async def post(self, notice: Notice, address: str, endpoint_id: str, now: datetime) -> Outcome:
        """Hand one mail to the server."""
        try:
            await asyncio.to_thread(self._send, self._letter(notice, address, endpoint_id, now))
        except smtplib.SMTPResponseException as error:
            return Outcome(succeeded=False, status=f"smtp {error.smtp_code}")
        except (smtplib.SMTPException, OSError) as error:
            return Outcome(succeeded=False, status=type(error).__name__)
        return Outcome(succeeded=True, status="accepted")

    def _letter(self, notice: Notice, address: str, endpoint_id: str, now: datetime) -> EmailMessage:
        letter = EmailMessage()
        subject, body = subject_and_body(notice)
        letter["From"], letter["To"], letter["Subject"] = self.settings.sender, address, subject
        letter["Date"] = now
        domain = self.settings.sender.rpartition("@")[2].strip("> ")
        letter["Message-ID"] = f"<{message_id(notice.id)}.{endpoint_id}@{domain}>"
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(body)
        return letter

    def _send(self, letter: EmailMessage) -> None:
        settings, context = self.settings, ssl.create_default_context()
        if settings.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.host, settings.port, timeout=PHASE_S, context=context
            )
        else:
            server = smtplib.SMTP(settings.host, settings.port, timeout=PHASE_S)
        with server:
            if settings.security == "starttls":
                server.starttls(context=context)
            if settings.user:
                server.login(settings.user, settings.password)
            server.send_message(letter)


def is_mail(url: str) -> bool:
    """Whether an endpoint is a person's mailbox."""
    return url.startswith(MAIL)
