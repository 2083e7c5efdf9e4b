"""The server's settings: a small machine, a queue, and no risk to what was acknowledged.

Written at every start, so that a new release brings its own; ALTER SYSTEM overrides them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from clarion.storage.embedded.account import Account

FILE = "clarion.conf"
ROLE = "clarion"
SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        # A Unix socket only; see write() for who may use it.
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        "max_connections": "100",
        # Acknowledged is on disk.
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        # Few, spread checkpoints; the wheel is built without lz4 and zstd.
        "checkpoint_timeout": "15min",
        "max_wal_size": "2GB",
        "min_wal_size": "128MB",
        "wal_compression": "pglz",
        # A small machine with an SSD.
        "shared_buffers": "128MB",
        "effective_cache_size": "512MB",
        "work_mem": "8MB",
        "maintenance_work_mem": "64MB",
        "huge_pages": "off",
        "io_method": "sync",
        "random_page_cost": "1.1",
        "jit": "off",
        "max_worker_processes": "4",
        "max_parallel_workers_per_gather": "0",
        "max_locks_per_transaction": "128",  # a statement over all partitions locks each of them
        # Queue rows die by the thousand each second: look often, clean fast.
        "autovacuum_naptime": "10s",
        "autovacuum_max_workers": "2",
        "autovacuum_vacuum_cost_limit": "2000",
        "autovacuum_vacuum_scale_factor": "0.05",
        "autovacuum_analyze_scale_factor": "0.05",
        # The log tells of the server, not of statements and their values.
        "log_min_messages": "log",
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "log_checkpoints": "off",
        "log_line_prefix": "%m [%p] ",
        "log_timezone": "UTC",
        "timezone": "UTC",
        "default_text_search_config": "pg_catalog.simple",
    }
)


def write(cluster: Path, account: Account, *, owner: str, sockets: str) -> None:
    """Everything that the server reads at its start. `owner`: the user that may connect."""
    values = {**SETTINGS, "unix_socket_directories": sockets}
    lines = [f"{name} = '{value}'" for name, value in values.items()]
    _put(cluster / FILE, account, lines)
    _put(cluster / "pg_hba.conf", account, ["local all all peer map=owner"])
    _put(cluster / "pg_ident.conf", account, [f'owner "{owner}" {ROLE}'])
    main = cluster / "postgresql.conf"
    include = f"include_if_exists = '{FILE}'"
    if include not in main.read_text("utf-8").splitlines():
        with main.open("a", encoding="utf-8") as file:
            file.write(f"\n{include}\n")


def _put(path: Path, account: Account, lines: list[str]) -> None:
    path.write_text("\n".join([*lines, ""]), "utf-8")
    path.chmod(0o600)
    account.give(path)
