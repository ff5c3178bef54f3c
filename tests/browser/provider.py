"""A small real OpenID Connect provider: code flow, RS256, discovery. It asks who one wants to be."""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import uvicorn
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT, CLIENT_SECRET = "lab", "the lab's own secret"


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Provider:
    """Knows people by their claims; whoever is picked on its page is signed in.

    Args:
        url: Its own address.
        people: Claims of everybody, by the word that they are picked by.
    """

    def __init__(self, url: str, people: dict[str, dict[str, Any]]) -> None:
        self.url, self.people = url, people
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._codes: dict[str, tuple[str, str]] = {}
        self._tokens: dict[str, str] = {}

    def app(self) -> Starlette:
        """Its pages."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._about),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
                Route("/userinfo", self._userinfo),
                Route("/jwks", self._jwks),
            ]
        )

    async def _about(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "userinfo_endpoint": f"{self.url}/userinfo",
                "jwks_uri": f"{self.url}/jwks",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def _authorize(self, request: Request) -> Response:
        given = dict(request.query_params)
        if given.get("client_id") != CLIENT:
            return HTMLResponse("unknown client", 400)
        who = given.pop("who", "")
        if who not in self.people:
            links = (
                f'<p><a href="?{urlencode(given | {"who": name})}">{name}</a></p>'
                for name in self.people
            )
            return HTMLResponse(f"<h1>Who are you?</h1>{''.join(links)}")
        code = secrets.token_urlsafe()
        self._codes[code] = (who, given.get("nonce", ""))
        back = urlencode({"code": code, "state": given.get("state", "")})
        return RedirectResponse(f"{given['redirect_uri']}?{back}", 302)

    async def _token(self, request: Request) -> Response:
        form = await request.form()
        basic = base64.b64encode(f"{CLIENT}:{CLIENT_SECRET}".encode()).decode()
        named = form.get("client_secret") == CLIENT_SECRET
        if not named and request.headers.get("authorization") != f"Basic {basic}":
            return JSONResponse({"error": "invalid_client"}, 401)
        who, nonce = self._codes.pop(str(form.get("code")))
        token = secrets.token_urlsafe()
        self._tokens[token] = who
        now = int(time.time())
        claims = self.people[who] | {
            "iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 600, "nonce": nonce,
        }  # fmt: skip
        made = {"access_token": token, "token_type": "Bearer", "expires_in": 600}
        return JSONResponse(made | {"id_token": self._signed(claims)})

    async def _userinfo(self, request: Request) -> Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        return JSONResponse(self.people[self._tokens[token]])

    async def _jwks(self, _: Request) -> Response:
        numbers = self._key.public_key().public_numbers()

        def shown(value: int) -> str:
            return _b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))

        key = {"kty": "RSA", "kid": "1", "use": "sig", "alg": "RS256"}
        return JSONResponse({"keys": [key | {"n": shown(numbers.n), "e": shown(numbers.e)}]})

    def _signed(self, claims: dict[str, Any]) -> str:
        head = {"alg": "RS256", "kid": "1", "typ": "JWT"}
        said = ".".join(_b64(json.dumps(part).encode()) for part in (head, claims))
        signature = self._key.sign(said.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{said}.{_b64(signature)}"


@contextmanager
def provided(port: int, people: dict[str, dict[str, Any]]) -> Iterator[str]:
    """A provider on a port of this machine; gives its address."""
    url = f"http://127.0.0.1:{port}"
    config = uvicorn.Config(Provider(url, people).app(), port=port, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield url
    finally:
        server.should_exit = True
        thread.join(timeout=10)
