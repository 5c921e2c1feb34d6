//! Valid tokens, and attacks with forged, expired and malformed ones.

use std::time::Duration;

use causerie_domain::Timestamp;
use causerie_domain::ports::{TokenError, TokenVerifier as _, VerifiedToken};
use causerie_identity::{Algorithm, FetchLimits, JwksVerifier, Settings};
use causerie_testkit::anyhow::Result;
use causerie_testkit::provider::{Provider, Signer, token_with_signature};
use ring::hmac;
use serde_json::{Value, json};

const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "causerie";
/// Current time of the tests, in seconds since the epoch.
const NOW: i64 = 1_800_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn verifier(provider: &Provider, algorithms: &[Algorithm]) -> Result<JwksVerifier> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(JwksVerifier::new(Settings {
        issuer: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        jwks_url: provider.jwks_url(),
        algorithms: algorithms.to_vec(),
        limits: FetchLimits::default(),
    })?)
}

fn claims() -> Value {
    json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "exp": NOW + 300, "email": "ada@id.example" })
}

/// Returns the claims with some of them replaced; null removes a claim.
fn claims_with(changes: Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    claims
}

async fn verify(verifier: &JwksVerifier, token: &str) -> Result<VerifiedToken, TokenError> {
    verifier.verify(token, at(NOW)).await
}

#[track_caller]
fn assert_refused(outcome: Result<VerifiedToken, TokenError>, what: &str) {
    assert!(matches!(outcome, Err(TokenError::Refused(_))), "{what}: {outcome:?}");
}

#[tokio::test]
async fn a_valid_token_of_each_algorithm_is_accepted() -> Result<()> {
    let signers = [Signer::eddsa("a")?, Signer::es256("b")?, Signer::rs256("c")?];
    let provider = Provider::start(&signers.each_ref()).await?;
    let verifier = verifier(&provider, &Algorithm::ALL)?;
    for signer in &signers {
        let token = verify(&verifier, &signer.token(&claims())?).await?;
        assert_eq!((token.id.issuer.as_str(), token.id.subject.as_str()), (ISSUER, "ada"));
        assert_eq!((token.expires_at, token.email.as_deref()), (at(NOW + 300), Some("ada@id.example")));
    }
    assert_eq!(provider.request_count(), 1, "the keys are downloaded once");
    Ok(())
}

#[tokio::test]
async fn claims_must_match_the_settings() -> Result<()> {
    let signer = Signer::es256("a")?;
    let provider = Provider::start(&[&signer]).await?;
    let verifier = verifier(&provider, &Algorithm::ALL)?;
    let accepted = [
        json!({ "aud": ["other", AUDIENCE] }),
        json!({ "exp": NOW - 29 }),
        json!({ "exp": (NOW + 5) as f64 + 0.5 }),
        json!({ "nbf": NOW + 30 }),
        json!({ "role": "admin", "scope": "manage:all" }),
    ];
    for changes in accepted {
        let outcome = verify(&verifier, &signer.token(&claims_with(changes.clone()))?).await;
        assert!(outcome.is_ok(), "{changes}: {outcome:?}");
    }
    let refused = [
        json!({ "exp": NOW - 30 }),
        json!({ "exp": null }),
        json!({ "exp": "2100-01-01" }),
        json!({ "exp": -1 }),
        json!({ "exp": 1e300 }),
        json!({ "exp": i64::MAX }),
        json!({ "nbf": NOW + 31 }),
        json!({ "nbf": "soon" }),
        json!({ "iss": null }),
        json!({ "iss": "https://id.example/" }),
        json!({ "iss": [ISSUER] }),
        json!({ "aud": null }),
        json!({ "aud": "other" }),
        json!({ "aud": [] }),
        json!({ "aud": ["other"] }),
        json!({ "aud": {"causerie": true} }),
        json!({ "sub": null }),
        json!({ "sub": "" }),
        json!({ "sub": 7 }),
        json!({ "sub": "a\u{0}b" }),
        json!({ "sub": "s".repeat(256) }),
    ];
    for changes in refused {
        let token = signer.token(&claims_with(changes.clone()))?;
        assert_refused(verify(&verifier, &token).await, &changes.to_string());
    }
    Ok(())
}

#[tokio::test]
async fn an_unverified_email_address_is_ignored() -> Result<()> {
    let signer = Signer::eddsa("a")?;
    let provider = Provider::start(&[&signer]).await?;
    let verifier = verifier(&provider, &Algorithm::ALL)?;
    for (changes, known) in [
        (json!({ "email_verified": true }), true),
        (json!({ "email_verified": false }), false),
        (json!({ "email_verified": "false" }), false),
        (json!({ "email": 7 }), false),
        (json!({ "email": null }), false),
    ] {
        let token = verify(&verifier, &signer.token(&claims_with(changes.clone()))?).await?;
        assert_eq!(token.email.is_some(), known, "{changes}");
    }
    Ok(())
}

#[tokio::test]
async fn the_header_selects_neither_algorithm_nor_key() -> Result<()> {
    let (rsa, ec, stranger) = (Signer::rs256("r")?, Signer::es256("e")?, Signer::es256("e")?);
    let provider = Provider::start(&[&rsa, &ec]).await?;
    let verifier = verifier(&provider, &Algorithm::ALL)?;
    let header = |alg: &str, kid: &str| json!({ "alg": alg, "kid": kid });
    let public = rsa.jwk()["n"].as_str().unwrap().as_bytes().to_vec();
    let hmac = |key: &[u8], signed: &[u8]| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), signed).as_ref().to_vec()
    };
    let public_der = public.clone();
    let forgeries = [
        ("no signature", token_with_signature(&header("none", "r"), &claims(), |_| Vec::new())),
        ("NONE", token_with_signature(&header("NONE", "r"), &claims(), |_| Vec::new())),
        ("an empty signature", token_with_signature(&header("ES256", "e"), &claims(), |_| Vec::new())),
        ("a signature of zeros", token_with_signature(&header("ES256", "e"), &claims(), |_| vec![0; 64])),
        (
            "the public key as a secret",
            token_with_signature(&header("HS256", "r"), &claims(), |s| hmac(&public_der, s)),
        ),
        ("another algorithm of the family", rsa.token_with_header(&header("RS512", "r"), &claims())?),
        ("PS256", rsa.token_with_header(&header("PS256", "r"), &claims())?),
        ("the algorithm of another key", ec.token_with_header(&header("RS256", "e"), &claims())?),
        ("another key's id", ec.token_with_header(&header("RS256", "r"), &claims())?),
        ("a stranger's key", stranger.token(&claims())?),
        ("no id", ec.token_with_header(&json!({ "alg": "ES256" }), &claims())?),
        ("an unknown id", ec.token_with_header(&header("ES256", "x"), &claims())?),
        (
            "an extension",
            ec.token_with_header(&json!({"alg": "ES256", "kid": "e", "crit": ["b64"]}), &claims())?,
        ),
        ("a key in the header", {
            let header = json!({ "alg": "ES256", "kid": "x", "jwk": stranger.jwk(), "jku": "https://evil" });
            stranger.token_with_header(&header, &claims())?
        }),
    ];
    for (what, token) in forgeries {
        assert_refused(verify(&verifier, &token).await, what);
    }
    let valid = ec.token(&claims())?;
    let (signed, signature) = valid.rsplit_once('.').unwrap();
    let (header_part, _) = signed.split_once('.').unwrap();
    let other = ec.token(&claims_with(json!({ "sub": "root" })))?;
    let claims_of_other = other.split('.').nth(1).unwrap();
    let mangled = [
        ("other claims", format!("{header_part}.{claims_of_other}.{signature}")),
        ("no third part", signed.to_owned()),
        ("a fourth part", format!("{valid}.x")),
        ("padding", format!("{valid}=")),
        ("nothing", String::new()),
        ("dots", "..".to_owned()),
        ("too long", ec.token(&claims_with(json!({ "x": "x".repeat(8192) })))?),
    ];
    for (what, token) in mangled {
        assert_refused(verify(&verifier, &token).await, what);
    }
    assert!(verify(&verifier, &valid).await.is_ok());
    Ok(())
}

#[tokio::test]
async fn only_signature_keys_with_a_unique_id_are_used() -> Result<()> {
    let (signer, twin) = (Signer::es256("k")?, Signer::es256("k")?);
    let check = async |keys: Value, algorithms: &[Algorithm], expected: bool| -> Result<()> {
        let provider = Provider::start(&[]).await?;
        provider.respond_with(200, json!({ "keys": keys }).to_string());
        let outcome = verify(&verifier(&provider, algorithms)?, &signer.token(&claims())?).await;
        assert_eq!(outcome.is_ok(), expected, "{keys}: {outcome:?}");
        Ok(())
    };
    let with = |name: &str, value: Value| {
        let mut jwk = signer.jwk();
        jwk[name] = value;
        jwk
    };
    let all = &Algorithm::ALL;
    check(json!([signer.jwk()]), all, true).await?;
    check(json!([with("use", Value::Null)]), all, true).await?;
    check(json!([with("alg", Value::Null)]), all, true).await?;
    check(json!([with("key_ops", json!(["verify"]))]), all, true).await?;
    check(json!([{"kty": "unheard of"}, 7, with("use", json!("enc")), signer.jwk()]), all, true).await?;
    check(json!([with("use", json!("enc"))]), all, false).await?;
    check(json!([with("key_ops", json!(["sign"]))]), all, false).await?;
    check(json!([with("alg", json!("ES384"))]), all, false).await?;
    check(json!([with("alg", json!("HS256"))]), all, false).await?;
    check(json!([with("crv", json!("P-384"))]), all, false).await?;
    check(json!([with("kid", Value::Null)]), all, false).await?;
    check(json!([with("x", json!("AAAA"))]), all, false).await?;
    check(json!([signer.jwk(), twin.jwk()]), all, false).await?;
    check(json!([twin.jwk(), signer.jwk()]), all, false).await?;
    check(json!([signer.jwk()]), &[Algorithm::EdDsa, Algorithm::Rs256], false).await?;
    check(json!([]), all, false).await
}

#[tokio::test]
async fn keys_rotate_and_an_unknown_key_causes_one_download_a_minute() -> Result<()> {
    let (old, new) = (Signer::eddsa("old")?, Signer::eddsa("new")?);
    let provider = Provider::start(&[&old]).await?;
    let verifier = verifier(&provider, &Algorithm::ALL)?;
    let (by_old, by_new) = (old.token(&claims())?, new.token(&claims())?);
    assert!(verifier.verify(&by_old, at(NOW)).await.is_ok());
    provider.publish(&[&old, &new]);
    for second in [0, 1, 59] {
        assert_refused(verifier.verify(&by_new, at(NOW + second)).await, "within the minute");
    }
    assert_eq!(provider.request_count(), 1);
    assert!(verifier.verify(&by_new, at(NOW + 60)).await.is_ok());
    assert!(verifier.verify(&by_old, at(NOW + 60)).await.is_ok());
    assert_eq!(provider.request_count(), 2);
    // A withdrawn key stays valid for at most ten minutes.
    provider.publish(&[&new]);
    let late = NOW + 60 + 600;
    let by_old = old.token(&claims_with(json!({ "exp": late + 300 })))?;
    assert!(verifier.verify(&by_old, at(late - 1)).await.is_ok());
    assert_refused(verifier.verify(&by_old, at(late)).await, "withdrawn");
    Ok(())
}

#[tokio::test]
async fn concurrent_unknown_keys_cause_one_download() -> Result<()> {
    let (known, unknown) = (Signer::eddsa("known")?, Signer::eddsa("unknown")?);
    let provider = Provider::start(&[&known]).await?;
    let verifier = verifier(&provider, &Algorithm::ALL)?;
    let token = unknown.token(&claims())?;
    let outcomes = tokio::join!(
        verify(&verifier, &token),
        verify(&verifier, &token),
        verify(&verifier, &token),
        verify(&verifier, &token),
    );
    for outcome in [outcomes.0, outcomes.1, outcomes.2, outcomes.3] {
        assert_refused(outcome, "unknown");
    }
    assert_eq!(provider.request_count(), 1);
    Ok(())
}

#[tokio::test]
async fn keys_stay_cached_while_the_issuer_is_unreachable() -> Result<()> {
    let signer = Signer::eddsa("a")?;
    let provider = Provider::start(&[&signer]).await?;
    let verifier = verifier(&provider, &Algorithm::ALL)?;
    let token = signer.token(&claims_with(json!({ "exp": NOW + 10_000 })))?;
    assert!(verifier.verify(&token, at(NOW)).await.is_ok());
    for (step, (status, body)) in (1..).zip([
        (500, "{}".to_owned()),
        (302, "{}".to_owned()),
        (200, "<html>".to_owned()),
        (200, json!({ "keys": [], "x": "x".repeat(300_000) }).to_string()),
    ]) {
        provider.respond_with(status, body);
        assert!(verifier.verify(&token, at(NOW + step * 1000)).await.is_ok(), "{status}");
        assert_eq!(provider.request_count(), 1 + usize::try_from(step)?);
    }
    Ok(())
}

#[tokio::test]
async fn without_keys_verification_is_unavailable() -> Result<()> {
    let signer = Signer::eddsa("a")?;
    let provider = Provider::start(&[]).await?;
    provider.respond_with(503, String::new());
    let verifier = verifier(&provider, &Algorithm::ALL)?;
    let token = signer.token(&claims())?;
    assert!(matches!(verify(&verifier, &token).await, Err(TokenError::Unavailable)));
    assert_refused(verify(&verifier, "eyJ.x.x").await, "a malformed token is still refused");
    provider.publish(&[&signer]);
    assert!(verifier.verify(&token, at(NOW) + Duration::from_secs(60)).await.is_ok());
    Ok(())
}
