"""The choice among several answers to one question: from passages or memory, and among readings."""
