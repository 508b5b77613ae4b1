"""report.html: one evaluation on one page, to be read in a browser, on a phone, in the dark, without a network.

    from pathlib import Path
    from rationanomaly.evaluate.report import write_report
    write_report(Path("outputs/laptop/evaluate"), target=Path("report.html"))

It is made from the files of the evaluate folder (`report_files`), so it can be made again without the models. Log text
and rationales are hostile: all of it is escaped or put on the page as text alone, what acts or can't be seen is written
out (`text.untrusted`), and by the page's policy nothing runs or is drawn but the one script and the one style sheet in
it, named by their hashes; nothing is loaded from anywhere.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rationanomaly.artifacts import write_text
from rationanomaly.evaluate import report_tables
from rationanomaly.evaluate.calibration import expected_calibration_error
from rationanomaly.evaluate.ranking import SESSIONS, TEMPLATES, remarks
from rationanomaly.evaluate.report_champion import PAIRED_COLUMNS, reported_champion
from rationanomaly.evaluate.report_charts import strip
from rationanomaly.evaluate.report_cost import ReportedCost, reported_cost
from rationanomaly.evaluate.report_curves import Figure, calibration_bins, drawings
from rationanomaly.evaluate.report_files import Evaluation, Setting, read_evaluation, title_of, write_setting
from rationanomaly.evaluate.report_rows import template_data
from rationanomaly.evaluate.report_sessions import session_data
from rationanomaly.evaluate.report_stress import main_rates, stress_probes
from rationanomaly.evaluate.report_texts import as_data, evidence_of, highlighted, quotes_of
from rationanomaly.text.untrusted import for_html

__all__ = ["REPORT", "Setting", "page_environment", "page_style", "style_policy", "write_report"]

REPORT = "report.html"
_HEADLINES = {"Templates": TEMPLATES, "Sessions": SESSIONS}


def write_report(
    folder: Path,
    setting: Setting | None = None,
    metrics: Mapping[str, float] | None = None,
    target: Path | None = None,
    cost: Path | None = None,
) -> None:
    """Write the report of an evaluate folder.

    Args:
        folder: with the files of `report_files`.
        setting: how was tested, to be kept beside the metrics; None: as it was kept.
        metrics: those of `evaluate`; None: of metrics.json.
        target: the file to write; None: ``report.html`` in the folder. A folder with a manifest is complete, and must
            not be written to again.
        cost: a record of `benchmarks.cost`; None: cost.json of the folder, where there is one.

    Raises:
        ArtifactError, InputError: a file of the folder can't be read.
    """
    if setting is not None:
        write_setting(folder, setting)
    evaluation = read_evaluation(folder, metrics)
    write_text(target or folder / REPORT, render(evaluation, drawings(evaluation, folder), reported_cost(folder, cost)))


def render(evaluation: Evaluation, drawn: Mapping[str, Figure], cost: ReportedCost | None = None) -> str:
    """The page."""
    bins = calibration_bins(evaluation)
    stress = stress_probes(evaluation.metrics, evaluation.stress)
    script, style = Markup(_beside("report_page.js")), page_style()  # noqa: S704 - ours
    return page_environment().get_template("report_page.html").render(
        script=script,
        style=style,
        policy=f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'",
        setting=evaluation.setting,
        metrics=evaluation.metrics,
        audit=evaluation.audit,
        final=title_of(evaluation.final),
        remarks=remarks(evaluation.metrics),
        drawings_=drawn,
        calibration=expected_calibration_error(bins) if bins else None,
        examples=evaluation.examples,
        stress=stress,
        main_stress=main_rates(stress),
        ablations=evaluation.ablations,
        cost=cost,
        champion=reported_champion(evaluation),
        champion_columns=PAIRED_COLUMNS,
        data=as_data({"templates": template_data(evaluation), "sessions": session_data(evaluation)}),
        **_tables(evaluation),
    )  # fmt: skip


def _tables(evaluation: Evaluation) -> dict[str, object]:
    """What `report_tables` makes of the metrics."""
    metrics, names = evaluation.metrics, evaluation.names
    mine = list(evaluation.answers.get(evaluation.final, {}).values())
    tables = (report_tables.confusion("Templates", mine), report_tables.confusion("Sessions", evaluation.sessions))
    levels = report_tables.levels(metrics, names)
    bars = {title: report_tables.headline(metrics, places) for title, places in _HEADLINES.items()}
    return {
        "headlines": {title: found for title, found in bars.items() if found},
        "levels": levels,
        "columns": report_tables.COLUMNS,
        "answers": report_tables.ANSWERS,
        "confusions": [table for table in tables if table is not None],
        "differences": report_tables.differences(metrics, names),
        "difference_columns": report_tables.COMPARED,
        "texts": report_tables.table(metrics, report_tables.TEXTS, "", names),
        "text_columns": report_tables.TEXTS,
        "text_differences": report_tables.text_differences(metrics),
    }


def page_environment() -> Environment:
    """Where the pages of this package find their templates, with what renders hostile text."""
    environment = Environment(
        loader=PackageLoader("rationanomaly.evaluate", "."), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["inert"] = lambda text: for_html(str(text or ""))
    environment.filters["share"] = lambda value: report_tables.NOTHING if value is None else f"{value:.3f}"
    environment.globals |= {
        "highlighted": highlighted, "evidence_of": evidence_of, "quotes_of": quotes_of,
        "interval": report_tables.interval, "strip": strip,
    }  # fmt: skip
    return environment


def page_style() -> Markup:
    """The style sheet of the pages of this package."""
    return Markup(_beside("report_page.css"))  # noqa: S704 - ours


def style_policy() -> str:
    """The content security policy of a page that holds this style sheet, and neither script nor image."""
    return f"default-src 'none'; style-src {_hash(page_style())}; img-src data:; base-uri 'none'; form-action 'none'"


def _beside(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """As a content security policy names a script or a style sheet."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
