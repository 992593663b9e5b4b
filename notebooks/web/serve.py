"""Serve ``site/`` on loopback, compressed as a public server would: ``make web-serve``."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, GZipContentEncoding, StaticFileHandler


class Compressed(GZipContentEncoding):
    """Compresses Python for the browser as well, which is most of what a page loads."""

    CONTENT_TYPES = GZipContentEncoding.CONTENT_TYPES | {"application/wasm", "image/svg+xml"}
    GZIP_LEVEL = 4


async def serve(site: Path, port: int) -> None:
    """Serve until Ctrl-C; port 0 takes a free one."""
    files = (r"/(.*)", StaticFileHandler, {"path": str(site), "default_filename": "index.html"})
    sockets = bind_sockets(port, "127.0.0.1")
    application = Application([files])
    application.add_transform(Compressed)
    HTTPServer(application).add_sockets(sockets)
    found = sockets[0].getsockname()[1]
    print(f"http://127.0.0.1:{found}/", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path)
    parser.add_argument("--port", type=int, default=8890)
    options = parser.parse_args()
    if not (options.site / "index.html").exists():
        raise SystemExit(f"there is no site in {options.site}: run make web first")
    try:
        asyncio.run(serve(options.site.resolve(), options.port))
    except KeyboardInterrupt:
        print()


if __name__ == "__main__":
    main()
