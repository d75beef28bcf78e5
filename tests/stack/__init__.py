"""The local stack: AWS as far as Lamplighter needs it, on one loopback port, without Docker.

A thin layer around the pinned emulator's ASGI application. It adds what AWS does and the emulator does
not, and nothing more:

* ``gaps``: asynchronous invocation as Lambda does it, code from local binaries, the resource properties
  the emulator drops, answers that differ from AWS
* ``watch``: alarms that are evaluated as AWS does and tell, metrics by script, tags of alarms and databases
* ``autoscaling``: the bounds of Application Auto Scaling
* ``emit``: the events that ECR, ECS and the tagging service send
* ``faults``: throttling, errors, answers lost after the call took effect, latency, killed functions
* ``databases``, ``clusters``, ``caches``: snapshots that take their time and are told of, restores, copies, quotas
* ``exports``: export tasks of CloudWatch Logs
* ``control``: the control API under ``/_stack/``
* ``__main__``: start, readiness, and an end with its owner, however that one ends
"""
