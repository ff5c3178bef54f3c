"""What a run trains on: rows rendered and packed, and what is mixed in beside the user's own."""
