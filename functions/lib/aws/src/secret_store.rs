//! Reads secrets from Parameter Store and Secrets Manager (AWS: "GetParameter", "GetSecretValue").

use std::{sync::OnceLock, time::Duration};

use aws_config::{SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_secretsmanager::{error::SdkError, operation::get_secret_value::GetSecretValueError};
use aws_sdk_ssm::error::ProvideErrorMetadata;
use satchel_core::secret_reference::SecretReference;

use crate::log;

/// Both services answer in milliseconds; a request waits behind this.
const DEADLINE: Duration = Duration::from_secs(3);
/// The SDK's own first pause, a second, is most of that.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Why a secret could not be read. The message is for the log: it has names in it, and no values.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// It is not there, or not for this function; or nobody has answered.
    #[error("{reference:?} could not be read: {cause}; create it, and check the role's permissions")]
    Refused {
        /// What was asked for.
        reference: SecretReference,
        /// What the service answered, or why it did not.
        cause: String,
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
    sdk: SdkConfig,
    /// Each client is made when it is needed: most functions need one of them, and making both takes longer.
    parameters: OnceLock<aws_sdk_ssm::Client>,
    secrets: OnceLock<aws_sdk_secretsmanager::Client>,
}

impl SecretStore {
    /// The services of this region, or at the addresses that AWS's settings name.
    #[must_use]
    pub fn new(sdk: &SdkConfig) -> Self {
        let timeouts = TimeoutConfig::builder().connect_timeout(DEADLINE).operation_timeout(DEADLINE).build();
        let retries = sdk.retry_config().cloned().unwrap_or_else(RetryConfig::standard);
        let retries = retries.with_initial_backoff(FIRST_PAUSE);
        let sdk = sdk.to_builder().timeout_config(timeouts).retry_config(retries).build();
        Self { sdk, parameters: OnceLock::new(), secrets: OnceLock::new() }
    }

    fn parameters(&self) -> &aws_sdk_ssm::Client {
        self.parameters.get_or_init(|| aws_sdk_ssm::Client::new(&self.sdk))
    }

    fn secrets(&self) -> &aws_sdk_secretsmanager::Client {
        self.secrets.get_or_init(|| aws_sdk_secretsmanager::Client::new(&self.sdk))
    }

    /// Reads the lines of a secret, the current one first. A secret of Secrets Manager that has been rotated has the
    /// previous version behind the current one.
    ///
    /// # Errors
    /// See [`SecretError`].
    pub async fn read(&self, reference: &SecretReference) -> Result<String, SecretError> {
        match reference {
            SecretReference::Parameter(name) => {
                let read = self.parameters().get_parameter().name(name).with_decryption(true).send().await;
                let read = read.map_err(|error| refused(reference, &error))?;
                text(reference, read.parameter.and_then(|parameter| parameter.value))
            }
            SecretReference::Secret(name) => {
                let current = self.secrets().get_secret_value().secret_id(name).send().await;
                let current = current.map_err(|error| refused(reference, &error))?;
                let current = text(reference, current.secret_string)?;
                let previous = self.secrets().get_secret_value().secret_id(name).version_stage("AWSPREVIOUS");
                match previous.send().await {
                    Ok(read) => Ok(format!("{current}\n{}", text(reference, read.secret_string)?)),
                    // Never rotated.
                    Err(error) if is_unknown(&error) => Ok(current),
                    Err(error) => Err(refused(reference, &error)),
                }
            }
        }
    }
}

fn is_unknown(error: &SdkError<GetSecretValueError>) -> bool {
    error.as_service_error().is_some_and(GetSecretValueError::is_resource_not_found_exception)
}

/// The service's own word, or why there is none. Never the answer itself, which has a secret in it.
fn refused<E, R>(reference: &SecretReference, error: &SdkError<E, R>) -> SecretError
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
    R: std::fmt::Debug,
{
    let cause = match error {
        SdkError::ServiceError(refusal) => refusal.err().meta().to_string(),
        SdkError::ResponseError(_) => "the answer could not be read".to_owned(),
        other => log::chain(other),
    };
    SecretError::Refused { reference: reference.clone(), cause }
}

fn text(reference: &SecretReference, value: Option<String>) -> Result<String, SecretError> {
    value.ok_or_else(|| SecretError::NoText { reference: reference.clone() })
}
