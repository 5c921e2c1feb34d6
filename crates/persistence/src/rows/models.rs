//! Rows of `ai_models`.

use causerie_domain::models::{CatalogModel, Model, Pricing};
use causerie_domain::ports::StoreError;
use causerie_domain::{GroupId, Timestamp, Usd};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;

use super::{count, json, prices};
use crate::schema::ai_models;

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = ai_models, check_for_backend(Pg, Sqlite))]
pub(crate) struct ModelRow {
    id: String,
    canonical_slug: Option<String>,
    name: String,
    context_length: Option<i64>,
    max_completion_tokens: Option<i64>,
    input_modalities: String,
    output_modalities: String,
    supported_parameters: String,
    prompt_price: Option<i64>,
    completion_price: Option<i64>,
    cache_read_price: Option<i64>,
    cache_write_price: Option<i64>,
    internal_reasoning_price: Option<i64>,
    request_price: Option<i64>,
    image_price: Option<i64>,
    web_search_price: Option<i64>,
    price_overrides: String,
    further_prices: String,
    enabled: bool,
    restricted: bool,
    group_id: Option<GroupId>,
    millichars_per_token: Option<i64>,
    listed_at: i64,
}

impl TryFrom<ModelRow> for Model {
    type Error = StoreError;

    fn try_from(row: ModelRow) -> Result<Self, StoreError> {
        let tokens = |column: &str, value: Option<i64>| value.map(|value| count(column, value)).transpose();
        let price = |pico: Option<i64>| pico.map(Usd::from_pico);
        let catalog = CatalogModel {
            id: row.id,
            canonical_slug: row.canonical_slug,
            name: row.name,
            context_length: tokens("ai_models.context_length", row.context_length)?,
            max_completion_tokens: tokens("ai_models.max_completion_tokens", row.max_completion_tokens)?,
            input_modalities: json::list("ai_models.input_modalities", &row.input_modalities)?,
            output_modalities: json::list("ai_models.output_modalities", &row.output_modalities)?,
            supported_parameters: json::list("ai_models.supported_parameters", &row.supported_parameters)?,
            pricing: Pricing {
                prompt: price(row.prompt_price),
                completion: price(row.completion_price),
                cache_read: price(row.cache_read_price),
                cache_write: price(row.cache_write_price),
                internal_reasoning: price(row.internal_reasoning_price),
                request: price(row.request_price),
                image: price(row.image_price),
                web_search: price(row.web_search_price),
                extra: prices::further(&row.further_prices)?,
                overrides: prices::overrides(&row.price_overrides)?,
            },
        };
        Ok(Model {
            catalog,
            enabled: row.enabled,
            restricted: row.restricted,
            group_id: row.group_id,
            millichars_per_token: row
                .millichars_per_token
                .map(|ratio| count("ai_models.millichars_per_token", ratio))
                .transpose()?,
            listed_at: Timestamp::from_micros(row.listed_at),
        })
    }
}
