"""Owns which of the two processes this one is, and how it ends.
Must not know what they do.
"""

import asyncio
import os
import sys

from .channel import Channel
from .fatal import Fatal, package_versions
from .options import parse
from .progress import complain


def main() -> None:
    """Serves until SIGTERM, SIGINT, the end of standard input where asked for, or a failure; ends the process."""
    options = parse()
    code = 0
    if options.channel is not None:
        # Only here: the front must answer while torch, which takes seconds to import, is not there yet.
        from .model import process

        process.main(options, Channel.of(options.channel))
    else:
        from .front.server import Server

        try:
            packages = package_versions()
            asyncio.run(Server(options, packages).live(sys.argv[1:]))
        except Fatal as fatal:
            complain(f"fatal: {fatal}")
            code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    # What torch would do at its own leisure, threads and device included, the system does at once.
    os._exit(code)
