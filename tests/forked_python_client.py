"""Stand for a process that the server of `forked_python` forks.

This starts often, so it imports only what the interpreter has built in: the modules `signal` and `socket` would take longer
than all else that it does.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # it has no stub
import _socket as socket
import posix
import sys

_PASSED_ON = (signal.SIGINT, signal.SIGTERM)


def main() -> None:
    """Have the arguments run with this process's standard streams, directory and environment, and end as that ends."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
    files = [number for number in range(3) if _is_open(number)]
    server = socket.socket(socket.AF_UNIX)
    server.connect(sys.argv[1])
    environment = {_decode(name): _decode(value) for name, value in posix.environ.items()}
    request = ascii({"arguments": sys.argv[2:], "directory": posix.getcwd(), "environment": environment, "open": files})
    rights = b"".join(number.to_bytes(4, sys.byteorder) for number in files)
    server.sendmsg([b" "], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    server.sendall(f"{request}\n".encode())
    process = _read_number(server)
    for number in _PASSED_ON:
        signal.signal(number, lambda number, _: posix.kill(process, number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
    status = _read_number(server)
    if status < 0:
        if -status in _PASSED_ON:
            signal.signal(-status, signal.SIG_DFL)
        posix.kill(posix.getpid(), -status)
    posix._exit(status)


def _is_open(number: int) -> bool:
    try:
        posix.fstat(number)
    except OSError:
        return False
    return True


def _decode(value: bytes) -> str:
    return value.decode(sys.getfilesystemencoding(), sys.getfilesystemencodeerrors())


def _read_number(server: socket.socket) -> int:
    """Return the number of the next line."""
    line = b""
    while not line.endswith(b"\n"):
        data = server.recv(1)
        if not data:
            raise EOFError
        line += data
    return int(line)


main()
