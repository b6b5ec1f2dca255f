"""The lists of the console as files: every row that the screen's filter means."""

from firstry.domain.errors import NotFound
from firstry.domain.filter_text import parse_filter
from firstry.insight.listing import entry_table, failure_table, tenant_table
from firstry.insight.table import Table, TableFormat
from firstry.web.console.ledger import line_query
from firstry.web.console.visit import Listed, Visit


def file(visit: Visit) -> Listed:
    """Return a list in a format, both named by the path. Raises NotFound for any other."""
    name, format_name = visit.path["list"], visit.path["format"]
    if name not in _LISTS or format_name not in list(TableFormat):
        raise NotFound("there is no such file", "take one of the links below a list")
    return Listed(_LISTS[name](visit), TableFormat(format_name))


def _tenants(visit: Visit) -> Table:
    return tenant_table(
        visit.parts.insight.insight, parse_filter(visit.text("filter")), visit.scene
    )


def _failures(visit: Visit) -> Table:
    return failure_table(visit.parts.watch.overview().failures)


def _ledger(visit: Visit) -> Table:
    return entry_table(visit.parts.insight.insight, line_query(visit))


_LISTS = {"tenants": _tenants, "failures": _failures, "ledger": _ledger}
