"""Error reports without secrets (R5.1): what Django would show or mail of an exception, masked like a log line.

Django hides settings and variables by their names; a key that stands in a local variable of another name
would still be shown. Here every hidden value is masked wherever it stands.
"""

from django.utils.safestring import SafeString
from django.views.debug import ExceptionReporter

from karb_project.logs import redacted_text


class MaskedReporter(ExceptionReporter):
    """`DEFAULT_EXCEPTION_REPORTER`: both forms of the report, masked."""

    def get_traceback_html(self) -> SafeString:
        """Return the page."""
        return SafeString(redacted_text(super().get_traceback_html()))  # nosec B703: escaped before, masked here

    def get_traceback_text(self) -> SafeString:
        """Return the text for mails and consoles."""
        return SafeString(redacted_text(super().get_traceback_text()))  # nosec B703: the same
