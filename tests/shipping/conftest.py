from tests.serving.conftest import full, lab, zipped_adapters  # noqa: F401 - fixtures
