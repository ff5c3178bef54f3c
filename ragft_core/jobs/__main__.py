"""``python -m ragft_core.jobs FOLDER`` runs one job; ``start_job`` calls it."""

import sys

from ragft_core.jobs.worker import main
from ragft_core.settings import keep_private

keep_private()
sys.exit(main())
