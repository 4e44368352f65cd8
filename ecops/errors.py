"""The small flat family of errors people can cause. Each is one sentence: what, where, remedy.

`ecops.cli` maps them once to exit codes, `ecops.web` once to HTTP.
"""


class EcopsError(Exception):
    """Base: `exit_code` for the command line, `http` for pages."""

    exit_code = 1
    http = 400


class BadCall(EcopsError):
    """The words of the call are off."""

    exit_code, http = 2, 422


class NotPossible(EcopsError):
    """Someone was first, or the state does not allow it. `row` is the current row, when there is one."""

    exit_code, http = 3, 409

    def __init__(self, message: str, row: dict | None = None) -> None:
        super().__init__(message)
        self.row = row


class NotFound(EcopsError):
    """No such thing."""

    exit_code, http = 4, 404


class NotRunning(EcopsError):
    """A part that is needed is not running; the sentence says which and how to start it."""

    exit_code, http = 5, 503
