"""Times by cron expressions of six fields, seconds first: `0 15 * * * *` is each hour's minute 15.

The fields are second, minute, hour, day of month, month and day of week, with `*`, lists, ranges,
steps, names (`MON`, `JAN`), `L`, `LW` and `#`, and Quartz' `?`. Times are UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime

from cronsim import CronSim, CronSimError

FIELDS = 6
MAX_LENGTH = 255


def next_time(expression: str, after: datetime) -> datetime:
    """The first instant later than `after`.

    ValueError says in words what is wrong with the expression; one that never comes is wrong too.
    """
    if len(expression) > MAX_LENGTH:
        raise ValueError(f"a cron expression has {MAX_LENGTH} characters at most")
    words = expression.split()
    if len(words) != FIELDS:
        raise ValueError("a cron expression has six fields: second minute hour day month weekday")
    for place in (3, 5):
        if words[place] == "?":
            words[place] = "*"
    try:
        found = next(CronSim(" ".join(words), after.astimezone(UTC)), None)
    except CronSimError as error:
        words_of_error = str(error).lower().removeprefix("bad ")
        raise ValueError(f"the {words_of_error} of the cron expression is wrong") from error
    if found is None:
        raise ValueError("the cron expression never comes")
    return found
