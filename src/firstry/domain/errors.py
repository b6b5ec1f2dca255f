"""The one tree of exceptions: broken promises and broken worlds.

Expected ends (nothing due, fenced, failed) are values, not exceptions. What
stands here stops the path it happens on. Messages are written for people, name
what to do, and never carry a secret or another tenant's data.
"""

from typing import ClassVar


class FirstryError(Exception):
    """Base of every error firstry raises on purpose.

    `code` is stable and may be matched by clients; `retryable` says whether the
    same call can succeed later without anybody changing anything.
    """

    code: ClassVar[str] = "FIRSTRY_ERROR"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class SettingInvalid(FirstryError):
    """A setting has a value that cannot be used."""

    code = "SETTING_INVALID"


class InputInvalid(FirstryError):
    """Something a person typed or handed over cannot be used."""

    code = "INPUT_INVALID"


class NotFound(FirstryError):
    """The tenant, report or entry that was asked for does not exist."""

    code = "NOT_FOUND"


class NoReport(NotFound):
    """There is no report with this id."""

    code = "NO_REPORT_AVAILABLE"


class ReportErased(NotFound):
    """The report was erased; its digest is kept."""

    code = "REPORT_ERASED"


class EraseNotAllowed(FirstryError):
    """The database role may not erase."""

    code = "ERASE_NOT_ALLOWED"


class Conflict(FirstryError):
    """The act does not fit the state that the store is in; the remedy says what would."""

    code = "CONFLICT"

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message, remedy)


class RateExceeded(Conflict):
    """More was asked for than the settings allow within the time."""

    code = "RATE_EXCEEDED"


class TenantUnavailable(FirstryError):
    """No certain tenant: nothing may be read or written (contract A, I9)."""

    code = "TENANT_CONTEXT_UNAVAILABLE"


class TokenInvalid(FirstryError):
    """An invocation token did not verify."""

    code = "INVOCATION_TOKEN_INVALID"


class KeySetUnavailable(FirstryError):
    """No key set could be had, so no invocation token can be judged."""

    code = "SCHEDULER_ERROR"
    retryable = True


class StoreUnavailable(FirstryError):
    """The store did not take or answer a request; nothing is known to be written."""

    code = "STORE_UNAVAILABLE"
    retryable = True


class TokenUnavailable(FirstryError):
    """There is no token with which the site could be asked now."""

    code = "TOKEN_UNAVAILABLE"
    retryable = True


class CommitUnknown(StoreUnavailable):
    """The store was lost while committing: the write may or may not be there."""

    code = "COMMIT_UNKNOWN"


class StoreUnfit(FirstryError):
    """The store is there but must not be used: wrong schema, or not our database."""

    code = "STORE_UNFIT"


class ReportInvalid(FirstryError):
    """A report breaks a rule of the report contract; it is neither stored nor shown."""

    code = "REPORT_VALIDATION_FAILED"


class JsonExportFailed(FirstryError):
    """A valid report could not be made into a JSON file."""

    code = "JSON_EXPORT_ERROR"


class HtmlExportFailed(FirstryError):
    """A valid report could not be made into an HTML page."""

    code = "HTML_EXPORT_ERROR"


class PdfExportFailed(FirstryError):
    """A valid report could not be made into a PDF."""

    code = "PDF_EXPORT_ERROR"


class Defect(FirstryError):
    """firstry broke a rule of its own; please report it."""

    code = "DEFECT"
