import os
from langchain_openai import ChatOpenAI

url, key = os.environ["CAUSERIE_URL"] + "/v1", os.environ["CAUSERIE_KEY"]
model = ChatOpenAI(base_url=url, api_key=key, model="openai/gpt-5-mini", stream_usage=True)
answer = model.invoke("Hello")
print(answer.content, answer.usage_metadata["total_tokens"])
