"""Work on SQS messages inside AWS Lambda: what scales to zero.

The event source mapping must have `ReportBatchItemFailures` (without it, Lambda deletes what was refused),
and the queue's visibility time-out must be six times the function's time-out.
"""

from helium.adapters.aws_lambda.handler import BatchResponse, Invocation, Invocations, make_handler

__all__ = ["BatchResponse", "Invocation", "Invocations", "make_handler"]
