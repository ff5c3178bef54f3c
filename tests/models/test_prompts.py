def test_labels_are_listed_where_the_instruction_does_not() -> None:
    from ragft_core.models.prompts import with_labels

    labels = ("billing", "repair")
    assert with_labels("Route it.", labels) == "Route it. Answer with one of: billing; repair."
    assert with_labels("Say Billing or Repair.", labels) == "Say Billing or Repair."
    assert with_labels("Route it.", labels, pattern="(?P<label>.*)-[12]") == "Route it."
    assert with_labels("Route it.", ()) == "Route it."
    letters = ("A", "B")
    assert with_labels("Answer briefly.", letters) == "Answer briefly. Answer with one of: A; B."
    assert with_labels("Say A or B.", letters) == "Say A or B."
