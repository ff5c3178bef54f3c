"""Where things lie that outgrow a disk: the index, and copies of what was made.

Without ``RAGFT_INDEX_URI`` and ``RAGFT_STORE`` all of it is in the workspace's folder, and no
library of a store is imported.
"""

from ragft_core.storage import artefacts
from ragft_core.storage.bucket import Bucket
from ragft_core.storage.place import Folder, Place, place_at, place_of

__all__ = ["Bucket", "Folder", "Place", "artefacts", "place_at", "place_of"]
