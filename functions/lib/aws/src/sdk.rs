//! AWS's own settings: region, endpoint, credentials, retries, certificates. They are read by aws-config, so that they mean
//! what they mean to any AWS tool (AWS: "AWS SDKs and Tools Reference Guide", settings reference).

use std::{error::Error, fs, io, net::IpAddr, sync::OnceLock};

pub use aws_config::SdkConfig;
use aws_config::{
    BehaviorVersion, ConfigLoader, Region, defaults,
    environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider},
};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider, error::CredentialsError},
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::http::{HttpClient, SharedHttpClient, http_client_fn};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use satchel_core::base_url::{BaseUrl, BaseUrlError};
use url::{Host, Url};
use webpki::anchor_from_trusted_cert;

use satchel_telemetry::environment::environment;

/// Certificates that count instead of the machine's, which aws-config does not read.
const CA_BUNDLE: &str = "AWS_CA_BUNDLE";

/// Why AWS's settings are of no use.
#[derive(Debug, thiserror::Error)]
pub enum SdkError {
    /// No region.
    #[error("AWS_REGION: missing; the bucket's region, such as eu-central-1 (Lambda sets it itself)")]
    Region,
    /// An endpoint that cannot be one.
    #[error("{name}: {cause}")]
    Endpoint {
        /// The variable. Its value may have a password in it.
        name: &'static str,
        /// What is wrong with it.
        cause: BaseUrlError,
    },
    /// No credentials.
    #[error(
        "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (Lambda sets them itself), or a profile: {0}"
    )]
    Credentials(#[from] CredentialsError),
    /// Certificates that are none.
    #[error("{CA_BUNDLE}: {file}: {cause}; name a file of certificates in PEM, or unset it")]
    CaBundle {
        /// The file.
        file: String,
        /// What is wrong with it.
        cause: io::Error,
    },
}

/// Where a function finds them on Lambda: in its environment. The default chain would look for profiles and instances, and
/// take six milliseconds of each start.
///
/// # Errors
/// See [`SdkError`].
pub async fn of_lambda() -> Result<SdkConfig, SdkError> {
    let loader = base(environment)?
        .region(EnvironmentVariableRegionProvider::new())
        .credentials_provider(EnvironmentVariableCredentialsProvider::new());
    checked(loader.load().await).await
}

/// Where any AWS tool on this machine finds them: environment, profiles, SSO, containers, instances. What `given` has counts
/// before the process's own environment.
///
/// # Errors
/// See [`SdkError`].
pub async fn of_machine(given: impl Fn(&str) -> Option<String>) -> Result<SdkConfig, SdkError> {
    let given = |name: &str| given(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    let mut loader = base(given)?;
    if let Some(region) = given("AWS_REGION").or_else(|| given("AWS_DEFAULT_REGION")) {
        loader = loader.region(Region::new(region));
    }
    if let (Some(access_key), Some(secret_key)) = (given("AWS_ACCESS_KEY_ID"), given("AWS_SECRET_ACCESS_KEY")) {
        let token = given("AWS_SESSION_TOKEN");
        loader = loader.credentials_provider(Credentials::new(access_key, secret_key, token, None, "environment"));
    }
    if let Some(endpoint) = given("AWS_ENDPOINT_URL_S3").or_else(|| given("AWS_ENDPOINT_URL")) {
        if is_here(&endpoint) {
            // Both sides have one clock; what is corrected by an answer from before a step is wrong after it.
            loader = loader.disable_clock_skew_correction(true);
        }
        loader = loader.endpoint_url(endpoint);
    }
    checked(loader.load().await).await
}

/// Settings that are known: no other is looked for.
#[must_use]
pub fn of_known(region: &str, credentials: Credentials, endpoint: Option<&str>) -> SdkConfig {
    let mut known = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(region.to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http_client(TrustStore::default()))
        .disable_clock_skew_correction(endpoint.is_some_and(is_here));
    known.set_endpoint_url(endpoint.map(str::to_owned));
    known.build()
}

fn base(lookup: impl Fn(&str) -> Option<String>) -> Result<ConfigLoader, SdkError> {
    for name in ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"] {
        if let Some(value) = lookup(name).filter(|value| !value.trim().is_empty()) {
            value.trim().parse::<BaseUrl>().map_err(|cause| SdkError::Endpoint { name, cause })?;
        }
    }
    let trusted = match lookup(CA_BUNDLE).filter(|file| !file.is_empty()) {
        Some(file) => trust(&file).map_err(|cause| SdkError::CaBundle { file, cause })?,
        None => TrustStore::default(),
    };
    Ok(defaults(BehaviorVersion::v2026_01_12()).http_client(http_client(trusted)))
}

/// The SDK's own client, which is made with the first request rather than at the start: reading the machine's certificates
/// takes longer than all the rest of one.
fn http_client(trusted: TrustStore) -> SharedHttpClient {
    let made = OnceLock::new();
    http_client_fn(move |settings, components| {
        let client = made.get_or_init(|| {
            let tls = TlsContext::builder().with_trust_store(trusted.clone()).build();
            let tls = tls.unwrap_or_else(|error| unreachable!("it has a trust store and nothing else: {error}"));
            Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).tls_context(tls).build_https()
        });
        client.http_connector(settings, components)
    })
}

/// The client would panic with its first request.
fn trust(file: &str) -> io::Result<TrustStore> {
    let pem = fs::read(file)?;
    let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.map_err(|error| invalid(error.to_string()))?;
    if certificates.is_empty() {
        return Err(invalid("it has no certificate"));
    }
    for certificate in &certificates {
        anchor_from_trusted_cert(certificate).map_err(|error| invalid(format!("a certificate is none: {error}")))?;
    }
    Ok(TrustStore::empty().with_pem_certificate(pem))
}

fn invalid(problem: impl Into<Box<dyn Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

/// What would otherwise be said with the first request.
async fn checked(config: SdkConfig) -> Result<SdkConfig, SdkError> {
    if config.region().is_none_or(|region| region.as_ref().is_empty()) {
        return Err(SdkError::Region);
    }
    if let Some(provider) = config.credentials_provider() {
        provider.provide_credentials().await?;
    }
    Ok(config)
}

fn is_here(endpoint: &str) -> bool {
    match Url::parse(endpoint).ok().as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => is_local(address.into()),
        Some(Host::Ipv6(address)) => is_local(address.into()),
        None => false,
    }
}

fn is_local(address: IpAddr) -> bool {
    address.is_loopback() || address.is_unspecified()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn of(variables: &[(&str, &str)]) -> Result<SdkConfig, SdkError> {
        let keys = [("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret")];
        let known = [keys.as_slice(), variables].concat();
        of_machine(|name| known.iter().rfind(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())).await
    }

    #[tokio::test]
    async fn region_endpoint_and_credentials_are_those_of_the_environment() {
        let config = of(&[("AWS_REGION", "eu-central-1"), ("AWS_ENDPOINT_URL", "http://127.0.0.1:9")]).await.unwrap();
        assert_eq!(config.region().unwrap().as_ref(), "eu-central-1");
        assert_eq!(config.endpoint_url(), Some("http://127.0.0.1:9"));
        assert_eq!(config.disable_clock_skew_correction(), Some(true));
        let credentials = config.credentials_provider().unwrap().provide_credentials().await.unwrap();
        assert_eq!(credentials.access_key_id(), "key");
    }

    #[tokio::test]
    async fn what_cannot_work_is_said_at_the_start() {
        let region = ("AWS_REGION", "eu-central-1");
        let secret = "https://me:hunter2@s3.example.org";
        for endpoint in ["127.0.0.1:9000", "ftp://me:hunter2@127.0.0.1/", "https://", "no url", "https://x/?a", secret]
        {
            let error = of(&[region, ("AWS_ENDPOINT_URL_S3", endpoint)]).await.unwrap_err();
            assert!(matches!(error, SdkError::Endpoint { name: "AWS_ENDPOINT_URL_S3", .. }), "{endpoint}: {error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        let folder = tempfile::tempdir().unwrap();
        let hollow = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (name, text) in [
            ("none.pem", None),
            ("empty.pem", Some("")),
            ("other.pem", Some("no certificate")),
            ("hollow.pem", Some(hollow)),
        ] {
            let file = folder.path().join(name);
            text.iter().for_each(|text| fs::write(&file, text).unwrap());
            let error = of(&[region, (CA_BUNDLE, file.to_str().unwrap())]).await.unwrap_err();
            assert!(error.to_string().starts_with("AWS_CA_BUNDLE: "), "{error}");
        }
    }

    #[test]
    fn an_endpoint_is_here_or_elsewhere() {
        for here in ["http://127.0.0.1:9000", "http://[::1]/", "https://localhost:1", "http://0.0.0.0"] {
            assert!(is_here(here), "{here}");
        }
        for elsewhere in ["https://s3.example.org", "http://192.0.2.1", "https://localhost.example.org", "none"] {
            assert!(!is_here(elsewhere), "{elsewhere}");
        }
    }
}
