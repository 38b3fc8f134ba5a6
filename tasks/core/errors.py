"""Every error of the house.

::

    RefreshError
    |-- Refused                 the run cannot start, or cannot go on; says what to change
    |   |-- SettingsRefused     a setting has a value that cannot be used
    |   |-- RootRefused         a root is missing, not a folder, or may not be listed
    |   |-- WarehouseBusy       another refresh holds the warehouse
    |   |-- WarehouseTooNew     the warehouse was written by a newer version
    |   |-- WarehouseDamaged    the file is no DuckDB database, or a damaged one
    |   |-- WarehouseMissing    there is no warehouse yet
    |   |-- QueryRefused        SQL of a person that cannot be run as it is written
    |   |-- ProbeEngineBroken   no process that measures files can be started
    |   `-- KeyRefused          a provider does not accept the key (HTTP 401)
    |-- ItemError               one item failed; everything else goes on
    |   |-- RootOffline         a root is missing, or does not answer; its files are kept as they were
    |   |-- FileVanished        it was there when the folder was listed and is gone now
    |   |-- FileNotPermitted    the operating system does not let us read it
    |   |-- ReadFailed          (transient) the disk or the share answered with an error
    |   |-- UnreadableVideo     no engine can make sense of it: corrupt, truncated, not a video
    |   |-- ProbeTimedOut       (transient) no answer before the deadline
    |   |-- ProbeCrashed        the engine died on this file
    |   |-- AnswerNotFound      the provider has nothing there (HTTP 404); data, not a fault
    |   |-- AnswerRefused       the provider refuses this request for good (HTTP 400, 403, 422)
    |   |-- AnswerInvalid       the answer is not what the provider's documents promise
    |   |-- ProviderUnavailable (transient) time-out, dropped connection, HTTP 5xx, or 429 without end
    |   |-- ImageTruncated      (transient) the image ended early
    |   `-- ImageInvalid        the answer is not an image, or one too large to be true
    |-- StorageFull             (transient) no space left where we write
    |-- StorageNotWritable      the operating system does not let us write in the data folder
    |-- BatchIncomplete         (transient) items of a batch failed in a way that may pass
    `-- BatchAbandoned          (transient) a batch ended before it came to these items

``Transient`` marks what may succeed when the *same* call is made again.
"""

from __future__ import annotations

from typing import Any


class RefreshError(Exception):
    """Base of every error of the house: one ``except RefreshError`` catches them all.

    Prefect pickles the exception of a failed task. The default protocol calls ``__init__`` again with the message
    only, which breaks every class that takes keywords, so the fields travel instead.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).__new__, (type(self), *self.args), self.__dict__


class Transient(RefreshError):
    """Mark of an error that may not come back when the same call is made again."""


class Refused(RefreshError):
    """The run cannot start or go on as asked; the message says what to change."""


class SettingsRefused(Refused):
    """A setting has a value that cannot be used; the message names it and where it was set."""


class RootRefused(Refused):
    """A root is missing, is not a folder, or may not be listed."""


class WarehouseBusy(Refused):
    """Another refresh of the same warehouse is running."""


class WarehouseTooNew(Refused):
    """The warehouse has a schema version that this program does not know."""


class WarehouseDamaged(Refused):
    """The warehouse file cannot be opened as a DuckDB database."""


class WarehouseMissing(Refused):
    """There is no warehouse at this place yet."""


class QueryRefused(Refused):
    """SQL that a person wrote cannot be run: the message is the database's own, with the place of the mistake."""


class ProbeEngineBroken(Refused):
    """No worker process that measures files can be started, or all of them were ended during the work."""


class KeyRefused(Refused):
    """A provider does not accept the key it was sent."""


class ItemError(RefreshError):
    """One item failed; the run goes on without it.

    Attributes:
        item: what failed, printable: a path, a title or an address without secrets.
        reason: one sentence, without the item.
    """

    def __init__(self, *, item: str, reason: str) -> None:
        super().__init__(f"{item}: {reason}")
        self.item = item
        self.reason = reason

    @property
    def cause(self) -> str:
        """Short name of the kind of failure, the same in every run: what ``failures.cause`` holds."""
        return type(self).__name__


class RootOffline(ItemError):
    """A root is missing or does not answer: what lies below is unknown, and kept as it was."""


class FileVanished(ItemError):
    """The file was there when its folder was listed and is gone now."""


class FileNotPermitted(ItemError):
    """The operating system does not let us read the file."""


class ReadFailed(ItemError, Transient):
    """The disk or the network share answered with an input/output error."""


class UnreadableVideo(ItemError):
    """No engine can make sense of the file: corrupt, truncated, or not a video."""


class ProbeTimedOut(ItemError, Transient):
    """The engine was stopped at its deadline; often a network share waking up."""


class ProbeCrashed(ItemError):
    """The engine died while it read this file alone."""


class AnswerNotFound(ItemError):
    """The provider has nothing under this address."""


class AnswerRefused(ItemError):
    """The provider refuses this request, and will refuse it again."""


class AnswerInvalid(ItemError):
    """The answer does not have the form that the provider's documents promise."""


class ProviderUnavailable(ItemError, Transient):
    """The provider does not answer now: time-out, dropped connection, HTTP 5xx, or 429 without end."""


class ImageTruncated(ItemError, Transient):
    """The image ended before its end; the next download may be whole."""


class ImageInvalid(ItemError):
    """The answer is not an image that can be decoded, or is larger than an image may be."""


class StorageFull(Transient):
    """There is no space left where we write; free some and retry."""


class StorageNotWritable(RefreshError):
    """The operating system does not let us write a file of ours; often an earlier run was started by another user."""


class BatchIncomplete(Transient):
    """Some items of a batch failed in a way that may pass; its good items are saved.

    A retry of the batch works on those items only.
    """

    def __init__(self, *, stage: str, batch: str, failed_count: int, example: str) -> None:
        super().__init__(
            f"{stage} {batch}: {failed_count} item(s) failed and may succeed when retried; first: {example}"
        )
        self.stage = stage
        self.batch = batch
        self.failed_count = failed_count
        self.example = example


class BatchAbandoned(Transient):
    """The batch of this item ended with an error of its own before it came to the item."""
