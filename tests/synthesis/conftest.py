"""What tests of the synthesis loop share."""

from tests.synthesis.stub_server import stub_server  # noqa: F401
