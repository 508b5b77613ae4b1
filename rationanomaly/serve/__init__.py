"""The detector as a service: verdicts, lines and incidents over HTTP, OTLP logs, pages, metrics, tools."""
