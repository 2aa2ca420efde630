//! Reads secrets from Parameter Store and Secrets Manager: one signed POST each (AWS: "GetParameter", "GetSecretValue"),
//! by the plain HTTPS client. The SDK's clients would treble the package of a function that only signs.

use std::{
    error::Error,
    time::{Duration, SystemTime},
};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::Full;
use satchel_core::secret_reference::SecretReference;
use serde_json::{Value, json};

use crate::https::{HttpsClient, HttpsError};

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
        /// Bad credentials, as a rule.
        cause: Box<dyn Error + Send + Sync>,
    },
    /// The address of the service is none.
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
    parameters: String,
    /// Where Secrets Manager is.
    secrets: String,
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
            named(variable).or_else(|| named("AWS_ENDPOINT_URL")).unwrap_or_else(own)
        };
        let parameters = address("AWS_ENDPOINT_URL_SSM", &PARAMETER_STORE);
        let secrets = address("AWS_ENDPOINT_URL_SECRETS_MANAGER", &SECRETS_MANAGER);
        let secure = [&parameters, &secrets].iter().any(|address| address.starts_with("https:"));
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
        let signing =
            |cause: Box<dyn Error + Send + Sync>| SecretError::Signing { reference: reference.clone(), cause };
        let request = |cause| SecretError::Request { reference: reference.clone(), cause };
        let address = if service.name == PARAMETER_STORE.name { &self.parameters } else { &self.secrets };
        let body = Bytes::from(body);
        let mut post = Request::post(address.as_str())
            .header(CONTENT_TYPE, "application/x-amz-json-1.1")
            .header("x-amz-target", service.target)
            .body(body.clone())
            .map_err(request)?;
        let identity = self.credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(service.name)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| signing(error.into()))?;
        let headers = post.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let uri = post.uri().to_string();
        let signable = SignableRequest::new("POST", &uri, headers, SignableBody::Bytes(&body))
            .map_err(|error| signing(error.into()))?;
        let (instructions, _) = sign(signable, &params.into()).map_err(|error| signing(error.into()))?.into_parts();
        instructions.apply_to_request_http1x(&mut post);
        Ok(post)
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
