"""Tools for tests of whatever is built on this library: part of the product.

`play` runs a flow against a script, `converse` against a server's logic in the same process: both without I/O, threads
or waiting. `Link` and `Clock` are what they are made of. `nai_proto.testing.strategies` (needs Hypothesis) makes
chunkings, server streams and hostile bytes.
"""

from __future__ import annotations

from .link import Clock, Link, Peer, cut
from .play import Played, converse, play

__all__ = ["Clock", "Link", "Peer", "Played", "converse", "cut", "play"]
