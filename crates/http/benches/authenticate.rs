//! What it costs to find out who asks: the hash of a key, and a whole request with and without a credential.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a benchmark that cannot begin has nothing to say")]

#[path = "../tests/it/support/mod.rs"]
mod support;

use std::convert::Infallible;
use std::hint::black_box;

use causerie_http::HttpSettings;
use causerie_http::auth::KeyMaterial;
use criterion::{Criterion, criterion_group, criterion_main};

fn authenticate(criterion: &mut Criterion) {
    let key = KeyMaterial::generate(|bytes| {
        bytes.fill(7);
        Ok::<(), Infallible>(())
    })
    .unwrap();
    criterion.bench_function("hash the secret of a key", |bencher| {
        bencher.iter(|| black_box(&key).secret_hash());
    });

    let runtime = actix_web::rt::System::new();
    let caller =
        runtime.block_on(async { support::world(HttpSettings::default()).await.caller("ada").await });
    for (path, what) in
        [("/healthz", "a request without a credential"), ("/me", "a request with a known key")]
    {
        criterion.bench_function(what, |bencher| {
            bencher.iter(|| {
                let answer = runtime.block_on(caller.get(path));
                assert_eq!(answer.status, 200);
            });
        });
    }
}

criterion_group!(benches, authenticate);
criterion_main!(benches);
