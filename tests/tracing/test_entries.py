"""One operation shared by threads, tasks and generators: each leaves what it entered itself."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from opentelemetry.trace import get_current_span

from autoops.tracing.config import LangfuseConfig
from autoops.tracing.service import LangfuseIntegrationService

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Iterator

    from autoops.tracing.handles import Handle, Operation

LEFT_OUT = ("!work",)


@pytest.fixture
def service() -> Iterator[LangfuseIntegrationService]:
    """A service that keeps everything in memory."""
    made = LangfuseIntegrationService(LangfuseConfig(journal="off"))
    yield made
    made.shutdown()


@pytest.fixture
def operation(service: LangfuseIntegrationService) -> Operation:
    """An operation that settings can leave out."""
    return service.trace_operation("agent.work")


def is_open(service: LangfuseIntegrationService, handle: Handle) -> bool:
    """Whether a handle's span is open."""
    assert service.client.provider is not None
    return handle.span_id in service.client.provider.spans


def is_anything_open(service: LangfuseIntegrationService) -> bool:
    """Whether any span is open, or current here."""
    assert service.client.provider is not None
    return bool(service.client.provider.spans) or get_current_span().get_span_context().is_valid


def elsewhere(work: Callable[[], object]) -> None:
    """Run in another thread."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


class TestThreads:
    """Of which some enter while the settings leave the operation out."""

    def test_who_records_nothing_ends_nothing(
        self, service: LangfuseIntegrationService, operation: Operation
    ) -> None:
        """The other's span stays open, and is no longer current once it is left."""
        service.reconfigure(traced_operations=LEFT_OUT)
        entered, leave, left = threading.Event(), threading.Event(), threading.Event()

        def first() -> None:
            with operation as handle:
                assert not handle
                entered.set()
                leave.wait(30)
            left.set()

        thread = threading.Thread(target=first)
        thread.start()
        assert entered.wait(30)
        service.reconfigure(traced_operations=())
        with operation as handle:
            leave.set()
            assert left.wait(30)
            assert is_open(service, handle)
        thread.join()

        assert not is_anything_open(service)

    @pytest.mark.parametrize("order", ["oO", "oiOI", "oiIO", "ooOO", "ooiOIO"])
    def test_settings_may_change_all_the_time(
        self, service: LangfuseIntegrationService, operation: Operation, order: str
    ) -> None:
        """Nothing raises, whatever the order, and nothing stays open or current."""
        faults: list[BaseException] = []
        stays_current: list[bool] = []

        def work() -> None:
            try:
                for _ in range(60):
                    inner = service.trace_operation("inner")
                    for step in order:
                        block = operation if step in "oO" else inner
                        if step.islower():
                            block.__enter__()
                        else:
                            block.__exit__(None, None, None)
            except BaseException as fault:
                faults.append(fault)
            stays_current.append(get_current_span().get_span_context().is_valid)

        threads = [threading.Thread(target=work) for _ in range(3)]
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            service.reconfigure(traced_operations=LEFT_OUT)
            service.reconfigure(traced_operations=())
        sys.setswitchinterval(interval)

        assert faults == []
        assert stays_current == [False] * 3
        assert not is_anything_open(service)
        assert service.health_check()["faults"] == 0

    def test_one_may_leave_what_another_entered(
        self, service: LangfuseIntegrationService, operation: Operation
    ) -> None:
        """Begun here, done there: the span ends."""
        contextvars.copy_context().run(operation.__enter__)
        elsewhere(lambda: operation.__exit__(None, None, None))

        assert not is_anything_open(service)

    def test_a_stack_leaves_its_own(self, service: LangfuseIntegrationService, operation: Operation) -> None:
        """`ExitStack` enters and leaves from frames of its own, which are gone in between."""
        with contextlib.ExitStack() as here:
            handle = here.enter_context(operation)

            def there() -> None:
                with contextlib.ExitStack() as stack:
                    stack.enter_context(operation)

            elsewhere(there)
            assert is_open(service, handle)

        assert not is_anything_open(service)


class TestOneContext:
    """Entered again while it is entered."""

    @pytest.mark.parametrize("inner_is_left_out", [True, False])
    @pytest.mark.parametrize("by_hand", [True, False])
    def test_the_innermost_is_left_first(
        self,
        service: LangfuseIntegrationService,
        operation: Operation,
        *,
        inner_is_left_out: bool,
        by_hand: bool,
    ) -> None:
        """Also if one of the two records nothing."""
        leave_out = [LEFT_OUT, ()] if not inner_is_left_out else [(), LEFT_OUT]
        seen = []
        stack = contextlib.ExitStack()
        service.reconfigure(traced_operations=leave_out[0])
        with operation if not by_hand else stack as entered:
            outer = stack.enter_context(operation) if by_hand else entered
            service.reconfigure(traced_operations=leave_out[1])
            with operation as inner:
                seen = [is_open(service, outer), is_open(service, inner)]  # type: ignore[arg-type]  # a handle
            seen += [is_open(service, outer), is_open(service, inner)]  # type: ignore[arg-type]  # a handle

        assert seen == [inner_is_left_out, not inner_is_left_out, inner_is_left_out, False]
        assert not is_anything_open(service)

    def test_left_too_often(self, service: LangfuseIntegrationService, operation: Operation) -> None:
        """Before it is entered, and once more after: nothing happens."""
        operation.__exit__(None, None, None)
        with operation:
            pass
        operation.__exit__(None, None, None)
        operation.__exit__(ValueError, ValueError("broken"), None)

        assert not is_anything_open(service)
        assert service.health_check()["faults"] == 0


class TestTasks:
    """Of one thread."""

    @pytest.mark.parametrize("first_is_left_out", [True, False])
    @pytest.mark.parametrize("stacked", [True, False])
    async def test_each_leaves_its_own(
        self,
        service: LangfuseIntegrationService,
        operation: Operation,
        *,
        first_is_left_out: bool,
        stacked: bool,
    ) -> None:
        """By a statement or a stack; the first to enter is the first to leave."""
        entered, both, left = asyncio.Event(), asyncio.Event(), asyncio.Event()
        open_inside = []

        @contextlib.asynccontextmanager
        async def block() -> AsyncGenerator[Handle]:
            if stacked:
                async with contextlib.AsyncExitStack() as stack:
                    yield await stack.enter_async_context(operation)
            else:
                async with operation as handle:
                    yield handle

        async def first() -> None:
            service.reconfigure(traced_operations=LEFT_OUT if first_is_left_out else ())
            async with block():
                entered.set()
                await both.wait()
            left.set()
            assert not get_current_span().get_span_context().is_valid

        async def second() -> None:
            await entered.wait()
            service.reconfigure(traced_operations=() if first_is_left_out else LEFT_OUT)
            async with block() as handle, service.trace_operation("inside"):
                both.set()
                await left.wait()
                open_inside.append(is_open(service, handle))
            assert not get_current_span().get_span_context().is_valid

        await asyncio.gather(first(), second())

        assert open_inside == [first_is_left_out]
        assert not is_anything_open(service)


class TestGenerators:
    """That hold the operation open over their ``yield``."""

    def test_whoever_is_closed_ends_its_own(
        self, service: LangfuseIntegrationService, operation: Operation
    ) -> None:
        """The first of two, while the other and the consumer are still inside."""
        handles = []

        def numbers() -> Generator[int, None, None]:
            with operation as handle:
                handles.append(handle)
                yield 1

        with operation as consumer:
            first, second, third = numbers(), numbers(), numbers()
            for each in (first, second, third):
                next(each)
            first.close()
            assert [is_open(service, handle) for handle in handles] == [False, True, True]
            elsewhere(second.close)
            assert [is_open(service, handle) for handle in handles] == [False, False, True]

            def another_consumer() -> None:
                with operation as here:
                    third.close()
                    assert is_open(service, here)
                assert not is_open(service, here)

            elsewhere(another_consumer)
            assert [is_open(service, handle) for handle in handles] == [False, False, False]
            assert is_open(service, consumer)
        assert not is_open(service, consumer)

    def test_the_consumer_leaves_its_own(
        self, service: LangfuseIntegrationService, operation: Operation
    ) -> None:
        """Though the generator entered later and is still inside."""

        def numbers() -> Generator[Handle, None, None]:
            with operation as handle:
                yield handle

        items = numbers()
        with operation as consumer:
            inside = next(items)
        assert not is_open(service, consumer)
        assert is_open(service, inside)
        items.close()

        assert not is_anything_open(service)


class _Unnameable(type):
    """Its classes may refuse to tell what they are called."""

    refuses = False

    def __getattribute__(cls, name: str) -> object:
        if name == "__qualname__" and _Unnameable.refuses:
            raise RuntimeError("no name")
        return super().__getattribute__(name)


class _Odd(Exception, metaclass=_Unnameable):  # noqa: N818 - what it is
    pass


@contextlib.contextmanager
def nameless() -> Iterator[None]:
    """For a while only: whoever reports on a test wants to know the name."""
    _Unnameable.refuses = True
    try:
        yield
    finally:
        _Unnameable.refuses = False


class TestFaults:
    """Of ours, at the end of a block: the business goes on, and they are counted."""

    def test_in_a_block(self, service: LangfuseIntegrationService, operation: Operation) -> None:
        """The exception is the business's own, and the span has ended."""
        with nameless(), pytest.raises(_Odd), operation:
            raise _Odd

        assert not is_anything_open(service)
        assert service.health_check()["faults"] == 1

    def test_in_a_decorated_function(self, service: LangfuseIntegrationService, operation: Operation) -> None:
        """And in a generator."""

        @operation
        def plain() -> None:
            raise _Odd

        @operation
        def numbers() -> Generator[int, None, None]:
            yield 1
            raise _Odd

        with nameless(), pytest.raises(_Odd):
            plain()
        with nameless(), pytest.raises(_Odd):
            list(numbers())

        assert not is_anything_open(service)
        assert service.health_check()["faults"] == 2
