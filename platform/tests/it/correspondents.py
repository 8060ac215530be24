"""The other ends of messages: a mail server (aiosmtpd, Debian's) and a receiver of text messages that checks signatures by itself.

    correspondents.py starttls|wrapped|plain FOLDER CERTIFICATE KEY
    correspondents.py hook FOLDER SECRET

The first line says the port. What was taken lies in FOLDER, each in a file of its own.
"""
import asyncio
import base64
import hashlib
import hmac
import http.server
import itertools
import json
import pathlib
import ssl
import sys

NUMBERS = itertools.count(1)


def keep(folder, content):
    path = pathlib.Path(folder) / f"{next(NUMBERS):03}"
    path.with_suffix(".half").write_bytes(content)
    path.with_suffix(".half").rename(path)


def mail(kind, folder, certificate, key):
    from aiosmtpd.smtp import SMTP, AuthResult

    class Handler:
        async def handle_RCPT(self, server, session, envelope, address, options):
            if address.startswith("nobody@"):
                return "550 5.1.1 No such mailbox"
            if address.startswith("later@") and not (pathlib.Path(folder) / "asked-before").exists():
                (pathlib.Path(folder) / "asked-before").touch()
                return "451 4.7.1 Greylisted, try again"
            envelope.rcpt_tos.append(address)
            return "250 OK"

        async def handle_DATA(self, server, session, envelope):
            protected = b"X-Seen-TLS: %s\r\n" % (b"yes" if session.ssl or kind == "wrapped" else b"no")
            keep(folder, protected + envelope.content)
            return "250 OK"

    def authenticator(server, session, envelope, mechanism, data):
        known = (data.login, data.password) == (b"lanyard", b"open sesame")
        return AuthResult(success=known, handled=False)

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    def factory():
        if kind == "starttls":
            options = dict(tls_context=context, require_starttls=True)
        else:
            options = dict(auth_require_tls=False)
        return SMTP(Handler(), hostname="localhost", authenticator=authenticator, auth_required=True, **options)

    async def serve():
        tls = context if kind == "wrapped" else None
        server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0, ssl=tls)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    asyncio.run(serve())


def hook(folder, secret):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + body
            due = base64.b64encode(hmac.new(bytes.fromhex(secret), signed, hashlib.sha256).digest()).decode()
            given = self.headers["webhook-signature"].split(",", 1)
            message = json.loads(body)
            if given[0] != "v1" or not hmac.compare_digest(given[1], due) or message["id"] != self.headers["webhook-id"]:
                status = 401
            elif message["to"].endswith("000"):
                status = 422
            elif message["to"].endswith("503"):
                status = 503
            else:
                keep(folder, body)
                status = 204
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if sys.argv[1] == "hook":
    hook(*sys.argv[2:])
else:
    mail(*sys.argv[1:])
