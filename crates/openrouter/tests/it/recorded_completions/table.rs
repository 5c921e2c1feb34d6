//! The known content of each recorded completion.

use causerie_domain::completion::CompletionErrorKind::*;

use super::{Expected, failed, finished};

pub(super) fn table() -> Vec<Expected> {
    vec![
        finished("text_haiku_two_finish_chunks.sse", "stop", "end_turn")
            .by(
                "gen-1780944363-ycVfiF0zq8LxtcFRCkoy",
                "anthropic/claude-4.5-haiku-20251001",
                "Amazon Bedrock",
            )
            .text("1\n2\n3")
            .used("15 9 0 0 0", "0.00006", "0.00006"),
        finished("text_usage_chunk_empty_choices.sse", "stop", "stop")
            .by(
                "gen-1773012759-4u9w7As08eMtL75bWtu8",
                "anthropic/claude-4.6-sonnet-20260217",
                "Amazon Bedrock",
            )
            .text("Hello!")
            .used("254 5 0 0 0", "0.000837", "0.000837"),
        finished("text_grok4_fallback_cached_encrypted.sse", "stop", "completed")
            .by("gen-1762064096-m5VxL2xrxOREwashCey6", "x-ai/grok-4", "xAI")
            .text((284, "I'm Grok, an AI built by", "'s on your mind?"))
            .details(1)
            .used("687 187 679 - 118", "0.00333825", "-"),
        finished("reasoning_o3_encrypted.sse", "stop", "completed")
            .by("gen-1762141316-q3fB64DDMstJO0ZakdSK", "openai/o3", "OpenAI")
            .text((446, "I’m ChatGPT, a large-lan", "ust let me know!"))
            .details(1)
            .used("9 104 0 - 0", "0.00085", "-"),
        finished("reasoning_claude_signature.sse", "stop", "stop")
            .by("gen-1765226419-AGrwjunAftQIAgweibL8", "anthropic/claude-sonnet-4.5", "Google")
            .reasoning("This is a simple arithmetic question. 2+2 equals 4.")
            .text("2 + 2 = 4")
            .details(1)
            .used("43 36 0 - 13", "0.000669", "-"),
        finished("reasoning_gpt5mini_summary.sse", "stop", "completed")
            .by("gen-1771419329-P1YoVpUZAWGZykMs1Heh", "openai/gpt-5-mini", "OpenAI")
            .reasoning((349, "**Acknowledging user mes", "arly and simply."))
            .text((75, "Received your test messa", "I help you next?"))
            .details(2)
            .used("8 61 0 - 90", "0.000124", "0.000124"),
        finished("tool_call_haiku_bedrock.sse", "tool_calls", "tool_use")
            .by(
                "gen-1780944556-miRHpYrMqwlqZtVoXXKe",
                "anthropic/claude-4.5-haiku-20251001",
                "Amazon Bedrock",
            )
            .tool(
                "toolu_bdrk_01FnJwNhnbF7UbXLQGHJ5dda",
                "weather",
                "{\"latitude\": \"52.5200\", \"longitude\": \"13.4050\"}",
            )
            .used("633 75 0 0 0", "0.001008", "0.001008"),
        finished("tool_answer_multibyte.sse", "stop", "end_turn")
            .by(
                "gen-1780944558-O2fI07WXeyJ2LTlGlXdy",
                "anthropic/claude-4.5-haiku-20251001",
                "Amazon Bedrock",
            )
            .text((186, "The current weather in B", "ou're going out!"))
            .used("748 64 0 0 0", "0.001068", "0.001068"),
        finished("tool_call_with_reasoning.sse", "tool_calls", "tool_use")
            .by("gen-1786403070-P09zUfOhE2qt2A6q4btq", "anthropic/claude-haiku-4.5", "Amazon Bedrock")
            .reasoning((211, "The user is asking for t", " this parameter."))
            .tool("toolu_bdrk_01L9pX1Wp4FAEq9TT2Z6UAe7", "reasoning_weather", "{\"city\": \"Berlin\"}")
            .details(1)
            .used("626 106 0 0 54", "0.001156", "0.001156"),
        finished("tool_parallel_opus5.sse", "tool_calls", "tool_use")
            .by("gen-1786532551-P1vXJWQRWmXT0nPL7fgC", "anthropic/claude-opus-5", "Amazon Bedrock")
            .text("I'll call both tools in parallel now.")
            .tool("toolu_01TVUg5BitZKezwKEnwpHQby", "list_items", "{}")
            .tool("toolu_01HWdXMAbtonx7U5f8wrXi6e", "search_items", "{}")
            .used("425 63 0 0 0", "0.0037", "0.0037"),
        finished("tool_truncated_reported_as_tool_calls.sse", "tool_calls", "length")
            .by("chatcmpl-REDACTED_1", "openai/gpt-4o-mini", "OpenAI")
            .tool("call_REDACTED_1", "file_report", "{\"summary\":\"The cache warmer raced")
            .truncated()
            .used("101 16 0 0 0", "0.00002475", "0.00002475"),
        finished("tool_id_null_on_continuation.sse", "tool_calls", "tool_calls")
            .by("gen-1759845381-xiFpZ20OEKtSmCGyyCjA", "moonshotai/kimi-k2-0905", "SiliconFlow")
            .tool(
                "0199bef57e0607a75be9680327a6a078",
                "structured_output",
                (64, "{\"age\":1,\"name\":\"Alex Jo", "tware Engineer\"}"),
            )
            .used("161 16 0 - 0", "0.0000964", "-"),
        finished("tool_finish_then_different_finish.sse", "tool_calls", "STOP")
            .by("gen-1760546977-aqslsiG8C5LJjzcoGobJ", "google/gemini-2.5-flash-lite", "Google")
            .reasoning((582, "**Asking for Details**\n\n", "le generation.\n\n"))
            .text("\n")
            .tool(
                "tool_0_structured_output_lEpoOmuIGrDbOjyrN6IM",
                "structured_output",
                (61, "{\"name\":\"John Doe\",\"age\"", "tware Engineer\"}"),
            )
            .details(1)
            .used("41 100 0 - 88", "0.0000441", "-"),
        failed("error_inband_400_after_length.sse", InvalidRequest)
            .by("gen-1762179802-UN8pkJI4AGZvryk0kFnb", "minimax/minimax-m2:free", "Minimax")
            .reasoning("We need to respond to a greeting. The user")
            .details(1)
            .used("43 10 0 - 11", "0", "-"),
        finished("refusal_delta.sse", "stop", "stop")
            .by("chatcmpl-REDACTED_1", "openai/gpt-4o", "OpenAI")
            .refusal("I'm sorry, I can't assist with that request.")
            .used("49 11 0 0 0", "0.0002325", "0.0002325"),
        finished("logprobs.sse", "stop", "stop")
            .by("chatcmpl-REDACTED_1", "openai/gpt-4o-mini", "OpenAI")
            .text("cobalt")
            .used("12 2 0 0 0", "0.000003", "0.000003"),
        finished("web_search_annotations_stream.sse", "stop", "stop")
            .by("gen-1786680764-gY2YTdjLLLQA6Cd1Wa6J", "deepseek/deepseek-chat", "OpenAI")
            .text((90, "The URL for Pydantic AI'", "ntic/pydantic-ai"))
            .annotations(5)
            .used("2317 53 0 0 0", "0.0076509169", "0.0006509169"),
        finished("server_tool_web_search_cost.sse", "stop", "completed")
            .by("gen-1786465029-CAkqUciXgQW34RmFaTck", "openai/gpt-4.1-mini", "OpenAI")
            .text("https://github.com/pydantic/pydantic-ai ")
            .used("8174 30 0 0 0", "0.0133176", "0.0133176"),
        finished("cached_tokens_stream.sse", "stop", "stop")
            .by("chatcmpl-REDACTED_2", "openai/gpt-4o-mini", "OpenAI")
            .text("cache probe ready")
            .used("4597 4 4480 0 0", "0.00035595", "0.00035595"),
        failed("length_stream.sse", Empty)
            .by("gen-1760547411-4SCV3wc0S1WcMvjnlylZ", "mistralai/mistral-small-3.1-24b-instruct", "Chutes")
            .used("183 500 0 - 0", "0.00011915", "-"),
        finished("net_read_splits_event.sse", "stop", "stop")
            .by("gen-1760547415-bzHf8junySHNyQbbJUXw", "mistralai/devstral-small-2505", "Chutes")
            .text((69, "Hello! The sun just smil", "ile back at you."))
            .used("23 20 0 - 0", "0.00000555", "-"),
        finished("emoji_stream.sse", "stop", "stop")
            .by("gen-1760532662-5aw79byV7x24ooxOQySD", "qwen/qwen3-max", "Alibaba")
            .text((75, "Hello, stardust traveler", "f the cosmos! 🌌✨"))
            .used("30 22 0 - 0", "0.000168", "-"),
        finished("tool_call_usage_empty_choices.sse", "tool_calls", "completed")
            .by("gen-1772808727-jtbOjd6zBqyTfLdZuJkb", "openai/gpt-5-mini-2025-08-07", "OpenAI")
            .tool("call_9NiOxr9CbNNm4FD5cLEyiAkN", "run_me", "{\"foo\":\"bar\",\"bar\":\"foo\"}")
            .details(1)
            .used("126 36 0 0 0", "0.0001035", "0.0001035"),
        finished("json_leading_whitespace.json", "stop", "end_turn")
            .by(
                "gen-1780944473-rvhka1D8vqS7WyJHyVHG",
                "anthropic/claude-4.5-haiku-20251001",
                "Amazon Bedrock",
            )
            .text((1206, "# Weather Overview\n\nI'd ", "2 as requested.*"))
            .used("32 284 0 0 0", "0.001452", "0.001452"),
        finished("json_parallel_tool_calls.json", "tool_calls", "tool_use")
            .by(
                "gen-1780944606-kakAIIKV3PacO1nTYw02",
                "anthropic/claude-4.5-haiku-20251001",
                "Amazon Bedrock",
            )
            .tool("toolu_bdrk_01NhvFVfr4KFy529DrQzkNhe", "dice_roll", "{}")
            .tool("toolu_bdrk_01FMjixwRtCJCpnqaY1bF5yt", "dice_roll", "{}")
            .tool("toolu_bdrk_01EgFJSd8tP4mENdeJ7r3GLE", "dice_roll", "{}")
            .used("596 75 0 0 0", "0.000971", "0.000971"),
        failed("json_content_null_stop.json", Empty)
            .by(
                "gen-1780944768-b6nrR9fUK1PeBL2wGS0w",
                "anthropic/claude-4.5-haiku-20251001",
                "Amazon Bedrock",
            )
            .used("633 9 0 0 0", "0.000678", "0.000678"),
        finished("json_perplexity_citations.json", "stop", "stop")
            .by("gen-1786389727-e5uRyUV52kDdP69wRuQV", "perplexity/sonar", "Perplexity")
            .text((924, "**Ruby** is a high-level", "n or JavaScript."))
            .annotations(10)
            .used("7 236 0 0 0", "0.00524", "0.00524"),
        finished("json_byok_cost_zero.json", "tool_calls", "STOP")
            .by("gen-1764791728-YEVpGoInRszZx8oZ508T", "google/gemini-2.5-flash", "Google AI Studio")
            .tool(
                "tool_insert_level_with_spaces_3ZiChYzj8xER8HixJe7W",
                "insert_level_with_spaces",
                (224, "{\"spaces\":[{\"space_type\"", "\"ground_floor\"}}"),
            )
            .used("326 91 0 - 0", "0", "0.0003253")
            .byok(),
        finished("json_cache_write.json", "tool_calls", "tool_calls")
            .by("gen-1773012771-kAGK501FZdViiY8GCFjy", "anthropic/claude-4.6-sonnet-20260217", "Anthropic")
            .text("Let me calculate that for you!")
            .tool("toolu_01QXVkPZYABFNhTASu9uBdEM", "calculator", "{\"expression\": \"123 * 456\"}")
            .used("2572 63 0 2569 0", "0.01058775", "0.01058775"),
        finished("json_cache_read_and_write.json", "length", "length")
            .by("gen-1773012773-jWAciV9Nta3B9i18b2ED", "anthropic/claude-4.6-sonnet-20260217", "Anthropic")
            .text((211, "**Step-by-step breakdown", "3 × 456 = 56,088"))
            .truncated()
            .used("2649 100 2569 79 0", "0.00256995", "0.00256995"),
        finished("json_gemini_cache_read_write_overlap.json", "length", "MAX_TOKENS")
            .by("gen-1773011493-dQNZ1wvMJgB2Ga9XKPPE", "google/gemini-2.5-flash", "Google AI Studio")
            .text((505, "The CAP theorem is a fun", "on should return"))
            .truncated()
            .used("2168 100 2161 2161 0", "0.000497013333", "0.000497013333"),
        failed("json_length_content_null_reasoning_exhausted.json", Empty)
            .by("chatcmpl-REDACTED_1", "openai/o4-mini", "OpenAI")
            .reasoning((6576, "**Evaluating the sheep p", "o the confusion!"))
            .details(2)
            .used("57 1984 0 0 1984", "0.0087923", "0.0087923"),
        finished("json_refusal_content_filter.json", "content_filter", "content_filter")
            .by("chatcmpl-REDACTED_1", "openai/gpt-4.1", "OpenAI")
            .refusal("I'm sorry, but I can't assist with that request.")
            .used("43 13 0 0 0", "0.00019", "0.00019"),
        finished("json_tool_truncated.json", "tool_calls", "length")
            .by("chatcmpl-REDACTED_1", "openai/gpt-4o-mini", "OpenAI")
            .tool("call_REDACTED_1", "file_report", "{\"summary\":\"The cache warmer raced")
            .truncated()
            .used("101 16 0 0 0", "0.00002475", "0.00002475"),
        failed("json_choice_error_502_finish_null.json", Unavailable)
            .by("gen-1760547094-Y1IOm9RgQYTcIPxKARku", "nousresearch/hermes-4-405b", "Nebius")
            .reasoning((3473, "\nOkay, the user wants a ", " main conflict.\n"))
            .text((1352, "\n\n**Title: \"The Chronicl", "rising unbidden."))
            .details(1)
            .used("89 972 - - -", "-", "-"),
        failed("json_http200_error_envelope.json", Unavailable),
        finished("json_legacy_usage_no_cost.json", "tool_calls", "tool_calls")
            .by("gen-1760532474-n6SFmDzXDTPXyBpR0Toc", "anthropic/claude-sonnet-4.5", "Google")
            .tool("toolu_vrtx_01LEEJpraTEei8wRffd4sTbF", "get_weather", "{\"location\": \"Paris, France\"}")
            .used("695 55 - - -", "-", "-"),
        failed("doc_midstream_error_numeric_code.sse", RateLimited).by(
            "gen-abc123",
            "openai/gpt-4o",
            "OpenAI",
        ),
        failed("doc_midstream_error_string_code.sse", Unavailable).by(
            "cmpl-abc123",
            "openai/gpt-4o",
            "openai",
        ),
        failed("doc_debug_first_chunk.sse", Interrupted).by(
            "gen-xxxxx",
            "anthropic/claude-haiku-4.5",
            "Anthropic",
        ),
        finished("responses_api_stream.sse", "stop", "completed")
            .by("gen-1785882264-Dc8eXAHSnjmKOswYtXdR", "openai/gpt-4o", "-")
            .text("Skipper or Sundance")
            .used("17 4 0 - 0", "0.0000825", "0.0000825"),
    ]
}
