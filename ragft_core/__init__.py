"""The strategy lab without a screen: everything the pages and the command line do.

Import from the capability packages (``ragft_core.documents``, ``ragft_core.knowledge``, ...);
this package itself exports nothing but its version. It never imports Streamlit, and importing
it never imports torch.
"""

__version__ = "0.1.0"
