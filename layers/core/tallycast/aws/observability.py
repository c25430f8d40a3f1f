"""Logs, metrics and traces: the one module that knows Powertools' set-up and the X-Ray SDK.

The X-Ray SDK is in maintenance; only this module may import a tracer, so that OpenTelemetry can
take its place here.
"""

from __future__ import annotations

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit, single_metric

__all__ = ["NAMESPACE", "MetricUnit", "logger", "metrics", "single_metric", "tracer"]

NAMESPACE = "Tallycast"

logger = Logger(utc=True, use_rfc3339=True)
metrics = Metrics(namespace=NAMESPACE)
tracer = Tracer()
