"""Params section `watch.stream`."""

from __future__ import annotations

from rationanomaly.params.section import Section
from rationanomaly.params.values import Positive, Rate, Weight


class StreamParams(Section):
    """How lines are followed and judged.

    Attributes:
        raises_alerts: whether signals and drift are watched, and alerts and incidents raised; else verdicts are all.
        suspicious_is_abnormal: whether a template that looks as if it was written to turn a verdict is abnormal.
        commit_seconds: longest time that lines wait to be stored and given out.
        hold_seconds: so long the last record of a stream waits for more lines, if no other comes.
        poll_seconds: between two looks at files that have not grown.
        rotated_seconds: without a line, after which a file that was rotated away is not looked at any more.
        max_verdicts: verdicts that the database keeps; the oldest go first.
        pending_lines: lines of a template without a verdict that are named when it comes; all are counted.
        session_quiet_minutes: without a line, after which a session has ended.
        max_session_lines: after which a session is judged as if it had ended.
        session_keep_hours: so long a session that has been judged is kept, and judged again as a whole if lines follow.
        max_kept_sessions: that are kept so; beyond, those are forgotten that have been quiet for longest.
        model_seconds: without a sign of life from a model at its work, after which its process is started again.
        max_streams: streams whose places are kept; beyond, those are forgotten that have been silent for longest.
    """

    raises_alerts: bool
    suspicious_is_abnormal: bool
    commit_seconds: Rate
    hold_seconds: Weight
    poll_seconds: Rate
    rotated_seconds: Weight
    max_verdicts: Positive
    pending_lines: Positive
    session_quiet_minutes: Rate
    max_session_lines: Positive
    session_keep_hours: Weight
    max_kept_sessions: Positive
    model_seconds: Rate
    max_streams: Positive
