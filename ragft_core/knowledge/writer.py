"""Everything that changes a knowledge base, in an order that a crash cannot harm.

Adding: folder, index rows, disk, ``document.json``. Removing: ``document.json``, index rows,
folder. At every moment a document either counts and is complete, or does not count; what does not
count is cleared by the next writer. One lock serialises writers; reading needs none.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import Timeout

from ragft_core.access import rights
from ragft_core.documents import PATH, ParsedDocument, chunk_document
from ragft_core.errors import WorkspaceError
from ragft_core.knowledge import store
from ragft_core.knowledge.embed import TextEmbedder
from ragft_core.knowledge.index import ChunkIndex, Entry
from ragft_core.knowledge.workers.reading import Workers
from ragft_core.storage import artefacts
from ragft_core.types import Chunk, Document
from ragft_core.workspace import Workspace

LOCK_S = 300.0
EMBEDDING = "embedding"  # what ``fill`` calls the stage it is in


@dataclass(frozen=True)
class Prepared:
    """A file that was read, split and embedded, and only has to be kept."""

    document: Document
    source: Path
    parsed: ParsedDocument
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Repair:
    """What a repair did: documents whose remains were cleared, and those indexed again."""

    cleared: tuple[str, ...] = ()
    indexed: tuple[str, ...] = ()


class Writer:
    """The one that writes to a workspace's documents and their index."""

    def __init__(self, workspace: Workspace, embedder: TextEmbedder, index: ChunkIndex) -> None:
        self.workspace = workspace
        self.embedder = embedder
        self.index = index

    @contextmanager
    def lock(self, timeout: float = LOCK_S) -> Iterator[None]:
        """Keeps other writers out, in this process and in others.

        Raises:
            WorkspaceError: Another writer did not finish in time.
        """
        lock = self.workspace.lock("documents", timeout)
        try:
            lock.acquire()
        except Timeout:
            raise WorkspaceError(
                "Another process is adding or removing documents in this workspace.",
                "Wait until it is done, then try again.",
            ) from None
        try:
            yield
        finally:
            lock.release()

    def keep(self, batch: Sequence[Prepared]) -> dict[str, tuple[Document, bool]]:
        """Makes prepared files count, all of them with one write to the index.

        Returns:
            For each document id the document, and whether it was there already: another process
            may have added it meanwhile.
        """
        with self.lock():
            self._clear()
            known = {document.id: document for document in store.documents(self.workspace)}
            new = [item for item in batch if item.document.id not in known]
            for item in new:
                chunks = [entry.chunk for entry in item.entries]
                store.begin(self.workspace, item.document.id, item.source, item.parsed, chunks)
            if new:
                store.sync(self.workspace, [item.document.id for item in new])
                self.index.upsert([entry for item in new for entry in item.entries])
                self.index.settle()
                for item in new:
                    folder = f"documents/{item.document.id}"
                    artefacts.keep(self.workspace, folder, ("original.*",))
                self._finish([item.document for item in new], list(known.values()))
        return {
            item.document.id: (known.get(item.document.id, item.document), item not in new)
            for item in batch
        }

    def put_in(self, document: Document, folder: str) -> Document:
        """Notes the folder that a document lay in, and returns the document with it."""
        placed = dataclasses.replace(document, folder=folder)
        with self.lock():
            if store.find(self.workspace, document.id):  # nobody has removed it meanwhile
                store.finish(self.workspace, [placed])
        return placed

    def tidy(self) -> None:
        """Makes the index quick again after additions: once a batch, because it reads it all."""
        with self.lock():
            self.index.tidy(self.embedder.embed_query)

    def _finish(self, documents: Sequence[Document], known: Sequence[Document]) -> None:
        """Makes documents count, and removes those of the same names whose place they take."""
        older: dict[str, list[str]] = {}
        for document in documents:
            old = [other.id for other in known if other.file_name == document.file_name]
            if old:
                older[document.id] = old
        store.finish(self.workspace, documents, older)
        if older:
            self._remove([document_id for old in older.values() for document_id in old])
            store.finish(self.workspace, [item for item in documents if item.id in older])

    def remove(self, document_id: str) -> None:
        """Removes a document with its chunks.

        Raises:
            DocumentError: There is none with this id.
        """
        with self.lock():
            self._clear()
            document = store.get(self.workspace, document_id)
            self._remove([document_id])
        rights.note("document removed", self.workspace.path, document.file_name)

    def _remove(self, document_ids: Sequence[str]) -> None:
        for document_id in document_ids:
            store.forget(self.workspace, document_id)
        self.index.delete(document_ids)
        self.index.settle()
        for document_id in document_ids:
            store.clear(self.workspace, document_id)

    def _clear(self) -> list[str]:
        """Ends what a crash left half done. Needs the lock; costs a look at the folders."""
        for document, old in store.replacements(self.workspace):
            self._remove(old)
            store.finish(self.workspace, [document])
        begun = store.leftovers(self.workspace)
        if begun:
            self._remove(begun)
        return begun

    def repair(self, timeout: float = LOCK_S) -> Repair:
        """Makes the index hold every document's chunks exactly once, and nothing else.

        Raises:
            WorkspaceError: Another process is writing, and did not finish in ``timeout`` seconds.
        """
        with self.lock(timeout):
            cleared = self._clear()
            found = self.index.counts()
            known = {document.id: document for document in store.documents(self.workspace)}
            # A damaged document keeps its chunks for the day that it is restored.
            there = set(store.content_ids(self.workspace))
            strangers = [document_id for document_id in found if document_id not in there]
            wrong = [item for item in known.values() if found[item.id] != item.n_chunks]
            self.index.delete([*strangers, *(item.id for item in wrong if found[item.id])])
            for document in wrong:
                self.index_again(document)
            if strangers or wrong:
                self.index.tidy(self.embedder.embed_query)
        return Repair(tuple(cleared), tuple(item.id for item in wrong))

    def index_again(self, document: Document) -> int:
        """Embeds and indexes a document's chunks as they lie in its folder; returns how many."""
        chunks = store.chunks_of(self.workspace, document.id)
        texts = [indexed_text(document.title, chunk) for chunk in chunks]
        self.put(document, chunks, self.embedder.embed_documents(texts))
        if len(chunks) != document.n_chunks:
            store.finish(self.workspace, [dataclasses.replace(document, n_chunks=len(chunks))])
        return len(chunks)

    def put(self, document: Document, chunks: Sequence[Chunk], vectors: np.ndarray) -> None:
        """Indexes chunks of a document with their vectors, (n, dimension)."""
        texts = [indexed_text(document.title, chunk) for chunk in chunks]
        self.index.upsert([Entry(*row) for row in zip(chunks, texts, vectors, strict=True)])

    def split_again(self, document: Document) -> int:
        """Splits a document as this embedder's tokenizer does, and indexes what comes of it.

        Returns:
            How many chunks it has now.
        """
        chunks = self._split(document)
        store.write_chunks(self.workspace, document.id, chunks)
        return self.index_again(document)

    def fill(
        self, workers: Workers, on_progress: Callable[[str, str, float], None]
    ) -> dict[str, list[Chunk]]:
        """Makes the index hold every document's chunks, as this embedder's tokenizer splits them.

        Args:
            workers: Who embeds what is lacking.
            on_progress: Called with a file's name, its stage and the share that is done; what it
                raises ends the work.
        """
        documents, found = store.documents(self.workspace), self.index.counts()
        chunks: dict[str, list[Chunk]] = {}
        self.index.delete(sorted(set(found) - {document.id for document in documents}))

        def lacking() -> Iterator[tuple[Document, list[str]]]:
            for number, document in enumerate(documents):
                on_progress(document.file_name, EMBEDDING, number / len(documents))
                chunks[document.id] = own = self._split(document)
                if found[document.id] != len(own):
                    yield document, [indexed_text(document.title, chunk) for chunk in own]

        for document, vectors in workers.embed(lacking(), lambda *_: None):
            self.index.delete([document.id])
            self.put(document, chunks[document.id], vectors)
        return chunks

    def become(
        self,
        shelf: Workspace,
        vectors: ChunkIndex | None,
        on_progress: Callable[[str, str, float], None],
    ) -> tuple[list[Document], list[Document]]:
        """Makes the documents those of another shelf: what is lacking comes, what is strange goes.

        Interrupted at any moment it leaves documents that are whole, and goes on when called again.

        Args:
            shelf: A folder of documents, such as a named version's.
            vectors: An index of this embedder over them, so that nothing has to be embedded; without
                one, what comes is split and embedded anew.
            on_progress: Called with a file's name, its stage and the share that is done.

        Returns:
            The documents that came, and those that went.
        """
        with self.lock():
            self._clear()
            here = {document.id: document for document in store.documents(self.workspace)}
            there = {document.id: document for document in store.documents(shelf)}
            coming = [document for key, document in there.items() if key not in here]
            going = [document for key, document in here.items() if key not in there]
            for document in coming:
                copy_document(shelf, document.id, self.workspace)
            store.sync(self.workspace, [document.id for document in coming])
            if vectors is not None and coming:
                self.index.take(vectors, [document.id for document in coming])
            came = []
            for number, document in enumerate(coming):
                on_progress(document.file_name, EMBEDDING, number / len(coming))
                came.append(document if vectors is not None else self._anew(shelf, document))
                artefacts.keep(self.workspace, f"documents/{document.id}", ("original.*",))
            self.index.settle()
            store.finish(self.workspace, came)
            self._remove([document.id for document in going])
            self.index.tidy(self.embedder.embed_query)
        return came, going

    def _anew(self, shelf: Workspace, document: Document) -> Document:
        """Splits and embeds a document that lies on another shelf, and does not count here yet."""
        parsed = store.parsed_of(shelf, document.id)
        chunks = chunk_document(parsed, document.id, self.embedder.tokenizer)
        store.write_chunks(self.workspace, document.id, chunks)
        texts = [indexed_text(document.title, chunk) for chunk in chunks]
        self.put(document, chunks, self.embedder.embed_documents(texts))
        return dataclasses.replace(document, n_chunks=len(chunks))

    def purge(self) -> None:
        """Removes from the index's files what was deleted; nobody writes meanwhile.

        Raises:
            StoreError: An engine tends the index.
        """
        with self.lock():
            self.index.purge()
            self.index.tidy(self.embedder.embed_query)

    def _split(self, document: Document) -> list[Chunk]:
        parsed = store.parsed_of(self.workspace, document.id)
        return chunk_document(parsed, document.id, self.embedder.tokenizer)


def copy_document(shelf: Workspace, document_id: str, target: Workspace) -> None:
    """Puts a document's files on another shelf; it counts there once ``store.finish`` was called."""
    store.original_of(shelf, document_id)  # brought back where it lies in a store only
    folder = store.folder_of(target, document_id)
    shutil.rmtree(folder, ignore_errors=True)
    left_out = shutil.ignore_patterns("*document.json*")
    source = store.folder_of(shelf, document_id)
    shutil.copytree(source, folder, ignore=left_out, copy_function=_share)


def _share(source: str, target: str) -> None:
    """Nothing writes into an original, so it lies on the disk once where the disk can do that."""
    if Path(source).stem == "original":
        with suppress(OSError):
            os.link(source, target)
            return
    shutil.copyfile(source, target)


def indexed_text(title: str, chunk: Chunk) -> str:
    """What is embedded and searched for a chunk: its title and heading, then its text.

    A chunk out of the middle of a document rarely says what it is about.
    """
    above = [title]
    # A chunk that begins with its heading lacks only those above it.
    path = chunk.heading.rpartition(PATH)[0] if chunk.text.startswith("#") else chunk.heading
    if path and path != title:
        above.append(path)
    return f"{' - '.join(above)}\n{chunk.text}"
