"""The version of what an engine makes of a run's rows: who may go on with a run that somebody began."""

ENGINE_VERSION = 1
"""Each claim stamps it on the run; from then on a worker with a lower one leaves the run in the queue.

Raise it by one, in the release that makes the change, when a worker of the release before would execute
or replay wrongly what a worker of this one has begun: the loop's steps are numbered or named otherwise,
a recorded result, an effect or an action means something else, a new kind of event changes what a
takeover must do. What an older worker does as well needs nothing. Never lower it. It fits a smallint.
"""
