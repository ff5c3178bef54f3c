"""``python -m ragft_core.jobs FOLDER`` runs one job; ``start_job`` calls it."""

import sys

from ragft_core.jobs.worker import main

sys.exit(main())
