//! The model catalog: replacement, local settings and filters.

use std::time::Duration;

use causerie_domain::filter::Scalar;
use causerie_domain::models::{CatalogModel, ExtraPrices, PriceOverride, Pricing};
use causerie_domain::ports::Models as _;
use causerie_domain::{Filter, Usd};
use causerie_testkit::anyhow::Result;
use causerie_testkit::contract::{START, SqlSubject};
use causerie_testkit::database::RawConnection;

causerie_testkit::store_tests!(
    a_new_catalog_keeps_local_settings,
    a_bad_entry_stops_no_other_and_keeps_its_earlier_state,
);

pub(crate) fn model(id: &str, prompt: Option<&str>) -> Result<CatalogModel> {
    let price = |text: Option<&str>| text.map(str::parse::<Usd>).transpose();
    Ok(CatalogModel {
        id: id.to_owned(),
        canonical_slug: Some(format!("{id}-20260101")),
        name: id.to_uppercase(),
        context_length: Some(200_000),
        max_completion_tokens: None,
        input_modalities: vec!["text".to_owned(), "image".to_owned()],
        output_modalities: vec!["text".to_owned()],
        supported_parameters: vec!["temperature".to_owned()],
        pricing: Pricing {
            prompt: price(prompt)?,
            completion: price(Some("0.000015"))?,
            image: price(Some("0.0048"))?,
            extra: ExtraPrices {
                audio_cache_read: price(Some("0.0000001"))?,
                cache_write_1h: price(Some("0.00000001"))?,
                ..ExtraPrices::default()
            },
            overrides: vec![PriceOverride {
                min_prompt_tokens: Some(200_000),
                prompt: price(Some("0.000006"))?,
                extra: ExtraPrices { audio: price(Some("0.000002"))?, ..ExtraPrices::default() },
                ..PriceOverride::default()
            }],
            ..Pricing::default()
        },
    })
}

async fn a_new_catalog_keeps_local_settings(subject: &SqlSubject) -> Result<()> {
    let store = subject.store();
    let later = START + Duration::from_hours(1);
    store
        .replace_catalog(vec![model("b/two", Some("0.000000013972"))?, model("a/one", None)?], START)
        .await?;
    let found = store.models(&Filter::Everything).await?;
    let catalog: Vec<_> = found.iter().map(|model| model.catalog.clone()).collect();
    assert_eq!(catalog, [model("a/one", None)?, model("b/two", Some("0.000000013972"))?]);
    assert!(found.iter().all(|model| model.enabled && !model.restricted && model.listed_at == START));

    let mut raw = RawConnection::open(subject.database()).await?;
    raw.run("UPDATE ai_models SET restricted = TRUE, millichars_per_token = 3900 WHERE id = 'b/two'").await?;
    let rejected = store
        .replace_catalog(vec![model("b/two", Some("0.000000000007"))?, model("c/three", None)?], later)
        .await?;
    assert_eq!(rejected, []);
    let found = store.models(&Filter::Everything).await?;
    let listed: Vec<_> = found.iter().map(|model| (model.catalog.id.as_str(), model.listed_at)).collect();
    assert_eq!(listed, [("a/one", START), ("b/two", later), ("c/three", later)]);
    let two = &found[1];
    assert_eq!(two.catalog, model("b/two", Some("0.000000000007"))?);
    assert_eq!((two.restricted, two.millichars_per_token), (true, Some(3900)));

    let restricted = Filter::equals("restricted", Scalar::Bool(true));
    assert_eq!(store.models(&restricted).await?.len(), 1);
    assert_eq!(store.models(&Filter::negated(restricted)).await?.len(), 2);
    assert_eq!(store.models(&Filter::Nothing).await?, []);
    Ok(())
}

async fn a_bad_entry_stops_no_other_and_keeps_its_earlier_state(subject: &SqlSubject) -> Result<()> {
    let store = subject.store();
    let later = START + Duration::from_hours(1);
    store.replace_catalog(vec![model("a/one", Some("0.000001"))?, model("b/two", None)?], START).await?;
    let long = "x".repeat(5_000);
    let texts = ["c/\0nul", "", long.as_str()];
    let mut listed: Vec<_> = texts.into_iter().map(|id| model(id, None)).collect::<Result<_>>()?;
    listed.push(CatalogModel { name: "nul\0".to_owned(), ..model("d/name", None)? });
    listed.push(CatalogModel { canonical_slug: Some("nul\0".to_owned()), ..model("e/slug", None)? });
    listed.push(CatalogModel { input_modalities: vec!["nul\0".to_owned()], ..model("f/list", None)? });
    // Its price is gone.
    listed.push(CatalogModel { name: "changed".to_owned(), ..model("a/one", None)? });
    listed.push(CatalogModel { name: "changed".to_owned(), ..model("b/two", Some("0.000002"))? });
    listed.push(model("z/new", None)?);
    let rejected = store.replace_catalog(listed, later).await?;
    assert_eq!(rejected.len(), 7, "{rejected:?}");
    assert!(rejected.iter().all(|entry| entry.id.chars().count() <= 80 && !entry.id.contains('\0')));

    let found = store.models(&Filter::Everything).await?;
    let states: Vec<_> = found
        .iter()
        .map(|model| (model.catalog.id.as_str(), model.catalog.name.as_str(), model.listed_at))
        .collect();
    let one = model("a/one", None)?.name;
    let new = model("z/new", None)?.name;
    assert_eq!(
        states,
        [("a/one", one.as_str(), START), ("b/two", "changed", later), ("z/new", new.as_str(), later)]
    );
    assert!(found[0].catalog.pricing.prompt.is_some(), "a known price is not wiped");
    Ok(())
}
