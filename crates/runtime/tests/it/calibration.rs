//! Storing the corrections of token estimates.

use std::time::Duration;

use causerie_domain::completion::{CompletionEvent, GenerationInfo};
use causerie_domain::models::{CatalogModel, Pricing};
use causerie_domain::ports::{Calibration, Models as _};
use causerie_domain::{Filter, Timestamp};
use causerie_memory_store::MemoryStore;
use causerie_runtime::Settings;

use crate::support::scripted_gateway::{Step, finish_of, text};
use crate::support::{World, paused_world, user};

const MODEL: &str = "a/b";

fn model() -> CatalogModel {
    CatalogModel {
        id: MODEL.to_owned(),
        canonical_slug: None,
        name: "B".to_owned(),
        context_length: None,
        max_completion_tokens: None,
        input_modalities: Vec::new(),
        output_modalities: Vec::new(),
        supported_parameters: Vec::new(),
        pricing: Pricing::default(),
    }
}

async fn world() -> World {
    let store = MemoryStore::new();
    store.replace_catalog(vec![model()], Timestamp::from_micros(1_780_000_000_000_000)).await.unwrap();
    paused_world(store, Settings::default()).await
}

impl World {
    /// Runs a turn whose upstream counts more tokens than the estimate.
    async fn turn_with_many_tokens(&self) {
        let info = GenerationInfo { model: Some(MODEL.to_owned()), ..GenerationInfo::default() };
        let identified = Step::Event(CompletionEvent::Identified(info));
        self.upstream.enqueue(vec![identified, text("ok"), finish_of(1_000)]);
        let ada = user("ada");
        let session = self.session(&ada).await;
        self.send_and_read(&ada, session, &"1234567890 ".repeat(200)).await;
    }

    async fn stored_ratio(&self) -> Option<u32> {
        self.store.models(&Filter::Everything).await.unwrap()[0].millichars_per_token
    }
}

#[tokio::test(start_paused = true)]
async fn a_ratio_is_stored_once_a_minute_and_at_the_shutdown() {
    let world = world().await;
    world.turn_with_many_tokens().await;
    world.turn_with_many_tokens().await;
    assert_eq!(world.stored_ratio().await, None);
    tokio::time::sleep(Duration::from_secs(61)).await;
    let after_two = world.stored_ratio().await.unwrap();
    world.turn_with_many_tokens().await;
    assert_eq!(world.stored_ratio().await, Some(after_two));
    world.runtime.drain(Duration::from_secs(1)).await;
    assert!(world.stored_ratio().await.unwrap() < after_two);
}

#[tokio::test(start_paused = true)]
async fn a_ratio_that_another_process_has_stored_counts_as_well() {
    let world = world().await;
    world.turn_with_many_tokens().await;
    let stored = world.store.calibrate(MODEL, None, 9_000).await.unwrap();
    assert_eq!(stored, Calibration::Stored);
    world.runtime.drain(Duration::from_secs(1)).await;
    let ratio = world.stored_ratio().await.unwrap();
    assert!((6_000..7_000).contains(&ratio), "{ratio}");
}
