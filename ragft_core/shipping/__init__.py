"""Taking the decision home: one arm as a folder that runs without the lab."""

from ragft_core.shipping.ship import Shipment, ship

__all__ = ["Shipment", "ship"]
