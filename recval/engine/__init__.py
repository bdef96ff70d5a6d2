"""Where work runs."""

from recval.engine.begin_here import BeginHere
from recval.engine.choosing import executor_of, local_executor
from recval.engine.dask import Dask
from recval.engine.executor import Executor
from recval.engine.ordered import in_order
from recval.engine.processes import Processes
from recval.engine.serial import Serial

__all__ = ["BeginHere", "Dask", "Executor", "Processes", "Serial", "executor_of", "in_order", "local_executor"]
