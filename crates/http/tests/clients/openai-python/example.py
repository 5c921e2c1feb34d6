import os
from openai import OpenAI

client = OpenAI(base_url=os.environ["CAUSERIE_URL"] + "/v1", api_key=os.environ["CAUSERIE_KEY"])
answer = client.chat.completions.create(
    model="openai/gpt-5-mini",
    messages=[{"role": "user", "content": "Hello"}],
    extra_headers={"Idempotency-Key": "greeting-1"},  # a repetition receives the same answer and costs nothing
)
print(answer.choices[0].message.content, answer.usage.cost)
