"""Records taken out: Word, slides, and several use cases as one document."""

from ragft_core.advisor.export.docx import render_docx, render_rfp_docx
from ragft_core.advisor.export.portfolio import (
    Portfolio,
    PortfolioRow,
    make_portfolio,
    portfolio_cells,
    render_portfolio,
)
from ragft_core.advisor.export.slides import render_slides

__all__ = [
    "Portfolio",
    "PortfolioRow",
    "make_portfolio",
    "portfolio_cells",
    "render_docx",
    "render_portfolio",
    "render_rfp_docx",
    "render_slides",
]
