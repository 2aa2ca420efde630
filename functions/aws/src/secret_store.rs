//! Reads secrets from Parameter Store and Secrets Manager: one signed POST each (AWS: "GetParameter", "GetSecretValue"),
//! by the plain HTTPS client. The SDK's clients would treble the package of a function that only signs.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_smithy_types::date_time::DateTimeFormatError;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use satchel_core::{
    base_url::{BaseUrl, BaseUrlError},
    secret_reference::SecretReference,
};
use satchel_https::{HttpsClient, HttpsError};
use serde_json::{Value, json};

use crate::{clock::Clock, sigv4::Post};

/// Both services answer in milliseconds; a request waits behind this.
const DEADLINE: Duration = Duration::from_secs(3);

/// Why a secret could not be read. The message is for the log: it has names in it, and no values.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The request could not be signed.
    #[error("the request for {reference:?} could not be signed: {cause}")]
    Signing {
        /// What was asked for.
        reference: SecretReference,
        /// The clock is far off.
        cause: DateTimeFormatError,
    },
    /// The address of the service is none.
    #[error("{reference:?} could not be read: the service's address {cause}")]
    Address {
        /// What was asked for.
        reference: SecretReference,
        /// What is wrong with it.
        cause: BaseUrlError,
    },
    /// Credentials that no header can carry.
    #[error("the request for {reference:?} could not be made: {cause}")]
    Request {
        /// What was asked for.
        reference: SecretReference,
        /// What is wrong with it.
        cause: http::Error,
    },
    /// No answer.
    #[error("{reference:?} could not be read: {cause}")]
    Https {
        /// What was asked for.
        reference: SecretReference,
        /// What went wrong.
        cause: HttpsError,
    },
    /// It is not there, or not for this function.
    #[error("{reference:?} could not be read: {status} {kind}; create it, and check the role's permissions")]
    Refused {
        /// What was asked for.
        reference: SecretReference,
        /// What the service answered.
        status: StatusCode,
        /// Its name for it, such as `AccessDeniedException`.
        kind: String,
    },
    /// An answer without a text in it.
    #[error("{reference:?} holds no text")]
    NoText {
        /// What was asked for.
        reference: SecretReference,
    },
}

/// Both services in one region.
#[derive(Debug, Clone)]
pub struct SecretStore {
    credentials: Credentials,
    region: String,
    /// Where Parameter Store is.
    parameters: Result<BaseUrl, BaseUrlError>,
    /// Where Secrets Manager is.
    secrets: Result<BaseUrl, BaseUrlError>,
    https: HttpsClient,
}

/// One of the services: the name that is signed for, and the prefix of its operations.
struct Service {
    name: &'static str,
    target: &'static str,
}

const PARAMETER_STORE: Service = Service { name: "ssm", target: "AmazonSSM.GetParameter" };
const SECRETS_MANAGER: Service = Service { name: "secretsmanager", target: "secretsmanager.GetSecretValue" };

impl SecretStore {
    /// The services at the addresses that the environment names, else AWS's own.
    #[must_use]
    pub fn new(credentials: Credentials, region: &str, lookup: impl Fn(&str) -> Option<String>) -> Self {
        let named = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let address = |variable: &str, service: &Service| {
            let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
            let own = || format!("https://{}.{region}.amazonaws.com{suffix}", service.name);
            let address = named(variable).or_else(|| named("AWS_ENDPOINT_URL")).unwrap_or_else(own);
            address.parse().and_then(BaseUrl::endpoint)
        };
        let parameters = address("AWS_ENDPOINT_URL_SSM", &PARAMETER_STORE);
        let secrets = address("AWS_ENDPOINT_URL_SECRETS_MANAGER", &SECRETS_MANAGER);
        let secure = [&parameters, &secrets].into_iter().flatten().any(BaseUrl::is_secure);
        Self { credentials, region: region.to_owned(), parameters, secrets, https: HttpsClient::new(secure) }
    }

    /// Reads the lines of a secret, the current one first. A secret of Secrets Manager that has been rotated has the
    /// previous version behind the current one.
    ///
    /// # Errors
    /// See [`SecretError`].
    pub async fn read(&self, reference: &SecretReference) -> Result<String, SecretError> {
        match reference {
            SecretReference::Parameter(name) => {
                let asked = json!({"Name": name, "WithDecryption": true});
                let answer = self.ask(reference, &PARAMETER_STORE, &asked).await?;
                text(reference, answer.pointer("/Parameter/Value"))
            }
            SecretReference::Secret(name) => {
                let answer = self.ask(reference, &SECRETS_MANAGER, &json!({"SecretId": name})).await?;
                let current = text(reference, answer.get("SecretString"))?;
                let asked = json!({"SecretId": name, "VersionStage": "AWSPREVIOUS"});
                match self.ask(reference, &SECRETS_MANAGER, &asked).await {
                    Ok(answer) => Ok(format!("{current}\n{}", text(reference, answer.get("SecretString"))?)),
                    // Never rotated.
                    Err(SecretError::Refused { kind, .. }) if kind == "ResourceNotFoundException" => Ok(current),
                    Err(error) => Err(error),
                }
            }
        }
    }

    async fn ask(&self, reference: &SecretReference, service: &Service, body: &Value) -> Result<Value, SecretError> {
        let request = self.signed(reference, service, body.to_string())?;
        let answered = self.https.send(request.map(Full::new), DEADLINE).await;
        let response = answered.map_err(|cause| SecretError::Https { reference: reference.clone(), cause })?;
        let answer: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        match response.status() {
            StatusCode::OK => Ok(answer),
            status => {
                Err(SecretError::Refused { reference: reference.clone(), status, kind: kind(&response, &answer) })
            }
        }
    }

    fn signed(
        &self,
        reference: &SecretReference,
        service: &Service,
        body: String,
    ) -> Result<Request<Bytes>, SecretError> {
        let request = |cause| SecretError::Request { reference: reference.clone(), cause };
        let address = if service.name == PARAMETER_STORE.name { &self.parameters } else { &self.secrets };
        let address =
            address.as_ref().map_err(|cause| SecretError::Address { reference: reference.clone(), cause: *cause })?;
        let body = Bytes::from(body);
        let post = Post {
            service: service.name,
            region: &self.region,
            headers: vec![
                ("content-type", "application/x-amz-json-1.1"),
                ("host", address.authority()),
                ("x-amz-target", service.target),
            ],
            body: &body,
        };
        let signed = post.signed(&self.credentials, Clock::System.now());
        let signed = signed.map_err(|cause| SecretError::Signing { reference: reference.clone(), cause })?;
        let post =
            signed.into_iter().fold(Request::post(address.to_string()), |post, (name, value)| post.header(name, value));
        post.body(body).map_err(request)
    }
}

/// What went wrong, by the service's name: in a header, or in the body with a namespace before it.
fn kind(response: &Response<Bytes>, answer: &Value) -> String {
    let header = response.headers().get("x-amzn-errortype").and_then(|value| value.to_str().ok());
    let named = header.or_else(|| answer["__type"].as_str()).unwrap_or_default();
    let named = named.split(':').next().unwrap_or_default();
    named.rsplit('#').next().unwrap_or_default().to_owned()
}

fn text(reference: &SecretReference, value: Option<&Value>) -> Result<String, SecretError> {
    let text = value.and_then(Value::as_str).map(str::to_owned);
    text.ok_or_else(|| SecretError::NoText { reference: reference.clone() })
}
