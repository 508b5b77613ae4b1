"""Raw logs in; lines, templates and sessions out."""
