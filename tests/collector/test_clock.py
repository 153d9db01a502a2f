"""Client clocks: what can be read, and what time an event gets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.clock import TS_MAX, TS_MIN, event_ts, parse_ms
from schemas.limits import FUTURE_MAX_S, PUBLIC_AGE_MAX_S

NOON = 1_763_726_400_000  # 2025-11-21T12:00:00Z
READ = [
    ("2025-11-21T12:00:00Z", NOON), ("2025-11-21T12:00:00.000Z", NOON), ("2025-11-21T12:00:00", NOON),
    ("2025-11-21 12:00:00", NOON), ("2025-11-21T14:00:00+02:00", NOON), ("2025-11-22T02:00:00+14:00", NOON),
    ("2025-11-21T00:00:00-12:00", NOON), ("20251121T120000Z", NOON), ("2025-W47-5T12:00:00Z", NOON),
    ("2025-11-21", NOON - 43_200_000), ("20251121", NOON - 43_200_000), ("2025-11-21T12:00:00.5Z", NOON + 500),
    ("2025-11-21T12:00:00.123456789Z", NOON + 123), ("2025-11-21T12:00:00.9999Z", NOON + 999),
    (" 2025-11-21T12:00:00Z ", NOON), ("1763726400000", NOON), (NOON, NOON), (float(NOON), NOON), (NOON + 0.9, NOON),
    ("2016-12-31T23:59:60Z", 1_483_228_800_000), ("1969-12-31T23:59:59Z", -1000), ("1900-01-01", -2_208_988_800_000),
    ("9999-12-31T23:59:59Z", 253_402_300_799_000), (0, 0), (-1000, -1000), ("-1000", -1000),
    ("0001-01-01T00:00:00Z", -62_135_596_800_000), (1_763_726_400, 1_763_726_400),
]  # fmt: skip
UNREAD = [
    "", " ", "yesterday", "2025-13-01", "2025-02-30", "12:00", "2025-11-21T25:00:00Z", "NaN", "1e12", "1" * 30, "²⁰²⁵",
    10**400, -(10**400), 10**17, 1e300, float("inf"), float("nan"), "2025-11-21T12:00:00Z" * 9, "0001-01-01T00:00+14:00",
]  # fmt: skip


@pytest.mark.parametrize(("sent", "expected"), READ)
def test_read(sent: str | float, expected: int) -> None:
    assert parse_ms(sent) == expected


@pytest.mark.parametrize("sent", UNREAD, ids=lambda value: str(value)[:20])
def test_unread(sent: str | float) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        parse_ms(sent)


HOUR = 3_600_000
AGE = PUBLIC_AGE_MAX_S * 1000
TIMES = [  # sent, created, secret, expected, applied
    (None, None, False, NOON, "received"),
    (NOON, None, False, NOON, "received"),
    (None, NOON - HOUR, False, NOON - HOUR, "created"),
    (NOON + HOUR, NOON, False, NOON - HOUR, "skew"),
    (NOON - 10 * HOUR, NOON - 11 * HOUR, False, NOON - HOUR, "skew"),
    (0, -HOUR, False, NOON - HOUR, "skew"),
    (NOON, NOON + 300_000, False, NOON + 300_000, "skew"),
    (NOON, NOON + 300_001, False, NOON, "clamped"),
    (None, NOON + FUTURE_MAX_S * 1000, False, NOON + FUTURE_MAX_S * 1000, "created"),
    (None, NOON + FUTURE_MAX_S * 1000 + 1, True, NOON, "clamped"),
    (None, TS_MIN, False, TS_MIN, "created"),
    (None, TS_MIN - 1, True, NOON, "clamped"),
    (None, 0, True, NOON, "clamped"),
    (None, NOON - AGE - 1, False, NOON - AGE - 1, "created"),
    (NOON, NOON - AGE, False, NOON - AGE, "skew"),
    (NOON, NOON - AGE - 1, False, NOON, "clamped"),
    (NOON, NOON - AGE - 1, True, NOON - AGE - 1, "skew"),
    (None, 1_763_726_400, False, NOON, "clamped"),  # seconds, not milliseconds
]


@pytest.mark.parametrize(("sent", "created", "secret", "expected", "applied"), TIMES)
def test_event_time(sent: int | None, created: int | None, secret: bool, expected: int, applied: str) -> None:
    assert event_ts(NOON, sent, created, secret) == (expected, applied)


instants = st.integers(-62_135_596_800_000, 253_402_300_799_999)


@given(sent=st.none() | instants, created=st.none() | instants, secret=st.booleans())
def test_event_time_is_always_sane(sent: int | None, created: int | None, secret: bool) -> None:
    ts, applied = event_ts(NOON, sent, created, secret)
    assert TS_MIN <= ts < TS_MAX
    assert ts <= NOON + FUTURE_MAX_S * 1000
    assert (applied in ("received", "clamped")) <= (ts == NOON)


@given(skew=st.integers(-(10**12), 10**12), age=st.integers(0, 10**9))
def test_skew_of_any_size_cancels_out(skew: int, age: int) -> None:
    assert event_ts(NOON, NOON + skew, NOON + skew - age, secret=False) == (NOON - age, "skew")
