"""The steps that plan, executed twice as a retry does."""

from __future__ import annotations

from datetime import UTC, datetime

from tasks.core.settings import FlowSettings, ScrapeSettings
from tasks.plan.task import plan_matches
from tasks.schema.files import Identities, PresentFiles
from tasks.schema.titles import Matches
from tasks.staging import known_path, present_identities, write_staged
from tests.plan.test_titles import a_match, an_identity

NOW = datetime(2026, 2, 1, tzinfo=UTC)


def test_matches_planned_again_are_the_same(tmp_path):
    """
    A renamed file keeps its reading and an extra goes to its show, also when the step is executed a second time and
    finds what the first one has left.
    """
    before = an_identity("film", "Glass Harbour")
    renamed = an_identity("film", "whatever", path="/v/whatever", title_key="k9", year=None)
    episode = an_identity("s1", "Low Water", kind="episode", title_kind="show", title_key="show", year=2017)
    extra = an_identity("x1", "Low Water", kind="extra", title_key="film-key", year=2017)
    for table, rows in ((Identities, [before]), (Matches, [a_match("k1")])):
        path = known_path(table, staging=tmp_path)
        path.parent.mkdir(exist_ok=True)
        table.frame(rows).write_parquet(path)
    present = PresentFiles.frame({"file_id": name} for name in ("film", "s1", "x1"))
    write_staged({PresentFiles: present}, staging=tmp_path, stage="plan")
    write_staged({Identities: Identities.frame([renamed, episode, extra])}, staging=tmp_path, stage="identify")

    plans = []
    for _ in range(2):
        plan = plan_matches.fn(str(tmp_path), (), ScrapeSettings(), FlowSettings(), NOW)
        keys = present_identities(tmp_path).select("file_id", "title_key").sort("file_id").rows()
        plans.append((plan, keys))

    assert [("film", "k1"), ("s1", "show"), ("x1", "show")] == plans[0][1]
    assert plans[0] == plans[1]
