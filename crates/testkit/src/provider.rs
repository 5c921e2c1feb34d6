//! Identity provider for tests: keys that sign tokens, and a server that publishes the keys.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::rsa::KeyPair as RsaKeyPair;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaPublicKeyComponents,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// RSA key of the tests. It is stored, because generating one takes seconds.
const RSA_KEY: &str = include_str!("../data/rsa-2048.pk8.base64");

/// Key of the provider that signs tokens.
#[derive(Debug)]
pub struct Signer {
    id: String,
    key: Key,
}

#[derive(Debug)]
enum Key {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl Signer {
    /// Generates a key for EdDSA.
    ///
    /// # Errors
    /// The system has no random numbers; the same applies to the following functions.
    pub fn eddsa(id: &str) -> Result<Self> {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(to_error)?;
        Ok(Signer {
            id: id.to_owned(),
            key: Key::Ed25519(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).map_err(to_error)?),
        })
    }

    /// Generates a key for ES256.
    pub fn es256(id: &str) -> Result<Self> {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).map_err(to_error)?;
        let key = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).map_err(to_error)?;
        Ok(Signer { id: id.to_owned(), key: Key::P256(key) })
    }

    /// Returns the stored key for RS256.
    pub fn rs256(id: &str) -> Result<Self> {
        let pkcs8 = STANDARD.decode(RSA_KEY.replace('\n', ""))?;
        Ok(Signer { id: id.to_owned(), key: Key::Rsa(RsaKeyPair::from_pkcs8(&pkcs8).map_err(to_error)?) })
    }

    /// Returns the name of the algorithm.
    pub fn algorithm(&self) -> &'static str {
        match self.key {
            Key::Ed25519(_) => "EdDSA",
            Key::P256(_) => "ES256",
            Key::Rsa(_) => "RS256",
        }
    }

    /// Returns the public key as a JSON Web Key.
    pub fn jwk(&self) -> Value {
        let mut jwk = match &self.key {
            Key::Ed25519(key) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(key.public_key()) })
            }
            Key::P256(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                json!({
                    "kty": "EC", "crv": "P-256",
                    "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
                })
            }
            Key::Rsa(key) => {
                let RsaPublicKeyComponents::<Vec<u8>> { n, e } = key.public().into();
                json!({ "kty": "RSA", "n": URL_SAFE_NO_PAD.encode(n), "e": URL_SAFE_NO_PAD.encode(e) })
            }
        };
        jwk["kid"] = json!(self.id);
        jwk["use"] = json!("sig");
        jwk["alg"] = json!(self.algorithm());
        jwk
    }

    /// Signs a token with the header of the provider.
    ///
    /// # Errors
    /// Signing fails; the same applies to the following function.
    pub fn token(&self, claims: &Value) -> Result<String> {
        self.token_with_header(&json!({ "typ": "JWT", "alg": self.algorithm(), "kid": self.id }), claims)
    }

    /// Signs a token with a header.
    pub fn token_with_header(&self, header: &Value, claims: &Value) -> Result<String> {
        let signed = signing_input(header, claims);
        let random = SystemRandom::new();
        let signature = match &self.key {
            Key::Ed25519(key) => key.sign(signed.as_bytes()).as_ref().to_vec(),
            Key::P256(key) => key.sign(&random, signed.as_bytes()).map_err(to_error)?.as_ref().to_vec(),
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).map_err(to_error)?;
                signature
            }
        };
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// Returns a token with a signature that is computed by the caller.
pub fn token_with_signature(
    header: &Value,
    claims: &Value,
    signature: impl FnOnce(&[u8]) -> Vec<u8>,
) -> String {
    let signed = signing_input(header, claims);
    let signature = URL_SAFE_NO_PAD.encode(signature(signed.as_bytes()));
    format!("{signed}.{signature}")
}

fn signing_input(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

fn to_error(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("{error}")
}

/// HTTP server that publishes keys.
#[derive(Debug)]
pub struct Provider {
    address: SocketAddr,
    response: Arc<Mutex<(u16, String)>>,
    requests: Arc<AtomicUsize>,
    _stop: DropGuard,
}

impl Provider {
    /// Starts a provider that publishes keys.
    ///
    /// # Errors
    /// The server cannot listen.
    pub async fn start(keys: &[&Signer]) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (address, stopped) = (listener.local_addr()?, CancellationToken::new());
        let provider = Provider {
            address,
            response: Arc::default(),
            requests: Arc::default(),
            _stop: stopped.clone().drop_guard(),
        };
        provider.publish(keys);
        let (response, requests) = (Arc::clone(&provider.response), Arc::clone(&provider.requests));
        TaskTracker::new().spawn(stopped.run_until_cancelled_owned(async move {
            while let Ok((connection, _)) = listener.accept().await {
                requests.fetch_add(1, Ordering::SeqCst);
                let (status, body) = response.lock().unwrap_or_else(PoisonError::into_inner).clone();
                // A closed connection is not an error of the provider.
                let _ = answer(connection, status, &body).await;
            }
        }));
        Ok(provider)
    }

    /// Returns the address of the keys.
    pub fn jwks_url(&self) -> String {
        format!("http://{}/keys", self.address)
    }

    /// Returns the number of requests.
    pub fn request_count(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// Replaces the published keys.
    pub fn publish(&self, keys: &[&Signer]) {
        let keys: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
        self.respond_with(200, json!({ "keys": keys }).to_string());
    }

    /// Sets the response to all later requests.
    pub fn respond_with(&self, status: u16, body: String) {
        *self.response.lock().unwrap_or_else(PoisonError::into_inner) = (status, body);
    }
}

async fn answer(mut connection: TcpStream, status: u16, body: &str) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if connection.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let head = format!(
        "HTTP/1.1 {status} Test\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         location: /keys\r\nconnection: close\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes()).await?;
    connection.write_all(body.as_bytes()).await?;
    connection.shutdown().await
}
