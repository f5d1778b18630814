"""An actor that does nothing, in the running server's cluster: what a Ray actor's process costs by itself.

`python -m loadtest.peers.bare_actor --endpoints FILE` prints the actor's process id and keeps it until it is
ended.
"""

import argparse
import importlib
import signal
from pathlib import Path

import msgspec

NAME = "peer:bare"


def main() -> None:
    parser = argparse.ArgumentParser(description="Keep an actor that does nothing, and print its process id.")
    parser.add_argument("--endpoints", type=Path, required=True, help="endpoints.json of the running server")
    given = parser.parse_args()
    servers = msgspec.json.decode(given.endpoints.read_bytes())
    # By its own name, so that Ray sends the actor's class by reference and not by value.
    ray_call = importlib.import_module("loadtest.peers.ray_call")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        print(ray_call.bare_actor_pid(servers["ray_address"], NAME), flush=True)
        signal.pause()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
