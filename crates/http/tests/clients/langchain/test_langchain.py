"""The standard tests of LangChain with its client ChatOpenAI, unmodified, against the built program."""

import pytest
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests

from server import Server

SERVER = Server()


@pytest.fixture(scope="session", autouse=True)
def server():
    yield
    SERVER.close()


def test_the_program_of_the_documentation_runs():
    assert "You said: Hello" in SERVER.run("python", "example.py")


class TestCauserie(ChatModelIntegrationTests):
    @property
    def chat_model_class(self):
        return ChatOpenAI

    @property
    def chat_model_params(self):
        return {
            "base_url": f"{SERVER.address}/v1",
            "api_key": SERVER.key,
            "model": "sim/assistant",
            "stream_usage": True,
        }

    @property
    def supports_image_inputs(self):
        return True

    @property
    def supports_image_urls(self):
        return True

    @property
    def supports_json_mode(self):
        return True

    @property
    def model_override_value(self):
        return "sim/echo"
