"""An SMTP server for tests: STARTTLS and a login are required, and each mail becomes a file.

Usage: server.py FOLDER CERTIFICATE KEY; prints its port.
"""

import asyncio
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Keep:
    """Writes each mail down."""

    def __init__(self, folder):
        self.folder, self.count = folder, 0

    async def handle_DATA(self, _server, _session, envelope):
        self.count += 1
        place = self.folder / f"{self.count}.new"
        place.write_bytes(b"To-Envelope: " + ",".join(envelope.rcpt_tos).encode() + b"\r\n" + envelope.original_content)
        place.rename(self.folder / f"{self.count}.eml")
        return "250 taken"


def authenticate(_server, _session, _envelope, _mechanism, data):
    good = (data.login, data.password) == (b"oltwatch", b"hush")
    # What is not handled here the server answers itself: 535.
    return AuthResult(success=good, handled=good)


async def main():
    folder, certificate, key = map(pathlib.Path, sys.argv[1:4])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    handler = Keep(folder)

    def session():
        return SMTP(
            handler, hostname="localhost", tls_context=context, require_starttls=True, auth_required=True,
            authenticator=authenticate,
        )

    server = await asyncio.get_running_loop().create_server(session, host="127.0.0.1", port=0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
