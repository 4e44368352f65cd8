"""`make bench`: every benchmark of this folder, one after the other, each printing its table of ratios."""

from importlib import import_module
from pkgutil import iter_modules

import tests.bench


def main() -> None:
    """Run the `main()` of every module beside this one."""
    for module in iter_modules(tests.bench.__path__):
        if not module.name.startswith("_"):
            import_module(f"tests.bench.{module.name}").main()


if __name__ == "__main__":
    main()
