"""The automated steps a playbook may name: one file per duty."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules


@cache
def load() -> None:
    """Import every duty file once, so that its steps are declared."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
