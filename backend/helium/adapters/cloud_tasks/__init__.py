"""Google Cloud Tasks: one HTTP task for each ring, pushed to the worker service (decision 0016).

Google's library is imported by `open_cloud_tasks` only, in a thread: nobody else pays for it.
"""

from helium.adapters.cloud_tasks.bell import CloudTasksBell
from helium.adapters.cloud_tasks.opening import CloudTasks, open_cloud_tasks
from helium.adapters.cloud_tasks.push import PUSH_PATH, PushRoute
from helium.adapters.cloud_tasks.queue import Place, PushQueue, QueueAway, Target

__all__ = [
    "PUSH_PATH",
    "CloudTasks",
    "CloudTasksBell",
    "Place",
    "PushQueue",
    "PushRoute",
    "QueueAway",
    "Target",
    "open_cloud_tasks",
]
