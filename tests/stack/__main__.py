"""Starts the local stack, prints ``ready PORT`` and serves until standard input is closed.

Usage: python -m stack --binaries DIR [--port N] [--scratch DIR]

Whoever starts it keeps a pipe to its standard input open. When that owner ends, even by SIGKILL, the pipe
closes and the stack stops; a watchdog process does the same for the functions if the stack itself is
killed.
"""

import argparse
import asyncio
import os
import shutil
import signal
import socket
import sys
import threading

ACCOUNT = "123456789012"
REGION = "eu-west-1"


def main() -> None:
    arguments = parse()
    try:
        listener = listen(arguments.port)
    except OSError as error:
        sys.exit(f"port {arguments.port} can't be used ({error.strerror}): leave --port out to take a free one")
    port = listener.getsockname()[1]
    start_watchdog()
    configure(port)
    asyncio.run(serve(listener, arguments.binaries, arguments.scratch))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="stack", description=__doc__.splitlines()[0])
    parser.add_argument("--binaries", required=True, help="folder of the functions' executables")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--scratch", help="folder made for this stack alone; removed at the end")
    return parser.parse_args()


def listen(port: int) -> socket.socket:
    """Binds before anything else starts, so that nobody can take the port in between."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    return listener


def start_watchdog() -> None:
    """Forks a process that kills the whole group once this one is gone, functions included."""
    os.setpgid(0, 0)
    alive, ours = os.pipe()
    group = os.getpid()
    if os.fork() == 0:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        os.closerange(3, alive)
        os.closerange(alive + 1, 256)
        quiet = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(quiet, stream)
        os.read(alive, 1)
        os.killpg(group, signal.SIGKILL)
        os._exit(0)
    os.close(alive)


def configure(port: int) -> None:
    """The emulator reads its settings when it is imported. Functions inherit this environment."""
    os.environ.update(
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}",
        AWS_REGION=REGION,
        AWS_DEFAULT_REGION=REGION,
        BIND_HOST="127.0.0.1",
        GATEWAY_PORT=str(port),
        IOT_MTLS_ENABLED="0",
        # AWS retries after 1 and 2 minutes, without a spread: functions that met at a target meet again. Here a minute
        # is two seconds.
        LAMBDA_ASYNC_RETRY_BASE_SECONDS="2",
        LAMBDA_ASYNC_RETRY_MAX_SECONDS="4",
        LOG_LEVEL="ERROR",
        MINISTACK_ACCOUNT_ID=ACCOUNT,
        MINISTACK_HOST="127.0.0.1",
        MINISTACK_REGION=REGION,
        SFTP_ENABLED="0",
    )


async def serve(listener: socket.socket, binaries: str, scratch: str | None) -> None:
    from hypercorn.asyncio import serve as hypercorn_serve
    from hypercorn.config import Config

    from . import caches, certificates, clusters, control, databases, gaps, resources, retained, roles, tasks, watch

    gaps.close(binaries)
    tasks.install()
    watch.install()
    databases.install()
    clusters.install()
    retained.install()
    caches.install()
    certificates.install()
    resources.install()
    roles.install()
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.graceful_timeout = 1
    config.keep_alive_timeout = 75
    config.loglevel = "ERROR"
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    threading.Thread(target=wait_for_owner, args=(loop, stop), daemon=True).start()
    print(f"ready {listener.getsockname()[1]}", flush=True)
    await hypercorn_serve(control.application, config, shutdown_trigger=stop.wait)
    await asyncio.to_thread(gaps.stop_functions)
    if scratch:
        # The owner may be gone already and can't clean up.
        shutil.rmtree(scratch, ignore_errors=True)


def wait_for_owner(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    sys.stdin.buffer.read()
    loop.call_soon_threadsafe(stop.set)


main()
