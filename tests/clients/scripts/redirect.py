"""Sends a client's requests and sockets to other addresses: scheme and host change, nothing else.

For clients that have their addresses written into their code. What they ask and how they read the
answer stays theirs.
"""

import json
import sys

import requests
import websockets

WORDS = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}


def report(facts):
    """Print what was seen, as the last line."""
    print(json.dumps(facts, default=str))


def redirect(addresses):
    """Send everything that goes to a key of `addresses` (`https://api.upbit.com`) to its value."""

    def moved(url):
        for there, here in addresses.items():
            if url.startswith((there + "/", there + "?")) or url == there:
                return here + url[len(there) :]
        raise RuntimeError(f"the client wanted {url}, which no address is known for")

    send = requests.Session.send

    def send_moved(self, request, **words):
        request.url = moved(request.url)
        return send(self, request, **words)

    requests.Session.send = send_moved
    connect = websockets.connect

    def connect_moved(uri, *more, **words):
        return connect(moved(uri), *more, **words)

    websockets.connect = connect_moved
