"""Where the work shows as spans of a trace, and nothing at all where nobody records.

A span says when a step began and ended, and how. It decides nothing and never fails,
so a step may be wrapped wherever that tells something. One recorder serves the
process, for a step deep in the work does not know who asked for it.

A span is the child of the one that is current where it begins. What is current does not
pass into another thread by itself: `carried` takes it along.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import copy_context
from enum import StrEnum
from functools import partial
from typing import ParamSpec, Protocol, TypeVar

from firstry.domain.tenant import Tenant

P = ParamSpec("P")
T = TypeVar("T")


class Step(StrEnum):
    """Every step that shows. The first five are the routes that the platform calls."""

    TICK = "tick"
    LIFECYCLE = "lifecycle"
    UNINSTALL = "uninstall"
    PAGE = "page"
    GADGET = "gadget"
    WORK = "work"
    CLAIM = "claim"
    ATTEMPT = "attempt"
    JIRA_CALL = "jira call"
    GENERATE = "generate"
    SETTLE = "settle"


class Recorder(Protocol):
    """Takes spans. Fields outside the allowed names are dropped, not recorded."""

    def span(
        self,
        step: Step,
        tenant: Tenant | None,
        fields: Mapping[str, object],
        headers: Mapping[str, str] | None,
    ) -> AbstractContextManager[None]:
        """Record a step; `headers` are those of the call that it answers, if it answers one."""
        ...

    def note(self, tenant: Tenant | None, fields: Mapping[str, object]) -> None:
        """Add to the current span, if there is one."""
        ...


_recorder: Recorder | None = None
_NOTHING = nullcontext()


def record_with(recorder: Recorder | None) -> None:
    """Have `recorder` take every span of this process from now on; None: nobody."""
    global _recorder
    _recorder = recorder


def span(
    step: Step, tenant: Tenant | None = None, **fields: object
) -> AbstractContextManager[None]:
    """Record a step while the context lasts; an `error_code` or an exception marks it failed."""
    if _recorder is None:
        return _NOTHING
    return _recorder.span(step, tenant, fields, None)


def answering(step: Step, headers: Mapping[str, str]) -> AbstractContextManager[None]:
    """Record the answering of a call. Its trace goes on if `headers` (lower case) name one."""
    if _recorder is None:
        return _NOTHING
    return _recorder.span(step, None, {}, headers)


def note(tenant: Tenant | None = None, **fields: object) -> None:
    """Add to the current span what was not known when it began."""
    if _recorder is not None:
        _recorder.note(tenant, fields)


def carried(work: Callable[P, T]) -> Callable[P, T]:
    """Return `work` such that its spans are children of the present one, in whatever thread."""
    if _recorder is None:
        return work
    return partial(copy_context().run, work)
