"""The knowledge base of a workspace: documents go in, passages come out.

What counts is what lies in the documents' folders; the index follows. A document is acknowledged
by its ``document.json``, which is written last, after its chunks are in the index and on the
disk. Whatever a crash leaves behind is undone by the next writer or at the next start, and a
search shows acknowledged documents only.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

from ragft_core.access import rights
from ragft_core.access.rights import Right
from ragft_core.errors import DocumentError, RetrievalError, WorkspaceError, refusal
from ragft_core.knowledge import ingest, store
from ragft_core.knowledge.embed import TextEmbedder
from ragft_core.knowledge.filters import those_that_fit
from ragft_core.knowledge.index import ChunkIndex
from ragft_core.knowledge.ingest import FileReport, OnReport, Progress
from ragft_core.knowledge.rerank import open_reranker
from ragft_core.knowledge.retrievers import Hit, Query, meaning_share, retriever_of
from ragft_core.knowledge.workers.here import LocalWorkers
from ragft_core.knowledge.workers.reading import Workers
from ragft_core.knowledge.writer import Repair, Writer
from ragft_core.storage import Folder, Place, place_of
from ragft_core.types import Chunk, Document, Passage, SearchMode
from ragft_core.workspace import Workspace

log = logging.getLogger(__name__)
# Fusion looks deeper than what is wanted: a chunk that is tenth by meaning and by words beats one
# that is first by one of them only. On the sample a depth of 50 found more than one of 20.
_DEPTH = 4
_MIN_DEPTH = 50


class KnowledgeBase:
    """A workspace's documents and the index over them. Safe to use from several threads.

    Args:
        workspace: Where everything lies.
        embedder: Makes the vectors; the index must have been built by the same one.
        index: Where its index lies, if not where the workspace's own does.
        workers: Who reads and embeds files; this process where nobody is named.

    ``writer`` is what changes it, and asks nobody.
    """

    def __init__(
        self,
        workspace: Workspace,
        embedder: TextEmbedder,
        index: Path | Place | None = None,
        workers: Workers | None = None,
    ) -> None:
        self.workspace = workspace
        self.embedder = embedder
        self._workers = workers or LocalWorkers(embedder)
        self.place = Folder(index) if isinstance(index, Path) else index or place_of(workspace)
        self._index = ChunkIndex(self.place, embedder.identity, embedder.dimension)
        self.writer = Writer(workspace, embedder, self._index)
        self._checking = threading.Lock()
        self._checked = False

    @property
    def version(self) -> int:
        """A number for the present content: the same documents give the same number."""
        return store.content_version(self.workspace, self.embedder.identity)

    @property
    def table_name(self) -> str:
        """The LanceDB table in the workspace's index folder that holds the chunks."""
        return self._index.name

    def documents(self, only: str = "") -> list[Document]:
        """All documents, or those that a filter leaves, the oldest first.

        Raises:
            RetrievalError: The filter cannot be read, or leaves none.
        """
        return those_that_fit(only, store.documents(self.workspace))

    def document(self, document_id: str) -> Document:
        """The document with this id.

        Raises:
            DocumentError: There is none.
        """
        return store.get(self.workspace, document_id)

    def text(self, document_id: str) -> str:
        """The text of a document, to which chunks' offsets refer."""
        return store.text_of(self.workspace, document_id)

    def chunks(self, document_id: str) -> list[Chunk]:
        """The chunks of a document, in the order of its text."""
        return store.chunks_of(self.workspace, document_id)

    def add_files(
        self,
        files: Sequence[tuple[str, Path]],
        on_progress: Progress = lambda file_name, stage, share: None,
        on_report: OnReport = lambda number, report: None,
        keep: Collection[str] = (),
    ) -> list[FileReport]:
        """Takes files in: reads, splits, embeds and indexes them.

        The same content again changes nothing; new content under a known name replaces the old.
        Of two files of one name, or of one name in two folders, both stay, the second as
        ``name (2)``. A file that cannot be read is refused, the others go in.

        Args:
            files: (name, path) pairs; the name is what the user calls the file, behind its folder
                where that is known.
            on_progress: Called with a file's name, its stage (a word of ``ingest.STAGES``, at the
                end one of ``ingest.OUTCOMES``) and the share of the whole batch that is done.
                What it raises ends the batch; documents kept until then stay.
            on_report: Called with a file's place and its report, once what it says is on the disk.
            keep: Names of documents that are not replaced; a file of such a name gets another.

        Returns:
            One report a file, in the order of ``files``.

        Raises:
            RetrievalError: The index belongs to another embedder; nothing was changed.
            WorkspaceError: Another process keeps the documents locked.
        """
        self._may_change()
        self._check()
        return ingest.add_files(self.writer, self._workers, files, on_progress, on_report, keep)

    def reread(self, document_id: str, encoding: str) -> Document:
        """Reads a document's file again in another encoding; the new reading takes its place.

        Args:
            document_id: Which document.
            encoding: A name such as ``gb18030``; empty takes what the file says, or a guess.

        Raises:
            DocumentError: There is no such document, or its file is no text in that encoding.
        """
        self._may_change()
        self._check()
        document = self.document(document_id)
        original = (document.file_name, store.original_of(self.workspace, document_id))
        (report,) = ingest.add_files(
            self.writer, self._workers, [original], lambda *_: None, lambda *_: None, (), encoding
        )
        if report.document is None:
            raise DocumentError(report.error, report.remedy)
        return report.document

    def remove(self, document_id: str) -> None:
        """Removes a document, its file and its chunks.

        Raises:
            DocumentError: There is none with this id.
        """
        self._may_change()
        self._check()
        self.writer.remove(document_id)

    def search(
        self,
        question: str,
        mode: SearchMode = SearchMode.HYBRID,
        k: int = 5,
        reranker: str | None = None,
        meaning: float | None = None,
        only: str = "",
    ) -> list[Passage]:
        """Finds the passages that fit a question best.

        Args:
            question: What is asked; nothing in it is an operator.
            mode: By meaning, by words or by both.
            k: How many passages at most.
            reranker: Folder or hub id of a cross-encoder that sorts anew what was found.
            meaning: Share of meaning against words, 0 to 1, where both count; None follows how well
                the embedder reads the question.
            only: Which documents are searched, as ``filters`` reads it; empty searches all.

        Returns:
            Passages, the best first. None where nothing fits, which by words is common.

        Raises:
            RetrievalError: The mode is none, there are no documents or none that the filter leaves,
                or the index cannot be used.
            ModelError: The re-ranker cannot be loaded.
        """
        retriever = retriever_of(mode)
        if retriever.weighed is not None:
            share = meaning_share(self.embedder.tokenizer, question) if meaning is None else meaning
            retriever = replace(retriever, find=retriever.weighed(share))
        if reranker:
            retriever = replace(retriever, reranker=open_reranker(reranker))
        if not store.has_documents(self.workspace):
            raise RetrievalError(
                "There are no documents in this workspace to search.",
                "Add some: Build / Documents, or 'python -m ragft_core add W FILE...'.",
            )
        if not question.strip():
            return []
        self._check()
        vector = self.embedder.embed_query(question) if retriever.needs_vector else None
        within = tuple(document.id for document in self.documents(only)) if only.strip() else None
        query = Query(question, vector, max(_DEPTH * k, _MIN_DEPTH), within)
        return self._passages(self._index.search(retriever, query), k)

    def _passages(self, hits: Sequence[Hit], k: int) -> list[Passage]:
        """The first k hits that belong to documents which count."""
        titles: dict[str, str | None] = {}
        passages: list[Passage] = []
        for hit in hits:
            document_id = hit.chunk.document_id
            if document_id not in titles:
                damaged = store.is_damaged(self.workspace, document_id)
                document = None if damaged else store.find(self.workspace, document_id)
                titles[document_id] = document.title if document else None
            title = titles[document_id]
            if title is not None and len(passages) < k:
                scores = (hit.found_by, hit.similarity, hit.text_score)
                rank = len(passages) + 1
                passages.append(Passage(hit.chunk, title, hit.score, rank, *scores))
        return passages

    def repair(self) -> Repair:
        """Clears what a crash left behind, and indexes again what the index lacks."""
        self._may_change()
        return self.writer.repair()

    def _may_change(self) -> None:
        """LanceDB writes by itself, so the right is asked for before it does."""
        rights.require(Right.CHANGE, self.workspace.path)

    def differences(self) -> list[Document]:
        """Documents whose chunks in the index are not those that lie in their folders.

        Raises:
            RetrievalError: The index is damaged, or of another embedder.
        """
        if not self._index.exists():
            return self.documents()
        indexed = self._index.texts()
        return [
            document
            for document in self.documents()
            if indexed.get(document.id, {})
            != {chunk.id: chunk.text for chunk in store.chunks_of(self.workspace, document.id)}
        ]

    def _check(self) -> None:
        """Once in the life of this object: the index is this embedder's, and complete.

        While another process writes there is no waiting for it: it clears up by itself.
        """
        with self._checking:
            if self._checked:
                return
            rights.require(Right.READ, self.workspace.path)
            with rights.as_the_lab():
                self._mend()
            self._checked = True

    def _mend(self) -> None:
        if not self._index.exists():  # one that is made from nothing is worth waiting for
            self.writer.repair()
        else:
            self._index.table()
            try:
                self.writer.repair(timeout=0)
            except WorkspaceError:
                pass
            except Exception as error:
                if refusal(error) is None:
                    raise
                # On a full or read-only disk what is in can be found all the same.
                log.warning("The index was not repaired: %s", error)

    def rebuild(self, on_progress: Progress = lambda file_name, stage, share: None) -> int:
        """Makes the index anew from the documents' texts, for this embedder and chunker.

        Args:
            on_progress: Called with a file's name, its stage and the share that is done.

        Returns:
            How many chunks the index has now.
        """
        self._may_change()
        with self.writer.lock():
            self._index.drop()
            self._index.table(replace=True)
            total = 0
            documents = self.documents()
            for number, document in enumerate(documents):
                on_progress(document.file_name, ingest.STAGES[1], number / len(documents))
                total += self.writer.split_again(document)
            self._index.tidy(self.embedder.embed_query)
            self._index.forget_others()
            self._checked = True
        return total

    def take_over(self, on_progress: Progress, switch: Callable[[], object]) -> int:
        """Fills this embedder's index beside the one that serves, then takes its place.

        Args:
            on_progress: Called with a file's name, its stage and the share that is done. What it
                raises ends the work; what is filled until then is used the next time.
            switch: Called when the index is whole, while other writers are kept out.

        Returns:
            How many chunks the index has.
        """
        self._may_change()
        self._index.table(replace=True)
        self.writer.fill(self._workers, on_progress)
        self._index.tidy(self.embedder.embed_query)
        with self.writer.lock():
            chunks = self.writer.fill(
                self._workers, on_progress
            )  # what was added or removed meanwhile
            documents = [replace(d, n_chunks=len(chunks[d.id])) for d in self.documents()]
            for document in documents:
                store.write_chunks(self.workspace, document.id, chunks[document.id])
            store.finish(self.workspace, documents)
            switch()
            self._index.settle()
            self._index.forget_others()
            self._checked = True
        return sum(map(len, chunks.values()))

    def beside(self, embedder: TextEmbedder, folder: Path, on_progress: Progress) -> KnowledgeBase:
        """The same documents in an index of their own, to try another embedding model.

        Args:
            embedder: The other model.
            folder: Where its index goes; one that is filled is used again.
            on_progress: Called with a file's name, its stage and the share that is done; what it
                raises ends the work.
        """
        self._may_change()
        trial = KnowledgeBase(self.workspace, embedder, folder)
        trial._index.table(replace=True)
        trial.writer.fill(trial._workers, on_progress)
        trial._checked = True
        return trial
