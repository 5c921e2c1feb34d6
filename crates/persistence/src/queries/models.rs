//! The model catalogue, and settings of models.

use std::collections::HashMap;

use causerie_domain::audit_events::{AuditAction, AuditStamp};
use causerie_domain::models::{CatalogModel, KnownPrices, Model, RejectedModel};
use causerie_domain::page::{After, Page, PageRequest};
use causerie_domain::ports::{Calibration, DirectoryError, ModelChange};
use causerie_domain::{Filter, Timestamp, Usd};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use serde_json::{Value, json};

use super::audit_events::{AuditEntry, record};
use super::sizes::{self, PageLength};
use super::{Conn, RunQueryDsl, filters};
use crate::error::{QueryError, TransactionError, is_foreign_key_violation};
use crate::input::CalibrateModel;
use crate::rows::{ModelRow, checked_text, extra_prices_text, list_text, overrides_text, stored};
use crate::schema::ai_models;
use crate::types::{IdParam, id_param};

/// Stores the catalogue's columns of each model and keeps the columns that administrators set. Returns the entries that
/// were left out.
pub(crate) async fn replace_catalog(
    conn: &mut Conn,
    (catalog, now): &(Vec<CatalogModel>, Timestamp),
) -> Result<Vec<RejectedModel>, QueryError> {
    let known = known_prices(conn).await?;
    let mut rejected = Vec::new();
    // Sorted, so that instances that update at the same time do not deadlock.
    let mut models: Vec<&CatalogModel> = catalog.iter().collect();
    models.sort_by(|one, other| one.id.cmp(&other.id));
    for model in models {
        if let Some(reason) = model.rejection(known.get(&model.id).copied()) {
            rejected.push(RejectedModel::new(model, reason));
            continue;
        }
        let listed = Listed::new(model, *now)?;
        diesel::insert_into(ai_models::table)
            .values((
                ai_models::id.eq(checked_text("ai_models.id", &model.id)?),
                &listed,
                ai_models::enabled.eq(true),
                ai_models::restricted.eq(false),
            ))
            .on_conflict(ai_models::id)
            .do_update()
            .set(&listed)
            .apply(conn)
            .await?;
    }
    Ok(rejected)
}

/// Returns which prices of the stored models are known, by id.
async fn known_prices(conn: &mut Conn) -> Result<HashMap<String, KnownPrices>, QueryError> {
    let rows: Vec<(String, Option<i64>, Option<i64>)> = ai_models::table
        .select((ai_models::id, ai_models::prompt_price, ai_models::completion_price))
        .load(conn)
        .await?;
    let known = rows.into_iter().map(|(id, prompt, completion)| {
        (id, KnownPrices { prompt: prompt.is_some(), completion: completion.is_some() })
    });
    Ok(known.collect())
}

/// Stores the catalogue that an administrator has requested.
pub(crate) async fn sync_catalog(
    conn: &mut Conn,
    (catalog, stamp): &(Vec<CatalogModel>, AuditStamp),
) -> Result<Vec<RejectedModel>, QueryError> {
    let rejected = replace_catalog(conn, &(catalog.clone(), stamp.at)).await?;
    let detail = json!({ "models": catalog.len() - rejected.len(), "rejected": rejected.len() });
    record(conn, stamp, AuditEntry { action: AuditAction::ModelSync, of: ("Model", &"*"), detail }).await?;
    Ok(rejected)
}

/// Corrects a model's ratio if it still has the expected value; otherwise returns the current one.
pub(crate) async fn calibrate(
    conn: &mut Conn,
    calibrate: &CalibrateModel,
) -> Result<Calibration, QueryError> {
    let update = diesel::update(ai_models::table)
        .filter(ai_models::id.eq(&calibrate.id))
        .set(ai_models::millichars_per_token.eq(i64::from(calibrate.to)))
        .into_boxed();
    let guarded = match calibrate.from {
        Some(from) => update.filter(ai_models::millichars_per_token.eq(i64::from(from))),
        None => update.filter(ai_models::millichars_per_token.is_null()),
    };
    if guarded.execute(conn).await? > 0 {
        return Ok(Calibration::Stored);
    }
    let row: Option<ModelRow> = ai_models::table
        .filter(ai_models::id.eq(&calibrate.id))
        .select(ModelRow::as_select())
        .first(conn)
        .await
        .optional()?;
    let model = row.map(Model::try_from).transpose()?;
    Ok(model.map_or(Calibration::NoSuchModel, |model| Calibration::Changed(model.millichars_per_token)))
}

pub(crate) async fn visible(conn: &mut Conn, visible: &Filter) -> Result<Vec<Model>, QueryError> {
    let rows: Vec<ModelRow> = ai_models::table
        .filter(filters::on_models(visible)?)
        .order(ai_models::id)
        .select(ModelRow::as_select())
        .load(conn)
        .await?;
    Ok(rows.into_iter().map(Model::try_from).collect::<Result<_, _>>()?)
}

/// Returns a page of the models, in the order of the database's collation. It ends early if the models are large.
pub(crate) async fn page(
    conn: &mut Conn,
    (visible, page): &(Filter, PageRequest<String>),
) -> Result<Page<Model, String>, QueryError> {
    let after = page.after.as_ref().map_or("", |After(last)| last);
    let visible = || {
        let following = ai_models::table.filter(ai_models::id.gt(after));
        Ok::<_, QueryError>(following.filter(filters::on_models(visible)?).order(ai_models::id))
    };
    let size = sql::<BigInt>(sizes::MODEL);
    let sizes: Vec<i64> = visible()?.select(size).limit(i64::from(page.limit) + 1).load(conn).await?;
    let length = PageLength::of(&sizes, page.limit);
    let rows: Vec<ModelRow> = visible()?.select(ModelRow::as_select()).limit(length.rows).load(conn).await?;
    let rows: Vec<Model> = rows.into_iter().map(Model::try_from).collect::<Result<_, _>>()?;
    let next = length.next(&rows, |model| model.catalog.id.clone());
    Ok(Page { rows, next })
}

/// The columns from the catalogue. A price that is no longer listed becomes null.
#[derive(Insertable, AsChangeset)]
#[diesel(table_name = ai_models, treat_none_as_null = true)]
struct Listed<'a> {
    canonical_slug: Option<&'a str>,
    name: &'a str,
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
    listed_at: i64,
}

impl<'a> Listed<'a> {
    fn new(model: &'a CatalogModel, now: Timestamp) -> Result<Self, QueryError> {
        let prices = &model.pricing;
        Ok(Listed {
            canonical_slug: model.canonical_slug.as_deref(),
            name: checked_text("ai_models.name", &model.name)?,
            context_length: model.context_length.map(stored),
            max_completion_tokens: model.max_completion_tokens.map(stored),
            input_modalities: list_text(&model.input_modalities)?,
            output_modalities: list_text(&model.output_modalities)?,
            supported_parameters: list_text(&model.supported_parameters)?,
            prompt_price: prices.prompt.map(Usd::pico),
            completion_price: prices.completion.map(Usd::pico),
            cache_read_price: prices.cache_read.map(Usd::pico),
            cache_write_price: prices.cache_write.map(Usd::pico),
            internal_reasoning_price: prices.internal_reasoning.map(Usd::pico),
            request_price: prices.request.map(Usd::pico),
            image_price: prices.image.map(Usd::pico),
            web_search_price: prices.web_search.map(Usd::pico),
            price_overrides: overrides_text(&prices.overrides)?,
            further_prices: extra_prices_text(&prices.extra)?,
            listed_at: now.as_micros(),
        })
    }
}

pub(crate) async fn change(
    conn: &mut Conn,
    (id, allowed, change, stamp): &(String, Filter, ModelChange, AuditStamp),
) -> Result<Model, TransactionError<DirectoryError>> {
    let with_filter = |allowed: &Filter| -> Result<_, QueryError> {
        Ok(ai_models::table.filter(ai_models::id.eq(id)).filter(filters::on_models(allowed)?))
    };
    if *change != ModelChange::default() {
        let changed = diesel::update(with_filter(allowed)?)
            .set(Changed {
                enabled: change.enabled,
                restricted: change.restricted,
                group_id: change.group_id.map(|group| group.map(id_param)),
            })
            .execute(conn)
            .await
            .map_err(|error| match error {
                error if is_foreign_key_violation(&error) => {
                    TransactionError::Refused(DirectoryError::NoSuchReference)
                }
                error => TransactionError::from(error),
            })?;
        if changed == 0 {
            return Err(TransactionError::Refused(DirectoryError::NotFound));
        }
        let mut detail = serde_json::Map::new();
        detail.extend(change.enabled.map(|enabled| ("enabled".to_owned(), json!(enabled))));
        detail.extend(change.restricted.map(|restricted| ("restricted".to_owned(), json!(restricted))));
        let group = change.group_id.map(|group| group.map(|id| id.to_string()));
        detail.extend(group.map(|group| ("group_id".to_owned(), json!(group))));
        let detail = Value::Object(detail);
        record(conn, stamp, AuditEntry { action: AuditAction::ModelUpdate, of: ("Model", id), detail })
            .await?;
    }
    let row: Option<ModelRow> =
        with_filter(&Filter::Everything)?.select(ModelRow::as_select()).first(conn).await.optional()?;
    let row = row.ok_or(TransactionError::Refused(DirectoryError::NotFound))?;
    Ok(Model::try_from(row)?)
}

/// Changeset: columns whose value is `Some` are updated.
#[derive(AsChangeset)]
#[diesel(table_name = ai_models)]
struct Changed {
    enabled: Option<bool>,
    restricted: Option<bool>,
    group_id: Option<Option<IdParam>>,
}
