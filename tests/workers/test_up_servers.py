"""A database or broker that is not there is said before anything starts, without its password."""

import socket
import threading

import msgspec
import pytest

from workers.up_servers import server_problems


@pytest.fixture
def dead_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        # Bound and not listening: every connection is refused for as long as the test runs.
        yield probe.getsockname()[1]


@pytest.fixture
def answering_port():
    def serve():
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            with peer:
                while asked := peer.recv(4096):
                    commands = (b"\r\n" + asked).count(b"\r\n*")
                    peer.sendall(b"+OK\r\n" * (commands - 1) + (b"+PONG\r\n" if b"PING" in asked else b"+OK\r\n"))

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


def test_an_embedded_desk_asks_nobody(desk_env):
    assert server_problems(msgspec.structs.replace(desk_env, database_url="", redis_url="")) == []


def test_servers_that_are_not_there_are_named_together(desk_env, dead_port):
    env = msgspec.structs.replace(
        desk_env,
        database_url=f"postgres://karb:hidden@127.0.0.1:{dead_port}/karb",
        redis_url=f"redis://:hidden@127.0.0.1:{dead_port}/0",
    )
    database, broker = server_problems(env)
    assert database == (
        f"KARB_DATABASE_URL: no database answers on 127.0.0.1:{dead_port} (Connection refused):"
        " start PostgreSQL, or unset the variable to use SQLite"
    )
    assert broker.startswith(f"KARB_REDIS_URL: no Redis answers (Error 111 connecting to 127.0.0.1:{dead_port}.")
    assert broker.endswith("start it, or unset the variable to use an embedded one")
    assert "hidden" not in database + broker


def test_servers_that_answer_are_no_problem(desk_env, answering_port):
    env = msgspec.structs.replace(
        desk_env,
        database_url=f"postgres://karb@127.0.0.1:{answering_port}/karb",
        redis_url=f"redis://127.0.0.1:{answering_port}/0?protocol=2",
    )
    assert server_problems(env) == []


def test_addresses_that_cannot_be_read_are_problems(desk_env):
    env = msgspec.structs.replace(desk_env, database_url="postgres://db:port/karb", redis_url="redis://db:port/0")
    database, broker = server_problems(env)
    assert database.startswith("KARB_DATABASE_URL cannot be read: ")
    assert broker.startswith("KARB_REDIS_URL cannot be read: ")


def test_a_database_on_its_own_unix_socket_is_left_to_the_first_query(desk_env):
    assert server_problems(msgspec.structs.replace(desk_env, database_url="postgres:///karb")) == []
