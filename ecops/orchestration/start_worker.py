"""Starting a warm worker. Prefect reads its settings at import, so the environment is made ours before anything imports it."""

import argparse
import os
import sys
from pathlib import Path

from ecops.orchestration.server import WORKER_MANNERS, adopt_environment


def start_worker(argv: list[str] | None = None) -> int:
    """Be a warm worker until told to stop: beside the embedded server (--home, --port), or for any other by --api-url.

    For another server its settings (PREFECT_API_AUTH_STRING and the like) are taken from the environment as they are.
    """
    parser = argparse.ArgumentParser(prog="python -m ecops.orchestration.start_worker", description=start_worker.__doc__)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--port", type=int)
    parser.add_argument("--api-url")
    parser.add_argument("--pool", default="ecops")
    parser.add_argument("--limit", type=int, default=8, help="flow runs at once")
    parser.add_argument("--name", default="ecops")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input closes")
    args = parser.parse_args(argv)
    if args.api_url:
        os.environ |= WORKER_MANNERS | {"PREFECT_API_URL": args.api_url, "PREFECT_SERVER_EPHEMERAL_ENABLED": "false"}
    elif args.home and args.port:
        adopt_environment(args.home, args.port)
    else:
        parser.error("either --api-url, or --home and --port")
    from ecops.orchestration.worker import work

    return work(args.pool, args.limit, args.name, args.with_parent)


if __name__ == "__main__":
    sys.exit(start_worker())
