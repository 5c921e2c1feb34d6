//! From a credential to the principal who shows it.

use std::net::IpAddr;
use std::sync::Arc;

use causerie_domain::Timestamp;
use causerie_domain::api_keys::ApiKey;
use causerie_domain::ports::{
    ApiKeyRecord, Authentication, Clock, Entropy, Ids, StreamTickets, TokenVerifier,
};
use causerie_domain::principal::{Credential, Principal, UserAccess};
use causerie_domain::users::UserStatus;
use causerie_domain::{ApiKeyId, Secret};
use subtle::ConstantTimeEq as _;

use super::cache::{CredentialHash, VerifiedCredentials};
use super::key::{ShownKey, secret_hash};
use super::shown::{Shown, hash, is_like_a_token};
use super::unauthenticated;
use crate::error::{Code, Problem};
use crate::limits::Failures;
use crate::main_runtime::MainRuntime;
use crate::settings::AccessSettings;

/// What nobody's credential is remembered by: no SHA-256 of anything.
const NOBODY: CredentialHash = [0; 32];

/// The ports behind which credentials are known.
#[derive(Debug, Clone)]
pub(crate) struct Doors {
    pub(crate) identity: Arc<dyn Authentication>,
    pub(crate) tickets: Arc<dyn StreamTickets>,
    pub(crate) tokens: Option<Arc<dyn TokenVerifier>>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
}

/// Finds out who makes a request.
#[derive(Debug)]
pub(crate) struct Authenticator {
    pub(super) doors: Doors,
    /// Whether nobody needs a credential.
    open: bool,
    /// Whether somebody with a good token becomes a user.
    pub(super) admits_newcomers: bool,
    failures: Failures,
    cache: VerifiedCredentials,
}

/// A credential that is in force.
pub(super) struct Verified {
    pub(super) principal: Principal,
    /// From when on it is not.
    pub(super) expires_at: Option<Timestamp>,
    /// The key to note the use of.
    pub(super) key: Option<ApiKey>,
}

impl Authenticator {
    pub(crate) fn new(doors: Doors, settings: &AccessSettings) -> Self {
        Authenticator {
            doors,
            open: settings.open_door,
            admits_newcomers: settings.admits_newcomers,
            failures: Failures::new(settings.failures_per_minute),
            cache: VerifiedCredentials::default(),
        }
    }

    /// The principal behind a credential that comes from an address: from memory, or from the store.
    ///
    /// # Errors
    /// `unauthenticated`; `rate_limited` after too many of these; and the problems of the store.
    pub(crate) async fn principal(
        self: &Arc<Self>,
        shown: Shown,
        from: IpAddr,
        main: &MainRuntime,
    ) -> Result<Arc<Principal>, Problem> {
        let now = self.doors.clock.now();
        // A ticket is looked up every time: whoever lost the right to follow must not come back with it.
        let known_as = match &shown {
            Shown::Bearer(credential) => Some(hash(credential)),
            Shown::Nothing if self.open => Some(NOBODY),
            Shown::Nothing => return Err(unauthenticated()),
            Shown::Ticket(..) => None,
        };
        if let Some(principal) = known_as.and_then(|known_as| self.cache.get(&known_as, now)) {
            return Ok(principal);
        }
        self.failures.admit(from)?;
        // Read before the look-up, so that a principal that was read before rights changed is not remembered.
        let generation = self.cache.generation();
        let this = Arc::clone(self);
        let verified = match main.run(async move { this.verify(shown, now).await }).await {
            Err(problem) if problem.code == Code::Unauthenticated => {
                self.failures.note(from)?;
                return Err(problem);
            }
            verified => verified?,
        };
        let principal = Arc::new(verified.principal);
        if let Some(known_as) = known_as {
            self.cache.insert((known_as, generation), Arc::clone(&principal), now, verified.expires_at);
        }
        if let Some(key) = verified.key
            && self.cache.is_to_be_noted(key.id, key.last_used_at, now)
        {
            let this = Arc::clone(self);
            main.spawn(async move { this.note_use(key.id, now).await });
        }
        Ok(principal)
    }

    /// Forgets every principal: rights have changed.
    pub(crate) fn forget_all(&self) {
        self.cache.forget_all();
    }

    async fn verify(&self, shown: Shown, now: Timestamp) -> Result<Verified, Problem> {
        match shown {
            Shown::Bearer(token) if is_like_a_token(token.expose()) => self.verify_token(&token, now).await,
            Shown::Bearer(key) => self.verify_key(&key, now).await,
            Shown::Ticket(ticket, wanted) => self.verify_ticket(&ticket, wanted, now).await,
            Shown::Nothing => self.first_admin().await,
        }
    }

    async fn verify_key(&self, shown: &Secret, now: Timestamp) -> Result<Verified, Problem> {
        let key = ShownKey::read(shown.expose()).ok_or_else(unauthenticated)?;
        let holder = self.doors.identity.api_key_record(key.public_id).await?;
        // The comparison is made for unknown keys too, so that its time says nothing about which ones exist.
        let expected = holder.as_ref().map_or([0; 32], |holder| holder.secret_hash);
        let is_right = bool::from(secret_hash(key.secret).ct_eq(&expected));
        match holder {
            Some(ApiKeyRecord { key, access, .. }) if is_right => in_force(access, Some(key), now),
            _ => Err(unauthenticated()),
        }
    }

    /// Who comes through the open door.
    async fn first_admin(&self) -> Result<Verified, Problem> {
        let access = self.doors.identity.first_admin().await?.ok_or_else(unauthenticated)?;
        Ok(Verified { principal: access.principal(Credential::Process), expires_at: None, key: None })
    }

    async fn note_use(&self, key: ApiKeyId, now: Timestamp) {
        if let Err(error) = self.doors.identity.touch_api_key(key, now).await {
            tracing::warn!(%error, %key, "the last use of an API key could not be noted");
        }
    }
}

/// The principal of a user who came with a key, or with a token if there is none.
pub(super) fn in_force(access: UserAccess, key: Option<ApiKey>, now: Timestamp) -> Result<Verified, Problem> {
    let is_live = key.as_ref().is_none_or(|key| key.is_live(now));
    if !is_live || access.user.status != UserStatus::Active {
        return Err(unauthenticated());
    }
    let credential = match &key {
        Some(ApiKey { id, group_id, scopes, expires_at, .. }) => Credential::ApiKey {
            id: *id,
            group_id: *group_id,
            scopes: scopes.clone(),
            expires_at: *expires_at,
        },
        None => Credential::Token,
    };
    let expires_at = key.as_ref().and_then(|key| key.expires_at);
    Ok(Verified { principal: access.principal(credential), expires_at, key })
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use actix_web::HttpRequest;
    use actix_web::test::TestRequest;
    use causerie_domain::users::Role;

    use super::*;
    use crate::auth::testing::{FixedClock, Keys, SECRET, doors, holder};

    fn credential() -> String {
        format!("csr_abcdefABC123_{SECRET}")
    }

    fn request(headers: &[&str], query: &str) -> HttpRequest {
        let request = TestRequest::with_uri(&format!("/me{query}"));
        let append = |request: TestRequest, value: &&str| request.append_header(("authorization", *value));
        headers.iter().fold(request, append).to_http_request()
    }

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn authenticator(keys: &Arc<Keys>, settings: &AccessSettings) -> Arc<Authenticator> {
        Arc::new(Authenticator::new(doors(keys), settings))
    }

    async fn ask(keys: &Arc<Keys>, shown: Result<Shown, Problem>) -> Result<Arc<Principal>, Problem> {
        let authenticator = authenticator(keys, &AccessSettings::default());
        authenticator.principal(shown?, HERE, &MainRuntime::current()).await
    }

    #[tokio::test]
    async fn a_key_in_force_names_its_principal() {
        let keys = Arc::new(Keys::of(vec![holder()]));
        for scheme in ["Bearer", "bearer", "BEARER"] {
            let shown = Shown::of(&request(&[&format!("{scheme} {}", credential())], ""));
            assert_eq!(ask(&keys, shown).await.unwrap().user, holder().access.user);
        }
    }

    #[tokio::test]
    async fn every_other_credential_gets_one_answer() {
        let good = format!("Bearer {}", credential());
        let now = FixedClock.now();
        let refused = async |holder: ApiKeyRecord, headers: &[&str], query: &str| {
            let refusal = ask(&Arc::new(Keys::of(vec![holder])), Shown::of(&request(headers, query)))
                .await
                .unwrap_err();
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
        refused(holder(), &[&good], &format!("?%63%73r{}", &credential()[3..])).await;
        refused(holder(), &[&good], &format!("?Bearer%20{}", credential())).await;
        refused(holder(), &[&good], "?x=eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.").await;
        refused(holder(), &[&good], "?eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.c2ln=%ff").await;
        refused(holder(), &["Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ."], "").await;
        refused(with_key(&|key| key.expires_at = Some(now)), &[&good], "").await;
        refused(with_key(&|key| key.revoked_at = Some(now)), &[&good], "").await;
        let mut disabled = holder();
        disabled.access.user.status = UserStatus::Disabled;
        refused(disabled, &[&good], "").await;
    }

    #[tokio::test]
    async fn a_verified_credential_is_not_looked_up_again_at_once() {
        let keys = Arc::new(Keys::of(vec![holder()]));
        let authenticator = authenticator(&keys, &AccessSettings::default());
        let main = MainRuntime::current();
        for _ in 0..3 {
            let shown = Shown::of(&request(&[&format!("Bearer {}", credential())], "")).unwrap();
            authenticator.principal(shown, HERE, &main).await.unwrap();
        }
        main.finished().await;
        assert_eq!(keys.lookups(), 1);
        assert_eq!(keys.touches(), [FixedClock.now()]);
    }

    #[tokio::test]
    async fn a_failed_lookup_is_not_taken_for_a_wrong_key() {
        let shown = Shown::of(&request(&[&format!("Bearer {}", credential())], ""));
        let refusal = ask(&Arc::new(Keys::unreachable()), shown).await.unwrap_err();
        assert_eq!(refusal.code, Code::StoreUnavailable);
    }

    #[tokio::test]
    async fn too_many_failures_hold_up_what_must_be_looked_up() {
        let keys = Arc::new(Keys::of(vec![holder()]));
        let settings =
            AccessSettings { failures_per_minute: NonZeroU32::new(2), ..AccessSettings::default() };
        let authenticator = authenticator(&keys, &settings);
        let main = MainRuntime::current();
        let ask = async |credential: &str, from: IpAddr| {
            let shown = Shown::of(&request(&[&format!("Bearer {credential}")], "")).unwrap();
            authenticator.principal(shown, from, &main).await.map_err(|problem| problem.code)
        };
        let there = IpAddr::from([192, 0, 2, 7]);
        let wrong = credential().replace("abcdef", "ABCDEF");
        assert!(ask(&credential(), HERE).await.is_ok());
        for expected in [Code::Unauthenticated, Code::Unauthenticated, Code::RateLimited] {
            assert_eq!(ask(&wrong, HERE).await, Err(expected));
        }
        let lookups = keys.lookups();
        assert_eq!(ask(&wrong, HERE).await, Err(Code::RateLimited));
        assert_eq!(keys.lookups(), lookups, "nothing was looked up");
        assert!(ask(&credential(), HERE).await.is_ok(), "what was in force a moment ago is not held up");
        assert!(ask(&credential(), there).await.is_ok());
        assert_eq!(ask(&wrong, there).await, Err(Code::Unauthenticated), "each address has its own count");
    }

    #[tokio::test]
    async fn through_the_open_door_comes_the_first_administrator() {
        let mut admin = holder();
        admin.access.user.role = Role::Admin;
        let keys = Arc::new(Keys::of(vec![holder(), admin.clone()]));
        let settings = AccessSettings { open_door: true, ..AccessSettings::default() };
        let authenticator = authenticator(&keys, &settings);
        let main = MainRuntime::current();
        let nothing = authenticator.principal(Shown::Nothing, HERE, &main).await.unwrap();
        assert_eq!((&nothing.user, &nothing.credential), (&admin.access.user, &Credential::Process));
        let wrong = Shown::of(&request(&["Bearer nonsense"], "")).unwrap();
        let refusal = authenticator.principal(wrong, HERE, &main).await.unwrap_err();
        assert_eq!(refusal.code, Code::Unauthenticated, "a wrong credential is not as good as none");
    }

    #[test]
    fn a_shown_credential_is_not_printed() {
        let shown = Shown::of(&request(&[&format!("Bearer {}", credential())], "")).unwrap();
        assert_eq!(format!("{shown:?}"), "Bearer(***)");
    }
}
