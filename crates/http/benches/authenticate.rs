//! Cost of authentication: the hash of an API key, and a whole request with and without a credential.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot start has no result")]

use std::convert::Infallible;
use std::hint::black_box;
use std::sync::Arc;

use actix_web::App;
use actix_web::http::header;
use actix_web::test::{TestRequest, call_service, init_service};
use async_trait::async_trait;
use causerie_domain::completion::{
    CompletionError, CompletionErrorKind, CompletionRequest, GenerationRecord,
};
use causerie_domain::models::CatalogListing;
use causerie_domain::ports::{CompletionGateway, CompletionStream, StoreError, StoreHealth, WriteFailure};
use causerie_domain::users::Role;
use causerie_http::auth::KeyMaterial;
use causerie_http::{AppParts, AppState, HttpSettings, configure};
use causerie_memory_store::{ConstantEntropy, MemoryKeys, MemoryStore, NoTickets, key_record};
use causerie_runtime::{Runtime, Stores, SystemClock, SystemIds};
use criterion::{Criterion, criterion_group, criterion_main};
use futures_util::stream::{self, StreamExt as _};
use tokio::runtime::Handle;

/// An upstream without models. The measured requests do not call it.
#[derive(Debug)]
struct NoUpstream;

#[async_trait]
impl CompletionGateway for NoUpstream {
    fn complete(&self, _: CompletionRequest) -> CompletionStream {
        stream::empty().boxed()
    }

    async fn generation(&self, _: &str) -> Result<Option<GenerationRecord>, CompletionError> {
        Ok(None)
    }

    async fn models(&self) -> Result<CatalogListing, CompletionError> {
        Err(CompletionError::new(CompletionErrorKind::Unavailable, "there is no upstream"))
    }
}

#[derive(Debug)]
struct AlwaysHealthy;

#[async_trait]
impl StoreHealth for AlwaysHealthy {
    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn check_writes(&self) -> Result<(), WriteFailure> {
        Ok(())
    }
}

fn new_key() -> KeyMaterial {
    let fill = |bytes: &mut [u8]| {
        bytes.fill(7);
        Ok::<(), Infallible>(())
    };
    KeyMaterial::generate(fill).unwrap()
}

/// Returns an application in memory with one user, who has this key.
fn app_state(key: &KeyMaterial) -> AppState {
    let user = key_record(1, "ada", Role::User, (&key.public_id, key.secret_hash()));
    let stores = Stores::of(&Arc::new(MemoryStore::new()));
    let parts = AppParts {
        runtime: Runtime::builder(stores, Arc::new(NoUpstream)).build(Handle::current()).unwrap(),
        authentication: Arc::new(MemoryKeys::of(vec![user])),
        tickets: Arc::new(NoTickets),
        tokens: None,
        entropy: Arc::new(ConstantEntropy),
        health: Arc::new(AlwaysHealthy),
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds),
        one_time_code: None,
        main: Handle::current(),
    };
    AppState::new(parts, HttpSettings::default())
}

fn authenticate(criterion: &mut Criterion) {
    let key = new_key();
    criterion.bench_function("hash the secret of a key", |bencher| {
        bencher.iter(|| black_box(&key).secret_hash());
    });

    let system = actix_web::rt::System::new();
    let app = system.block_on(async {
        let state = app_state(&key);
        init_service(App::new().configure(|app| configure(app, state))).await
    });
    let credential = format!("Bearer {}", key.credential().expose());
    for (path, name) in
        [("/healthz", "a request without a credential"), ("/me", "a request with a cached key")]
    {
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut request = TestRequest::with_uri(path);
                if path == "/me" {
                    request = request.insert_header((header::AUTHORIZATION, credential.as_str()));
                }
                let response = system.block_on(call_service(&app, request.to_request()));
                assert_eq!(response.status(), 200);
            });
        });
    }
}

criterion_group!(benches, authenticate);
criterion_main!(benches);
