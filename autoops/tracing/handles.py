"""What ``trace_operation`` gives: a context manager, sync and async, that is a decorator too, and the handle it yields."""

from __future__ import annotations

import functools
import inspect
import logging
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast
from weakref import WeakKeyDictionary

from opentelemetry import context as context_api
from opentelemetry.context import _RUNTIME_CONTEXT, Context
from opentelemetry.trace import get_current_span, set_span_in_context

from autoops.tracing import attributes as keys
from autoops.tracing.entries import Entries
from autoops.tracing.serialize import dump, text

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
    from contextvars import Token
    from types import FrameType, TracebackType

    from autoops.tracing.arguments import Arguments
    from autoops.tracing.span import Span

logger = logging.getLogger(__name__)

F = TypeVar("F", bound="Callable[..., Any]")


class Handle:
    """A span under way, for its owner to add to. False when nothing is recorded."""

    __slots__ = ("_arguments", "_score", "_span")

    def __init__(self, span: Span | None, arguments: Arguments, score: Callable[..., str | None]) -> None:
        self._span = span
        self._arguments = arguments
        self._score = score

    @property
    def trace_id(self) -> str | None:
        """The trace id, 32 hex digits; None when nothing is recorded."""
        return None if self._span is None else self._span.trace_id

    @property
    def span_id(self) -> str | None:
        """The span id, 16 hex digits; None when nothing is recorded."""
        return None if self._span is None else self._span.id

    def __bool__(self) -> bool:
        """Whether anything is recorded."""
        return self._span is not None

    def update(
        self,
        *,
        input: object = None,  # noqa: A002 - Langfuse's own word for it
        output: object = None,
        metadata: Mapping[str, object] | None = None,
        level: str | None = None,
        status_message: str | None = None,
        model: str | None = None,
        usage_details: Mapping[str, int] | None = None,
        cost_details: Mapping[str, float] | None = None,
    ) -> Self:
        """Set what is known now; what is left out stays as it is. Like every call of ours it never raises.

        Args:
            input: What went in; any value.
            output: What came out; any value.
            metadata: Further facts by name; each replaces one of the same name.
            level: DEBUG, DEFAULT, WARNING or ERROR.
            status_message: Why the level is what it is.
            model: The model's name, on a generation.
            usage_details: Tokens by kind.
            cost_details: Cost in US dollars by kind.
        """
        try:
            self._update(input, output, metadata, level, status_message, model, usage_details, cost_details)
        except Exception as error:
            self._arguments.fault("update", error)
        return self

    def _update(  # noqa: C901 - a line for each of eight facts
        self,
        input: object,  # noqa: A002 - as above
        output: object,
        metadata: object,
        level: object,
        status_message: object,
        model: object,
        usage_details: object,
        cost_details: object,
    ) -> None:
        span = self._span
        if span is None or span.end_ns is not None:
            return
        if input is not None:
            span.input = dump(input)
        if output is not None:
            span.output = dump(output)
        if status_message is not None:
            span.status_message = text(status_message)
        if level is not None:
            self._arguments.set_level(span, level, "update")
        if model is not None:
            self._checked("model", model, "text", isinstance(model, str))
            span.attributes[keys.MODEL] = text(model)
        if metadata is not None:
            if isinstance(metadata, Mapping):
                span.set_metadata(metadata)
            else:
                self._arguments.wrong("update", "metadata", "a mapping", metadata)
        if usage_details is not None and self._checked(
            "usage_details", usage_details, "a mapping of names to whole numbers", _are_numbers(usage_details)
        ):
            span.attributes[keys.USAGE_DETAILS] = dump(usage_details).decode()
        if cost_details is not None and self._checked(
            "cost_details", cost_details, "a mapping of names to dollars", _are_numbers(cost_details)
        ):
            span.attributes[keys.COST_DETAILS] = dump(cost_details).decode()

    def score(
        self,
        name: str,
        value: float | str | bool,  # noqa: FBT001 - a score may be a boolean
        *,
        comment: str | None = None,
    ) -> str | None:
        """Score this span. Returns the score's id."""
        if self._span is None:
            return None
        return self._score(self._span.trace_id, name, value, span_id=self._span.id, comment=comment)

    def _checked(self, argument: str, value: object, allowed: str, good: bool) -> bool:  # noqa: FBT001 - the verdict
        if not good:
            self._arguments.wrong("update", argument, allowed, value)
        return good


class Operation:
    """A span for a block of code, or for each call of a function that it decorates.

    One operation may be entered again while it is entered, by other threads and tasks too: each time is a span of its own.
    """

    __slots__ = ("_arguments", "_begin", "_entries")

    def __init__(self, begin: Callable[[], tuple[Handle, Span | None]], arguments: Arguments) -> None:
        self._begin = begin
        self._arguments = arguments
        self._entries = Entries()

    def __enter__(self) -> Handle:
        """Begin the span and make it current."""
        return self._enter(sys._getframe(1))  # noqa: SLF001 - CPython's name for the caller's frame

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, stack: TracebackType | None
    ) -> None:
        """End the span; an exception is recorded and goes on its way unchanged."""
        self._exit(error, sys._getframe(1))  # noqa: SLF001 - as above

    async def __aenter__(self) -> Handle:
        """As ``__enter__``."""
        return self._enter(sys._getframe(1))  # noqa: SLF001 - as above

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, stack: TracebackType | None
    ) -> None:
        """As ``__exit__``."""
        self._exit(error, sys._getframe(1))  # noqa: SLF001 - as above

    def _enter(self, frame: FrameType) -> Handle:
        handle, span = self._begin()
        self._entries.add(
            frame, span, None if span is None else context_api.attach(set_span_in_context(span))
        )
        return handle

    def _exit(self, error: BaseException | None, frame: FrameType) -> None:
        span = None
        try:
            entry = self._entries.take(frame)
            if entry is None:
                logger.debug("an operation was left more often than it was entered")
                return
            span, token = entry
            if span is not None and token is not None:
                _leave(span, token, is_current=get_current_span() is span)
        except Exception as fault:
            self._arguments.fault("trace_operation", fault)
        if span is not None:
            _finish(span, error, self._arguments)

    def __call__(self, function: F) -> F:
        """Trace each call of ``function``: plain, coroutine, generator or asynchronous generator function.

        A generator's span is current while its own code runs, and not while its consumer's does.
        """
        begin, arguments = self._begin, self._arguments
        wrapper: Any
        if inspect.isasyncgenfunction(function):

            @functools.wraps(function)
            def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
                return _traced_async_generator(begin, arguments, function(*args, **kwargs))

        elif inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
                return _traced_generator(begin, arguments, function(*args, **kwargs))

        elif inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def wrapper(*args: Any, **kwargs: Any) -> Any:
                with Operation(begin, arguments):
                    return await function(*args, **kwargs)

        else:

            @functools.wraps(function)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                with Operation(begin, arguments):
                    return function(*args, **kwargs)

        return cast("F", wrapper)


class _OwnContext:
    """A generator's own current span: there for each of its steps, as the step before left it, and for nobody else."""

    __slots__ = ("_context", "_token")

    def __init__(self, span: Span | None) -> None:
        self._context = None if span is None else set_span_in_context(span)
        self._token: Token[Context] | None = None

    def __enter__(self) -> None:
        if self._context is not None:
            self._token = context_api.attach(self._context)

    def __exit__(self, *error: object) -> None:
        if self._token is not None:
            # A block that is held open over the yield is to be current again when the generator goes on.
            self._context = context_api.get_current()
            _detach(self._token)


def _traced_generator(
    begin: Callable[[], tuple[Handle, Span | None]],
    arguments: Arguments,
    generator: Generator[Any, Any, Any],
) -> Generator[Any, Any, Any]:
    _, span = begin()
    own = _OwnContext(span)
    raised: BaseException | None = None
    step: Callable[[], Any] = functools.partial(next, generator)
    try:
        while True:
            try:
                with own:
                    item = step()
            except StopIteration as stop:
                return stop.value
            try:
                sent = yield item
                step = functools.partial(generator.send, sent)
            except GeneratorExit:
                with own:
                    generator.close()
                raise
            except BaseException as thrown:
                step = functools.partial(generator.throw, thrown)
    except BaseException as error:
        raised = error
        raise
    finally:
        if span is not None:
            _finish(span, raised, arguments)


async def _traced_async_generator(
    begin: Callable[[], tuple[Handle, Span | None]],
    arguments: Arguments,
    generator: AsyncGenerator[Any, Any],
) -> AsyncGenerator[Any, Any]:
    _, span = begin()
    own = _OwnContext(span)
    raised: BaseException | None = None
    step: Callable[[], Any] = functools.partial(_first_step, generator)
    try:
        while True:
            try:
                with own:
                    item = await step()
            except StopAsyncIteration:
                return
            try:
                sent = yield item
                step = functools.partial(generator.asend, sent)
            except GeneratorExit:
                with own:
                    await generator.aclose()
                raise
            except BaseException as thrown:
                step = functools.partial(generator.athrow, thrown)
    except BaseException as error:
        raised = error
        raise
    finally:
        if span is not None:
            _finish(span, raised, arguments)


def _first_step(generator: AsyncGenerator[Any, Any]) -> Awaitable[Any]:
    """Ask for the first item without the event loop's getting to know the generator: whoever wraps it closes it.

    A loop that ends closes the generators it knows in any order, so perhaps this one first, outside its span.
    """
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(firstiter=None, finalizer=None)
    try:
        return generator.__anext__()
    finally:
        sys.set_asyncgen_hooks(*hooks)


_left_early: WeakKeyDictionary[Span, Context] = WeakKeyDictionary()
"""Spans whose block was left while another's was current, and what was current before them."""


def _leave(span: Span, token: Token[Context], *, is_current: bool) -> None:
    """Make current again what was current before a block."""
    # In a thread's first block nothing was current before, not even an empty context.
    before = cast("Context", token.old_value) if isinstance(token.old_value, dict) else Context()
    if not is_current:
        # Blocks of plain generators end in any order: the one that is current stays so until it ends itself.
        _left_early[span] = before
        return
    if not _detach(token):
        # A generator that was moved to another thread brought the span along.
        context_api.attach(before)
    while _left_early:
        ended = get_current_span()
        further = _left_early.pop(ended, None)  # type: ignore[call-overload]  # any span may be looked for
        if further is None:
            break
        context_api.attach(further)


def _detach(token: Token[Context]) -> bool:
    """Whether it was possible: a generator may be closed in another context than it was begun in."""
    try:
        _RUNTIME_CONTEXT.detach(token)
    except Exception:
        return False
    return True


def _finish(span: Span, error: BaseException | None, arguments: Arguments) -> None:
    """End a span, unless somebody else has; an exception that left it is recorded. Whatever fails here is ours alone."""
    if not span.claim():
        return
    try:
        try:
            if isinstance(error, Exception):
                span.fail(error)
            elif error is not None and not isinstance(error, GeneratorExit):
                span.level = span.level or "WARNING"
                span.status_message = text(error)
        finally:
            span.finish()
    except Exception as fault:
        arguments.fault("trace_operation", fault)


def _are_numbers(details: object) -> bool:
    return isinstance(details, Mapping) and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in details.values()
    )
