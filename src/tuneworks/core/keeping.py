"""Where things are kept and work is done: the contracts of stores, blobs and runners."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tuneworks.core.hands import Hand, LocalHand
from tuneworks.core.text import Text

if TYPE_CHECKING:
    from tuneworks.core.events import Listener
    from tuneworks.core.types import Run
    from tuneworks.core.workspace import Workspace

R = TypeVar("R")


class Store(ABC):
    """Records by type and id, each with a revision; all writes of one call happen or none does.

    ``shared``: whether other hosts reach them too.
    """

    shared: bool = False

    @abstractmethod
    def put(self, *records: Any, expect: Mapping[str, int] | None = None) -> None:
        """Insert or replace records; ``expect`` maps record ids to the revision they must still have (0: absent).

        Of records in ``core.audit.AUDITED`` the change is added to the audit log in the same transaction. Raises
        ``Conflict`` and writes nothing when one has another.
        """

    @abstractmethod
    def get(self, kind: type[R], id: str, *, age: float = 0.0) -> R | None:
        """The record, or ``None``.

        ``age``: how many seconds ago it may have been read, so that what others wrote since goes unseen; what was
        written through this store never does.
        """

    @abstractmethod
    def revision(self, kind: type, id: str) -> int:
        """The record's revision, 0 where there is none."""

    @abstractmethod
    def find(
        self,
        kind: type[R],
        /,
        *,
        newest_first: bool = False,
        limit: int | None = None,
        after: str | None = None,
        **equal: Any,
    ) -> list[R]:
        """Records whose searched columns equal the given values, in the order they were first written.

        ``after``: only those first written after the record with that id.
        """

    @abstractmethod
    def append(self, records: Sequence[Any]) -> None:
        """Insert many new records in one durable transaction; an id that is there already is left as it is."""

    @abstractmethod
    def remove(self, kind: type, id: str) -> bool:
        """Delete a record; whether there was one."""

    def renew(self) -> int:
        """Encrypt with the newest key what is not; how many records that were (none where nothing is encrypted)."""
        return 0

    @abstractmethod
    def copy_out(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """All records of one moment, whatever is written meanwhile: type's name, and column -> value, row by row."""

    @abstractmethod
    def copy_in(self, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> int:
        """Write what a store's ``copy_out`` gave, all or nothing; how many rows. ``Conflict`` where some are held."""

    @abstractmethod
    def faults(self) -> list[Text]:
        """What is wrong with the store itself: damaged pages, no leave to write; raises ``Unavailable`` or says."""

    @abstractmethod
    def close(self) -> None:
        """Let go of files and connections."""


class Blobs(ABC):
    """Bytes by their SHA-256; ``shared``: whether other hosts reach them too."""

    shared: bool = False

    @abstractmethod
    def write(self, source: bytes | Path) -> str:
        """Store bytes or a file's content durably; returns the id."""

    @abstractmethod
    def read(self, id: str) -> bytes:
        """The bytes, verified; raises ``NotFound`` or ``Unavailable``."""

    @abstractmethod
    def copy_to(self, id: str, path: Path) -> None:
        """Write the bytes, verified, to a file that is whole or absent."""

    @abstractmethod
    def local(self, id: str) -> Path:
        """The bytes as a file on this machine, to be read and never changed; not verified. Raises ``NotFound``."""

    @abstractmethod
    def remove(self, id: str) -> None:
        """Forget the bytes."""

    @abstractmethod
    def ids(self) -> Iterable[str]:
        """All ids held."""


class Runner(ABC):
    """Where the work of a run happens; ``shared``: whoever comes first may do it, not only whom this runner sends."""

    shared: bool = False

    def hand(self, workspace: Workspace, module: str, words: Sequence[str], threads: int) -> Hand:
        """A process that runs a module of ours where this runner's work is done: by default on this machine."""
        return LocalHand(module, words, threads)

    def close(self) -> None:
        """Let go of what hands needed; none of them is left."""

    @abstractmethod
    def submit(self, workspace: Workspace, run: Run, work: Callable[[], Any], listener: Listener) -> Run:
        """See to it that the work of a queued run is done, and return the run as it ended.

        ``work`` does it here and now; a runner that does it elsewhere starts from the stored run, as ``tuneworks work
        --run`` does. ``listener`` hears of it. Where the run does not finish, the error reaches the caller.
        """
