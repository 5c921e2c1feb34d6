//! Authentication: from a credential to its principal.

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
use tokio::sync::Semaphore;

use super::cache::{CredentialHash, VerifiedCredentials};
use super::credential::{PresentedCredential, has_token_format, hash};
use super::key_format::{PresentedKey, secret_hash};
use super::one_time_code::{OneTimeCode, OneTimeCodes};
use super::readers::OpenReaders;
use crate::error::{Code, Problem};
use crate::limits::FailureRateLimiter;
use crate::main_runtime::MainRuntime;
use crate::settings::AccessSettings;

/// Maximum number of concurrent look-ups for addresses with too many failed authentications.
const THROTTLED_LOOKUPS: usize = 2;
/// Cache key of requests without a credential; not the SHA-256 of any known input.
const AUTH_DISABLED: CredentialHash = [0; 32];

/// The ports that authentication uses.
#[derive(Debug, Clone)]
pub(crate) struct AuthPorts {
    pub(crate) authentication: Arc<dyn Authentication>,
    pub(crate) tickets: Arc<dyn StreamTickets>,
    pub(crate) tokens: Option<Arc<dyn TokenVerifier>>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
}

/// Authenticator of requests.
#[derive(Debug)]
pub(crate) struct Authenticator {
    pub(super) ports: AuthPorts,
    /// Whether requests without a credential act as the first administrator.
    auth_disabled: bool,
    /// Whether a valid token of an unknown user creates the user.
    pub(super) auto_provision: bool,
    pub(super) failures: FailureRateLimiter,
    /// Places of look-ups for addresses with too many failures.
    throttled: Semaphore,
    cache: VerifiedCredentials,
    pub(super) readers: Arc<OpenReaders>,
    pub(super) codes: OneTimeCodes,
}

/// A valid credential.
pub(super) struct Verified {
    pub(super) principal: Principal,
    pub(super) expires_at: Option<Timestamp>,
    /// The API key whose use is recorded; `None` for other credentials.
    pub(super) key: Option<ApiKey>,
}

impl Authenticator {
    pub(crate) fn new(ports: AuthPorts, settings: &AccessSettings) -> Self {
        Authenticator {
            ports,
            auth_disabled: settings.auth_disabled,
            auto_provision: settings.auto_provision,
            failures: FailureRateLimiter::new(settings.failures_per_minute),
            throttled: Semaphore::new(THROTTLED_LOOKUPS),
            cache: VerifiedCredentials::default(),
            readers: Arc::default(),
            codes: OneTimeCodes::default(),
        }
    }

    /// Sets the one-time code of the first start.
    #[must_use]
    pub(crate) fn with_code(self, code: Option<OneTimeCode>) -> Self {
        Authenticator { codes: OneTimeCodes::new(code), ..self }
    }

    /// Returns the principal of a credential from a client address, from the cache or the store.
    ///
    /// # Errors
    /// `unauthenticated`; `rate_limited` after too many of these; and the problems of the store.
    pub(crate) async fn principal(
        self: &Arc<Self>,
        presented: PresentedCredential,
        from: IpAddr,
        main: &MainRuntime,
    ) -> Result<Arc<Principal>, Problem> {
        let now = self.ports.clock.now();
        // Tickets are not cached: a reconnect after the loss of rights must fail.
        let cache_key = match &presented {
            PresentedCredential::Bearer(credential) => Some(hash(credential)),
            PresentedCredential::None if self.auth_disabled => Some(AUTH_DISABLED),
            PresentedCredential::None => return Err(Problem::unauthenticated()),
            PresentedCredential::Ticket(..) => None,
        };
        if let Some(principal) = cache_key.and_then(|cache_key| self.cache.get(&cache_key, now)) {
            return Ok(principal);
        }
        // A valid credential is accepted after any number of failures from its address: users behind one address do not
        // lock each other out. The look-ups of such addresses have few permits in all, so they cannot load the store.
        let _permit = match self.failures.check(from) {
            Ok(()) => None,
            Err(_) => Some(self.throttled.acquire().await.map_err(Problem::internal)?),
        };
        // Read before the look-up, so that a principal from before a change of rights is not cached.
        let generation = self.cache.generation();
        let this = Arc::clone(self);
        let verified = match main.run(async move { this.verify(presented, now).await }).await {
            Err(problem) if problem.code == Code::Unauthenticated => {
                self.failures.record(from)?;
                return Err(problem);
            }
            verified => verified?,
        };
        let principal = Arc::new(verified.principal);
        if let Some(cache_key) = cache_key {
            self.cache.insert((cache_key, generation), Arc::clone(&principal), now, verified.expires_at);
        }
        if let Some(key) = verified.key
            && self.cache.should_record_use(key.id, key.last_used_at, now)
        {
            let this = Arc::clone(self);
            main.spawn(async move { this.record_use(key.id, now).await });
        }
        Ok(principal)
    }

    /// Clears the cache, because rights have changed.
    pub(crate) fn clear(&self) {
        self.cache.clear();
    }

    async fn verify(&self, presented: PresentedCredential, now: Timestamp) -> Result<Verified, Problem> {
        match presented {
            PresentedCredential::Bearer(token) if has_token_format(token.expose()) => {
                self.verify_token(&token, now).await
            }
            PresentedCredential::Bearer(key) => self.verify_key(&key, now).await,
            PresentedCredential::Ticket(ticket, target) => self.verify_ticket(&ticket, target, now).await,
            PresentedCredential::None => self.first_admin().await,
        }
    }

    async fn verify_key(&self, presented: &Secret, now: Timestamp) -> Result<Verified, Problem> {
        let key = PresentedKey::parse(presented.expose()).ok_or_else(Problem::unauthenticated)?;
        let record = self.ports.authentication.api_key_record(key.public_id).await?;
        // Unknown keys are compared as well, so that timing does not reveal which keys exist.
        let expected = record.as_ref().map_or([0; 32], |record| record.secret_hash);
        let is_equal = bool::from(secret_hash(key.secret).ct_eq(&expected));
        match record {
            Some(ApiKeyRecord { key, access, .. }) if is_equal => require_active(access, Some(key), now),
            _ => Err(Problem::unauthenticated()),
        }
    }

    /// Returns the principal of requests without a credential, if authentication is disabled.
    async fn first_admin(&self) -> Result<Verified, Problem> {
        let access = self.ports.authentication.first_admin().await?.ok_or_else(Problem::unauthenticated)?;
        Ok(Verified { principal: access.principal(Credential::Process), expires_at: None, key: None })
    }

    async fn record_use(&self, key: ApiKeyId, now: Timestamp) {
        if let Err(error) = self.ports.authentication.touch_api_key(key, now).await {
            tracing::warn!(%error, %key, "recording the last use of an API key failed");
        }
    }
}

/// Returns the principal of an active user with a valid key, or with a token if `key` is `None`.
pub(super) fn require_active(
    access: UserAccess,
    key: Option<ApiKey>,
    now: Timestamp,
) -> Result<Verified, Problem> {
    let is_live = key.as_ref().is_none_or(|key| key.is_live(now));
    if !is_live || access.user.status != UserStatus::Active {
        return Err(Problem::unauthenticated());
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
    use causerie_memory_store::MemoryKeys;
    use futures_util::FutureExt as _;

    use super::*;
    use crate::testing::{FixedClock, SECRET, ports, record};

    fn credential() -> String {
        format!("csr_abcdefABC123_{SECRET}")
    }

    fn request(headers: &[&str], query: &str) -> HttpRequest {
        let request = TestRequest::with_uri(&format!("/me{query}"));
        let append = |request: TestRequest, value: &&str| request.append_header(("authorization", *value));
        headers.iter().fold(request, append).to_http_request()
    }

    const LOCALHOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn authenticator(keys: &Arc<MemoryKeys>, settings: &AccessSettings) -> Arc<Authenticator> {
        Arc::new(Authenticator::new(ports(keys), settings))
    }

    async fn authenticate(
        keys: &Arc<MemoryKeys>,
        presented: Result<PresentedCredential, Problem>,
    ) -> Result<Arc<Principal>, Problem> {
        let authenticator = authenticator(keys, &AccessSettings::default());
        authenticator.principal(presented?, LOCALHOST, &MainRuntime::current()).await
    }

    #[tokio::test]
    async fn a_valid_key_yields_its_principal() {
        let keys = Arc::new(MemoryKeys::of(vec![record()]));
        for scheme in ["Bearer", "bearer", "BEARER"] {
            let presented = PresentedCredential::of(&request(&[&format!("{scheme} {}", credential())], ""));
            assert_eq!(authenticate(&keys, presented).await.unwrap().user, record().access.user);
        }
    }

    #[tokio::test]
    async fn every_invalid_credential_gets_the_same_response() {
        let good = format!("Bearer {}", credential());
        let now = FixedClock.now();
        let refused = async |record: ApiKeyRecord, headers: &[&str], query: &str| {
            let refusal = authenticate(
                &Arc::new(MemoryKeys::of(vec![record])),
                PresentedCredential::of(&request(headers, query)),
            )
            .await
            .unwrap_err();
            assert_eq!(refusal.code, Code::Unauthenticated, "{headers:?} {query}");
            let answer = refusal.render(Some("r"));
            assert_eq!(answer.headers().get("www-authenticate").unwrap(), "Bearer");
            let body = actix_web::body::to_bytes(answer.into_body()).await.unwrap();
            let expected = Problem::unauthenticated().render(Some("r")).into_body();
            assert_eq!(body, actix_web::body::to_bytes(expected).await.unwrap());
        };
        let with_key = |change: &dyn Fn(&mut ApiKey)| {
            let mut record = record();
            change(&mut record.key);
            record
        };
        refused(record(), &[], "").await;
        refused(record(), &["Bearer"], "").await;
        refused(record(), &["Bearer nonsense"], "").await;
        refused(record(), &[&format!("Basic {}", credential())], "").await;
        refused(record(), &[&good, &good], "").await;
        refused(record(), &[&good.replace("abcdef", "ABCDEF")], "").await;
        refused(record(), &[&good.replace('s', "S").replace("cSr", "csr")], "").await;
        refused(record(), &[], &format!("?api_key={}", credential())).await;
        refused(record(), &[&good], &format!("?x=1&token={}", credential())).await;
        refused(record(), &[&good], &format!("?%63%73r{}", &credential()[3..])).await;
        refused(record(), &[&good], &format!("?Bearer%20{}", credential())).await;
        refused(record(), &[&good], "?x=eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.").await;
        refused(record(), &[&good], "?eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.c2ln=%ff").await;
        refused(record(), &["Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ."], "").await;
        refused(with_key(&|key| key.expires_at = Some(now)), &[&good], "").await;
        refused(with_key(&|key| key.revoked_at = Some(now)), &[&good], "").await;
        let mut disabled = record();
        disabled.access.user.status = UserStatus::Disabled;
        refused(disabled, &[&good], "").await;
    }

    #[tokio::test]
    async fn a_verified_credential_is_not_looked_up_again_at_once() {
        let keys = Arc::new(MemoryKeys::of(vec![record()]));
        let authenticator = authenticator(&keys, &AccessSettings::default());
        let main = MainRuntime::current();
        for _ in 0..3 {
            let presented =
                PresentedCredential::of(&request(&[&format!("Bearer {}", credential())], "")).unwrap();
            authenticator.principal(presented, LOCALHOST, &main).await.unwrap();
        }
        main.finished().await;
        assert_eq!(keys.lookups(), 1);
        assert_eq!(keys.touches(), [FixedClock.now()]);
    }

    #[tokio::test]
    async fn a_failed_lookup_is_not_a_wrong_key() {
        let presented = PresentedCredential::of(&request(&[&format!("Bearer {}", credential())], ""));
        let refusal = authenticate(&Arc::new(MemoryKeys::unreachable()), presented).await.unwrap_err();
        assert_eq!(refusal.code, Code::StoreUnavailable);
    }

    #[tokio::test]
    async fn too_many_failures_limit_wrong_credentials_and_no_valid_ones() {
        let keys = Arc::new(MemoryKeys::of(vec![record()]));
        let settings =
            AccessSettings { failures_per_minute: NonZeroU32::new(2), ..AccessSettings::default() };
        let authenticator = authenticator(&keys, &settings);
        let main = MainRuntime::current();
        let authenticate = async |credential: &str, from: IpAddr| {
            let presented =
                PresentedCredential::of(&request(&[&format!("Bearer {credential}")], "")).unwrap();
            authenticator.principal(presented, from, &main).await.map_err(|problem| problem.code)
        };
        let other_address = IpAddr::from([192, 0, 2, 7]);
        let wrong = credential().replace("abcdef", "ABCDEF");
        assert!(authenticate(&credential(), LOCALHOST).await.is_ok());
        for expected in [Code::Unauthenticated, Code::Unauthenticated, Code::RateLimited] {
            assert_eq!(authenticate(&wrong, LOCALHOST).await, Err(expected));
        }
        assert!(authenticate(&credential(), LOCALHOST).await.is_ok(), "a cached credential is not limited");
        authenticator.clear();
        assert!(authenticate(&credential(), LOCALHOST).await.is_ok(), "a valid credential is not limited");
        authenticator.clear();
        // All permits for look-ups of such addresses are taken.
        let permits = authenticator.throttled.acquire_many(2).await.unwrap();
        assert!(authenticate(&credential(), LOCALHOST).now_or_never().is_none());
        assert!(authenticate(&credential(), other_address).await.is_ok());
        drop(permits);
        assert_eq!(authenticate(&wrong, LOCALHOST).await, Err(Code::RateLimited));
        assert!(authenticate(&credential(), other_address).await.is_ok());
        assert_eq!(
            authenticate(&wrong, other_address).await,
            Err(Code::Unauthenticated),
            "each address is counted separately"
        );
    }

    #[tokio::test]
    async fn with_authentication_disabled_requests_act_as_the_first_administrator() {
        let mut admin = record();
        admin.access.user.role = Role::Admin;
        let keys = Arc::new(MemoryKeys::of(vec![record(), admin.clone()]));
        let settings = AccessSettings { auth_disabled: true, ..AccessSettings::default() };
        let authenticator = authenticator(&keys, &settings);
        let main = MainRuntime::current();
        let admin_access =
            authenticator.principal(PresentedCredential::None, LOCALHOST, &main).await.unwrap();
        assert_eq!(
            (&admin_access.user, &admin_access.credential),
            (&admin.access.user, &Credential::Process)
        );
        let wrong = PresentedCredential::of(&request(&["Bearer nonsense"], "")).unwrap();
        let refusal = authenticator.principal(wrong, LOCALHOST, &main).await.unwrap_err();
        assert_eq!(
            refusal.code,
            Code::Unauthenticated,
            "a wrong credential is refused even if authentication is disabled"
        );
    }

    #[test]
    fn a_credential_is_not_printed() {
        let presented =
            PresentedCredential::of(&request(&[&format!("Bearer {}", credential())], "")).unwrap();
        assert_eq!(format!("{presented:?}"), "Bearer(***)");
    }
}
