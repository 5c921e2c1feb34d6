//! From the header of a request to the principal that makes it.

use std::fmt;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header;
use causerie_domain::identity::{ApiKey, Credential, Principal, UserStatus};
use causerie_domain::ports::{Clock, Identity, KeyHolder};
use causerie_domain::{ApiKeyId, Timestamp};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::cache::{CredentialHash, VerifiedCredentials};
use super::key::{ShownKey, secret_hash};
use crate::error::{Code, Problem};
use crate::main_runtime::MainRuntime;

/// What a request shows to say who makes it.
pub(crate) struct Shown(String);

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown(***)")
    }
}

impl Shown {
    /// The bearer credential of a request.
    ///
    /// # Errors `unauthenticated`, where there is none, more than one, or a key in the query string:
    /// addresses end up in logs and histories, so such a key is as good as published.
    pub(crate) fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let mut lines = request.headers().get_all(header::AUTHORIZATION);
        let (Some(line), None) = (lines.next(), lines.next()) else { return Err(unauthenticated()) };
        match line.to_str().ok().and_then(|line| line.split_once(' ')) {
            Some((scheme, credential))
                if scheme.eq_ignore_ascii_case("bearer") && !holds_a_key(request.query_string()) =>
            {
                Ok(Shown(credential.trim().to_owned()))
            }
            _ => Err(unauthenticated()),
        }
    }

    fn hash(&self) -> CredentialHash {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

fn holds_a_key(query: &str) -> bool {
    query
        .split('&')
        .any(|pair| ShownKey::read(pair.split_once('=').map_or(pair, |(_, value)| value)).is_some())
}

/// The one answer to every request without a credential in force. It tells nobody what was wrong.
fn unauthenticated() -> Problem {
    Problem::new(Code::Unauthenticated, "send a valid API key as `Authorization: Bearer <key>`")
        .header(header::WWW_AUTHENTICATE, "Bearer")
}

/// Finds out who makes a request.
#[derive(Debug)]
pub(crate) struct Authenticator {
    identity: Arc<dyn Identity>,
    clock: Arc<dyn Clock>,
    cache: VerifiedCredentials,
}

impl Authenticator {
    pub(crate) fn new(identity: Arc<dyn Identity>, clock: Arc<dyn Clock>) -> Self {
        Authenticator { identity, clock, cache: VerifiedCredentials::default() }
    }

    /// The principal behind a credential, from memory or from the store.
    ///
    /// # Errors
    /// `unauthenticated`, and the problems of the store.
    pub(crate) async fn principal(
        self: &Arc<Self>,
        shown: Shown,
        main: &MainRuntime,
    ) -> Result<Arc<Principal>, Problem> {
        let now = self.clock.now();
        if let Some(principal) = self.cache.get(&shown.hash(), now) {
            return Ok(principal);
        }
        let this = Arc::clone(self);
        let (principal, key) = main.run(async move { this.verify(&shown, now).await }).await?;
        if self.cache.is_to_be_noted(key.id, key.last_used_at, now) {
            let this = Arc::clone(self);
            main.spawn(async move { this.note_use(key.id, now).await });
        }
        Ok(principal)
    }

    async fn verify(&self, shown: &Shown, now: Timestamp) -> Result<(Arc<Principal>, ApiKey), Problem> {
        let key = ShownKey::read(&shown.0).ok_or_else(unauthenticated)?;
        let holder = self.identity.key_holder(key.public_id).await?;
        // The comparison is made for unknown keys too, so that its time says nothing about which ones exist.
        let expected = holder.as_ref().map_or([0; 32], |holder| holder.secret_hash);
        let is_right = bool::from(secret_hash(key.secret).ct_eq(&expected));
        match holder {
            Some(holder) if is_right && is_in_force(&holder, now) => {
                let KeyHolder { key, standing, .. } = holder;
                let credential =
                    Credential::ApiKey { id: key.id, group_id: key.group_id, scopes: key.scopes.clone() };
                let principal = Arc::new(standing.principal(credential));
                self.cache.insert(shown.hash(), Arc::clone(&principal), now, key.expires_at);
                Ok((principal, key))
            }
            _ => Err(unauthenticated()),
        }
    }

    async fn note_use(&self, key: ApiKeyId, now: Timestamp) {
        if let Err(error) = self.identity.touch_key(key, now).await {
            tracing::warn!(%error, %key, "the last use of an API key could not be noted");
        }
    }
}

fn is_in_force(holder: &KeyHolder, now: Timestamp) -> bool {
    holder.key.is_live(now) && holder.standing.user.status == UserStatus::Active
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;
    use crate::auth::testing::{FixedClock, Keys, SECRET, holder};

    fn credential() -> String {
        format!("csr_abcdefABC123_{SECRET}")
    }

    fn request(headers: &[&str], query: &str) -> HttpRequest {
        let request = TestRequest::with_uri(&format!("/me{query}"));
        let append = |request: TestRequest, value: &&str| request.append_header(("authorization", *value));
        headers.iter().fold(request, append).to_http_request()
    }

    async fn ask(keys: &Arc<Keys>, shown: Result<Shown, Problem>) -> Result<Arc<Principal>, Problem> {
        let identity = Arc::clone(keys) as Arc<dyn Identity>;
        let authenticator = Arc::new(Authenticator::new(identity, Arc::new(FixedClock)));
        authenticator.principal(shown?, &MainRuntime::current()).await
    }

    #[tokio::test]
    async fn a_key_in_force_names_its_principal() {
        let keys = Keys::of(holder());
        for scheme in ["Bearer", "bearer", "BEARER"] {
            let shown = Shown::of(&request(&[&format!("{scheme} {}", credential())], ""));
            assert_eq!(ask(&keys, shown).await.unwrap().user, holder().standing.user);
        }
    }

    #[tokio::test]
    async fn every_other_credential_gets_one_answer() {
        let good = format!("Bearer {}", credential());
        let now = FixedClock.now();
        let refused = async |holder: KeyHolder, headers: &[&str], query: &str| {
            let refusal = ask(&Keys::of(holder), Shown::of(&request(headers, query))).await.unwrap_err();
            assert_eq!(refusal.code, Code::Unauthenticated, "{headers:?} {query}");
            let answer = refusal.render(Some("r"));
            assert_eq!(answer.headers().get("www-authenticate").unwrap(), "Bearer");
            let body = actix_web::body::to_bytes(answer.into_body()).await.unwrap();
            let alike = unauthenticated().render(Some("r")).into_body();
            assert_eq!(body, actix_web::body::to_bytes(alike).await.unwrap());
        };
        let with_key = |change: &dyn Fn(&mut ApiKey)| {
            let mut holder = holder();
            change(&mut holder.key);
            holder
        };
        refused(holder(), &[], "").await;
        refused(holder(), &["Bearer"], "").await;
        refused(holder(), &["Bearer nonsense"], "").await;
        refused(holder(), &[&format!("Basic {}", credential())], "").await;
        refused(holder(), &[&good, &good], "").await;
        refused(holder(), &[&good.replace("abcdef", "ABCDEF")], "").await;
        refused(holder(), &[&good.replace('s', "S").replace("cSr", "csr")], "").await;
        refused(holder(), &[], &format!("?api_key={}", credential())).await;
        refused(holder(), &[&good], &format!("?x=1&token={}", credential())).await;
        refused(with_key(&|key| key.expires_at = Some(now)), &[&good], "").await;
        refused(with_key(&|key| key.revoked_at = Some(now)), &[&good], "").await;
        let mut disabled = holder();
        disabled.standing.user.status = UserStatus::Disabled;
        refused(disabled, &[&good], "").await;
    }

    #[tokio::test]
    async fn a_verified_credential_is_not_looked_up_again_at_once() {
        let keys = Keys::of(holder());
        let identity = Arc::clone(&keys) as Arc<dyn Identity>;
        let authenticator = Arc::new(Authenticator::new(identity, Arc::new(FixedClock)));
        let main = MainRuntime::current();
        for _ in 0..3 {
            let shown = Shown::of(&request(&[&format!("Bearer {}", credential())], "")).unwrap();
            authenticator.principal(shown, &main).await.unwrap();
        }
        main.finished().await;
        assert_eq!(keys.lookups(), 1);
        assert_eq!(keys.touches(), [FixedClock.now()]);
    }

    #[tokio::test]
    async fn a_failed_lookup_is_not_taken_for_a_wrong_key() {
        let shown = Shown::of(&request(&[&format!("Bearer {}", credential())], ""));
        let refusal = ask(&Keys::unreachable(), shown).await.unwrap_err();
        assert_eq!(refusal.code, Code::StoreUnavailable);
    }

    #[test]
    fn a_shown_credential_is_not_printed() {
        let shown = Shown::of(&request(&[&format!("Bearer {}", credential())], "")).unwrap();
        assert_eq!(format!("{shown:?}"), "Shown(***)");
    }
}
