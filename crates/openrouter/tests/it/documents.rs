//! Documents that are not completions: the catalog, generation records, the key and the credits.

use causerie_domain::Usd;
use causerie_domain::completion::CompletionErrorKind;
use causerie_domain::models::CatalogModel;
use causerie_domain::ports::CompletionGateway;
use causerie_openrouter::{Settings, SizeLimits, decode_catalog, decode_generation};

use crate::scripted_upstream::{Step, Upstream, client, response};
use crate::support::recording;

async fn answering(status: u16, body: &[u8]) -> Upstream {
    Upstream::answering(response(status, &[("content-type", "application/json")], body)).await
}

fn usd(text: &str) -> Option<Usd> {
    Some(text.parse().unwrap())
}

fn find<'a>(models: &'a [CatalogModel], id: &str) -> &'a CatalogModel {
    models.iter().find(|model| model.id == id).unwrap_or_else(|| panic!("{id} is listed"))
}

#[test]
fn both_formats_of_the_catalog_are_decoded_completely() {
    for (file, count) in [
        ("models_2025-07_trimmed.json", 91),
        ("models_2026-08_trimmed.json", 200),
        ("models_four_exact.json", 4),
    ] {
        let page = decode_catalog(&recording(file)).unwrap();
        assert_eq!((page.models.len(), page.next), (count, None), "{file}");
        for model in &page.models {
            assert!(model.context_length.is_some(), "{file} {}", model.id);
            assert!(
                !model.input_modalities.is_empty() && !model.output_modalities.is_empty(),
                "{}",
                model.id
            );
            let is_router = model.id.starts_with("openrouter/");
            assert!(model.pricing.prompt.is_some() || is_router, "{file} {}", model.id);
        }
    }
}

#[test]
fn an_entry_of_the_catalog_is_decoded_field_by_field() {
    let models = decode_catalog(&recording("models_four_exact.json")).unwrap().models;
    let sonnet = find(&models, "anthropic/claude-sonnet-4");
    let prices = &sonnet.pricing;
    assert_eq!((prices.prompt, prices.completion), (usd("0.000003"), usd("0.000015")));
    assert_eq!((prices.cache_read, prices.cache_write), (usd("0.0000003"), usd("0.00000375")));
    assert_eq!((prices.web_search, prices.request), (usd("0.01"), None));
    assert_eq!((prices.extra.cache_write_1h, prices.extra.audio), (usd("0.000006"), None));
    let [override_price] = &prices.overrides[..] else { panic!("{:?}", prices.overrides) };
    assert_eq!(override_price.min_prompt_tokens, Some(200_000));
    assert_eq!((override_price.prompt, override_price.completion), (usd("0.000006"), usd("0.0000225")));
    assert_eq!((override_price.cache_read, override_price.cache_write), (usd("0.0000006"), usd("0.0000075")));
    assert!(sonnet.supported_parameters.iter().any(|parameter| parameter == "tools"));
    assert!(sonnet.max_completion_tokens.is_some_and(|tokens| tokens > 0));
}

#[test]
fn a_router_has_no_price_and_a_free_model_costs_nothing() {
    let models = decode_catalog(&recording("models_2026-08_trimmed.json")).unwrap().models;
    let router = &find(&models, "openrouter/fusion").pricing;
    assert_eq!((router.prompt, router.completion), (None, None));
    let free = models.iter().find(|model| model.id.ends_with(":free")).unwrap();
    assert_eq!((free.pricing.prompt, free.pricing.completion), (Some(Usd::ZERO), Some(Usd::ZERO)));
    assert!(models.iter().any(|model| model.id.starts_with('~')), "aliases are listed");
    assert!(models.iter().any(|model| model.max_completion_tokens.is_none()));
    assert_eq!(models.iter().filter(|model| !model.pricing.overrides.is_empty()).count(), 59);
}

#[tokio::test]
async fn the_catalog_is_fetched_page_by_page_from_one_origin() {
    let page = |id: &str, next: &str| {
        let body = format!(r#"{{"data":[{{"id":"{id}"}}],"links":{{"next":{next}}}}}"#);
        vec![Step::Send(response(200, &[], body.as_bytes()))]
    };
    let other_origin = Upstream::playing(vec![vec![]]).await;
    let scripts = vec![
        page("a/1", r#""/api/v1/models?offset=1""#),
        page("a/2", &format!("\"{}/models\"", other_origin.url)),
    ];
    let upstream = Upstream::playing(scripts).await;
    let models = upstream.client().models().await.unwrap();
    assert_eq!(models.models.iter().map(|model| model.id.as_str()).collect::<Vec<_>>(), ["a/1", "a/2"]);
    assert!(upstream.requests()[1].starts_with("GET /api/v1/models?offset=1 "));
    assert_eq!(other_origin.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_catalog_beyond_the_size_limit_is_an_invalid_response() {
    let body = recording("models_2026-08_trimmed.json");
    let upstream = answering(200, &body).await;
    assert_eq!(upstream.client().models().await.unwrap().models.len(), 200);
    let size_limits = SizeLimits { max_event_bytes: 1_000, max_body_bytes: 100_000, ..SizeLimits::default() };
    let small = client(Settings { base_url: upstream.url.clone(), size_limits, ..Settings::default() });
    assert_eq!(small.models().await.unwrap_err().kind, CompletionErrorKind::InvalidResponse);
}

#[tokio::test]
async fn a_rejected_or_malformed_catalog_is_an_error() {
    let kind =
        async |status, body: &[u8]| answering(status, body).await.client().models().await.unwrap_err().kind;
    assert_eq!(kind(503, b"").await, CompletionErrorKind::Unavailable);
    assert_eq!(
        kind(200, br#"{"error":{"code":502,"message":"no"}}"#).await,
        CompletionErrorKind::Unavailable
    );
    assert_eq!(kind(200, b"<html>").await, CompletionErrorKind::InvalidResponse);
}

#[test]
fn a_generation_record_has_the_billed_counts() {
    let record = decode_generation(&recording("doc_generation.json")).unwrap();
    assert_eq!(record.model.as_deref(), Some("sao10k/l3-stheno-8b"));
    assert_eq!(record.provider.as_deref(), Some("Infermatic"));
    let tokens = record.usage.tokens;
    assert_eq!(
        (tokens.input, tokens.output, tokens.cached, tokens.reasoning),
        (Some(10), Some(25), Some(3), Some(5))
    );
    assert_eq!((record.usage.cost, record.usage.upstream_inference_cost), (usd("0.0015"), usd("0.0012")));
    assert!(!record.cancelled && !record.usage.is_byok);
}

#[test]
fn a_cancelled_request_has_a_cost() {
    let record = decode_generation(&recording("generation_cancelled.json")).unwrap();
    assert!(record.cancelled);
    assert_eq!(record.usage.cost, usd("0.00002715"));
    assert_eq!((record.usage.tokens.input, record.usage.tokens.output), (Some(40), Some(73)));
}

#[tokio::test]
async fn a_missing_generation_record_is_none() {
    let missing = br#"{"error":{"code":404,"message":"Generation gen-1 not found"}}"#;
    assert_eq!(answering(404, missing).await.client().generation("gen-1").await, Ok(None));
    let upstream = answering(200, &recording("doc_generation.json")).await;
    assert!(upstream.client().generation("gen/1 &x=2").await.unwrap().is_some());
    assert!(
        upstream.requests()[0].starts_with("GET /api/v1/generation?id=gen%2F1+%26x%3D2 "),
        "{:?}",
        upstream.requests()
    );
    for status in [401, 500] {
        assert!(answering(status, b"").await.client().generation("gen-1").await.is_err(), "{status}");
    }
}

#[tokio::test]
async fn the_key_and_the_credits_are_decoded_as_money() {
    let key = answering(200, &recording("doc_key.json")).await.client().key().await.unwrap();
    assert_eq!((key.limit, key.limit_remaining, key.usage), (usd("100"), usd("74.5"), usd("25.5")));
    assert_eq!((key.limit_reset.as_deref(), key.is_free_tier), (Some("monthly"), false));
    let unlimited =
        answering(200, br#"{"data":{"limit":null,"usage":0}}"#).await.client().key().await.unwrap();
    assert_eq!((unlimited.limit, unlimited.usage), (None, Some(Usd::ZERO)));
    let credits = answering(200, &recording("doc_credits.json")).await.client().credits().await.unwrap();
    assert_eq!((Some(credits.total), Some(credits.used)), (usd("100.5"), usd("25.75")));
}

#[tokio::test]
async fn the_endpoints_of_a_model_are_decoded() {
    let upstream = answering(200, &recording("doc_model_endpoints.json")).await;
    let endpoints = upstream.client().endpoints("openai/gpt-4").await.unwrap();
    assert_eq!(endpoints.len(), 1);
    assert_eq!((endpoints[0].provider.as_str(), endpoints[0].tag.as_deref()), ("OpenAI", Some("openai")));
    assert_eq!(endpoints[0].pricing.prompt, usd("0.00003"));
    assert!(upstream.requests()[0].starts_with("GET /api/v1/models/openai/gpt-4/endpoints "));
}
