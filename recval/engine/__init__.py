"""Where work runs."""

from recval.engine.executor import Executor, Processes, Serial, local_executor

__all__ = ["Executor", "Processes", "Serial", "local_executor"]
