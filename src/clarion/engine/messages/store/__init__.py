"""The only place that runs the SQL of requests and messages, a file a subject.

Callers say `store.requeue`: which file has it is this package's own affair.
"""

# ruff: noqa: F403

from clarion.engine.messages.store.changes import *
from clarion.engine.messages.store.claims import *
from clarion.engine.messages.store.ends import *
from clarion.engine.messages.store.expansion import *
from clarion.engine.messages.store.fragments import *
from clarion.engine.messages.store.inbound import *
from clarion.engine.messages.store.nodes import *
from clarion.engine.messages.store.queue import *
from clarion.engine.messages.store.requests import *
from clarion.engine.messages.store.rows import *
