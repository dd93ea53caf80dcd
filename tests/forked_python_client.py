"""Stand for a process that the server of `forked_python` forks. This starts often, so it imports little."""

from __future__ import annotations

import os
import signal
import socket
import sys

_PASSED_ON = (signal.SIGINT, signal.SIGTERM)


def main() -> None:
    """Have the arguments run with this process's standard streams, directory and environment, and end as that ends."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
    files = [number for number in range(3) if _is_open(number)]
    server = socket.socket(socket.AF_UNIX)
    server.connect(sys.argv[1])
    request = ascii(
        {"arguments": sys.argv[2:], "directory": os.getcwd(), "environment": dict(os.environ), "open": files}
    )
    socket.send_fds(server, [b" "], files)
    server.sendall(f"{request}\n".encode())
    answers = server.makefile("rb")
    process = int(answers.readline())
    for number in _PASSED_ON:
        signal.signal(number, lambda number, _: os.kill(process, number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
    status = int(answers.readline())
    if status < 0:
        if -status in _PASSED_ON:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


main()
