curl --silent "$CAUSERIE_URL/v1/chat/completions" \
  --header "Authorization: Bearer $CAUSERIE_KEY" --header "Content-Type: application/json" \
  --data '{"model": "openai/gpt-5-mini", "messages": [{"role": "user", "content": "Hello"}]}'
