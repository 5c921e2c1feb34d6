//! Cost of verifying a token with a cached key.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::hint::black_box;

use causerie_domain::Timestamp;
use causerie_domain::ports::TokenVerifier as _;
use causerie_identity::{Algorithm, FetchLimits, JwksVerifier, Settings};
use causerie_testkit::provider::{Provider, Signer};
use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::json;

fn verify(criterion: &mut Criterion) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let signers = [Signer::eddsa("a").unwrap(), Signer::es256("b").unwrap(), Signer::rs256("c").unwrap()];
    let provider = runtime.block_on(Provider::start(&signers.each_ref())).unwrap();
    let verifier = JwksVerifier::new(Settings {
        issuer: "https://id.example".to_owned(),
        audience: "causerie".to_owned(),
        jwks_url: provider.jwks_url(),
        algorithms: Algorithm::ALL.to_vec(),
        limits: FetchLimits::default(),
    })
    .unwrap();
    let now = Timestamp::from_micros(1_800_000_000_000_000);
    for signer in &signers {
        let claims = json!({
            "iss": "https://id.example", "aud": "causerie", "sub": "ada", "exp": 1_800_000_300,
            "iat": 1_800_000_000, "email": "ada@example.org", "name": "Ada Lovelace",
        });
        let token = signer.token(&claims).unwrap();
        runtime.block_on(verifier.verify(&token, now)).unwrap();
        criterion.bench_function(&format!("verify a token, {}", signer.algorithm()), |bencher| {
            bencher.iter(|| runtime.block_on(verifier.verify(black_box(&token), now)).unwrap());
        });
    }
}

criterion_group!(benches, verify);
criterion_main!(benches);
