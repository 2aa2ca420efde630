//! The cryptography of TLS.

use rustls::{
    Error, SignatureScheme,
    crypto::{
        CryptoProvider, GetRandomFailed, KeyProvider, SecureRandom, WebPkiSupportedAlgorithms,
        ring::{
            cipher_suite::{TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384},
            default_provider,
            kx_group::{SECP256R1, SECP384R1},
        },
    },
    pki_types::{PrivateKeyDer, SignatureVerificationAlgorithm},
    sign::SigningKey,
};
use std::sync::Arc;
use webpki::ring::{
    ECDSA_P256_SHA256, ECDSA_P256_SHA384, ECDSA_P384_SHA256, ECDSA_P384_SHA384, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    RSA_PSS_2048_8192_SHA384_LEGACY_KEY, RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
};

/// All there is, or what every peer of TLS 1.3 must have.
pub(crate) fn provider() -> CryptoProvider {
    if cfg!(feature = "tls12") { default_provider() } else { mandatory() }
}

/// What RFC 8446, section 9.1, demands of every peer, and the next larger of each kind. Curve25519, Ed25519 and ChaCha20
/// would be 90 KB of a package.
pub(crate) fn mandatory() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384],
        kx_groups: vec![SECP256R1, SECP384R1],
        signature_verification_algorithms: SIGNATURES,
        secure_random: &Machine,
        key_provider: &Machine,
    }
}

static SIGNATURES: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms { all: ALL, mapping: BY_SCHEME };

static ALL: &[&dyn SignatureVerificationAlgorithm] = &[
    ECDSA_P256_SHA256,
    ECDSA_P256_SHA384,
    ECDSA_P384_SHA256,
    ECDSA_P384_SHA384,
    RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
    RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512,
];

type Scheme = (SignatureScheme, &'static [&'static dyn SignatureVerificationAlgorithm]);

/// In TLS 1.3 a scheme names its curve.
static BY_SCHEME: &[Scheme] = &[
    (SignatureScheme::ECDSA_NISTP256_SHA256, &[ECDSA_P256_SHA256]),
    (SignatureScheme::ECDSA_NISTP384_SHA384, &[ECDSA_P384_SHA384]),
    (SignatureScheme::RSA_PSS_SHA256, &[RSA_PSS_2048_8192_SHA256_LEGACY_KEY]),
    (SignatureScheme::RSA_PSS_SHA384, &[RSA_PSS_2048_8192_SHA384_LEGACY_KEY]),
    (SignatureScheme::RSA_PSS_SHA512, &[RSA_PSS_2048_8192_SHA512_LEGACY_KEY]),
    (SignatureScheme::RSA_PKCS1_SHA256, &[RSA_PKCS1_2048_8192_SHA256]),
    (SignatureScheme::RSA_PKCS1_SHA384, &[RSA_PKCS1_2048_8192_SHA384]),
    (SignatureScheme::RSA_PKCS1_SHA512, &[RSA_PKCS1_2048_8192_SHA512]),
];

/// The machine's own randomness; no keys, as clients here have no certificates.
#[derive(Debug)]
struct Machine;

impl SecureRandom for Machine {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        getrandom::fill(bytes).map_err(|_| GetRandomFailed)
    }
}

impl KeyProvider for Machine {
    fn load_private_key(&self, _: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        Err(Error::General("a client without a certificate has no key".into()))
    }
}
