"""The door of the identify room."""

from __future__ import annotations

from tasks.core.progress import progress
from tasks.core.settings import IdentifySettings
from tasks.core.stopwatch import record_value, span
from tasks.identify.identifier import Identifier
from tasks.schema.files import Identities
from tasks.staging import Batch, BatchResult, Ledger, Outcome
from tasks.step import step


@step("identify", run_name="identify {batch.name} (files: {batch.item_count})")
def identify(batch: Batch, settings: IdentifySettings) -> BatchResult:
    """Read the names of a batch of files (``file_id, path, path_bytes, root, root_bytes``) into ``identities``.

    Raises:
        StorageFull: the staging folder's disk is full.
    """
    ledger = Ledger(batch, id_column="file_id")
    identifier = Identifier(settings)
    items = ledger.open_items()
    rows, outcomes = [], []
    with span("identify.batch", item=batch.name, files=items.height):
        for item in items.iter_rows(named=True):
            row = identifier.identify(item["path_bytes"], root=item["root_bytes"])
            rows.append(row | {"file_id": item["file_id"], "path": item["path"]})
            is_known = row["kind"] != "unknown"
            reason = None if is_known else f"neither name nor folders say what it is ({row['rule']})"
            outcome = "done" if is_known else "quarantined"
            outcomes.append(Outcome(item["file_id"], item["path"], outcome, reason=reason))
    record_value("identify.files", items.height, item=batch.name)
    ledger.save({Identities: rows}, outcomes)
    progress.advance("identify", items.height)
    return ledger.close()
