"""A flag that one thread waits for and anybody raises."""

from __future__ import annotations

import threading

from autoops.tracing.flag import Flag

LONG_S = 30.0


def test_it_is_raised_until_it_is_lowered() -> None:
    """However often it is raised; a wait for what is raised does not wait."""
    flag = Flag()
    assert not flag.wait(0)
    flag.set()
    flag.set()
    assert flag.is_set()
    assert flag.wait(LONG_S)
    assert flag.wait(LONG_S)

    flag.clear()
    assert not flag.is_set()
    assert not flag.wait(0)


def test_raising_wakes_who_waits() -> None:
    """Again after it was lowered."""
    flag, woken = Flag(), threading.Semaphore(0)

    def wait() -> None:
        for _ in range(3):
            assert flag.wait(LONG_S)
            flag.clear()
            woken.release()

    thread = threading.Thread(target=wait)
    thread.start()
    for _ in range(3):
        flag.set()
        assert woken.acquire(timeout=LONG_S)
    thread.join()
