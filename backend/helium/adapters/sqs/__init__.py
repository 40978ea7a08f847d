"""The queue on Amazon SQS: a standard queue of run ids, and a queue of the dead beside it.

The infrastructure must have made both:

- `agent-processing`: standard (not FIFO), retention 4 days, long polls of 20 s, visibility time-out 60 s
  (consumers set their own with each receive) or, where Lambda consumes it, six times the function's
  time-out; redrive policy `{"deadLetterTargetArn": <ARN of the other>, "maxReceiveCount": 20}`, 5 at
  least.
- `agent-processing-dead`: standard, in the same account and region, retention 14 days (a message that SQS
  moves keeps its age), with a redrive allow policy that names the first queue, and an alarm on its length.

Refusals do not wear a message out, however many there are; see `verdicts`.
"""

from helium.adapters.sqs.bell import SqsBell, open_bell
from helium.adapters.sqs.client import AwsAccess, SqsFailed
from helium.adapters.sqs.consumer import SqsConsumer
from helium.adapters.sqs.queue import SqsQueue, open_queue

__all__ = ["AwsAccess", "SqsBell", "SqsConsumer", "SqsFailed", "SqsQueue", "open_bell", "open_queue"]
