"""Things are killed while messages flow; afterwards everything is counted from outside.

    pytest tests/chaos                                a short run
    python -m tests.chaos --seconds 600 --seed 7      a long one

The gateway, PostgreSQL and the SMSC are processes of their own and are looked at only over HTTP,
through the SMSC's record, and by SQL for the recount. A seed fixes what is sent and what is broken
when; how the processes then meet is up to the machine.
"""
