llm keys set causerie --value "$CAUSERIE_KEY"
llm --model causerie "Hello"
