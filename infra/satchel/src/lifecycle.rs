//! The bucket's lifecycle rules: the very ones of template.yaml, which CloudFormation gives to a bucket at AWS.

use saphyr::{LoadableYamlNode, ScanError, Yaml};
use satchel_folder::LifecycleRule;

const TEMPLATE: &str = include_str!("../../../template.yaml");

/// Why the template's rules cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// It is no YAML.
    #[error("template.yaml cannot be read: {0}")]
    Yaml(#[from] ScanError),
    /// It has no such rules, or says something of them that is not understood here.
    #[error("template.yaml has a lifecycle rule that cannot be followed here: {0}")]
    Rule(String),
    /// Days that are none.
    #[error("{0} days: a lifecycle rule needs a whole number from 1 to 36500")]
    Days(String),
}

/// A template, read.
pub struct Template {
    root: Yaml<'static>,
}

/// A number that is left to whoever deploys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// The variable by which the functions know it.
    pub variable: String,
    /// Its value where none is given.
    pub default: String,
}

impl Template {
    /// The repository's, as it was when this program was built.
    ///
    /// # Errors
    /// See [`TemplateError`].
    pub fn own() -> Result<Self, TemplateError> {
        Self::parse(TEMPLATE)
    }

    fn parse(text: &str) -> Result<Self, TemplateError> {
        let documents = Yaml::load_from_str(text)?;
        let root = documents.into_iter().next().ok_or_else(|| TemplateError::Rule("none at all".into()))?;
        Ok(Self { root })
    }

    /// The parameters that the rules name.
    ///
    /// # Errors
    /// See [`TemplateError`].
    pub fn parameters(&self) -> Result<Vec<Parameter>, TemplateError> {
        let days = self.configured()?.iter().filter_map(|rule| reference(rule.as_mapping_get("ExpirationInDays")?));
        days.map(|name| self.parameter(name)).collect()
    }

    /// The rules, with the values of `variable` for the parameters that they name.
    ///
    /// # Errors
    /// See [`TemplateError`].
    pub fn rules(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Vec<LifecycleRule>, TemplateError> {
        let resolve = |days: &Yaml<'_>| match reference(days) {
            Some(name) => {
                let parameter = self.parameter(name)?;
                days_of(&variable(&parameter.variable).unwrap_or(parameter.default))
            }
            None => days_of(&text(days).unwrap_or_default()),
        };
        let enabled = self.configured()?.iter().filter(|rule| string(rule, "Status") == Some("Enabled"));
        enabled.map(|rule| read(rule, resolve)).collect()
    }

    fn configured(&self) -> Result<&Vec<Yaml<'static>>, TemplateError> {
        let path = ["Resources", "Bucket", "Properties", "LifecycleConfiguration", "Rules"];
        let rules = path.iter().try_fold(&self.root, |node, key| node.as_mapping_get(key));
        rules.and_then(Yaml::as_sequence).ok_or_else(|| TemplateError::Rule("none at all".into()))
    }

    /// Its default, and the variable that some function gets it by.
    fn parameter(&self, name: &str) -> Result<Parameter, TemplateError> {
        let missing = || TemplateError::Rule(format!("no function gets the parameter {name}, or it has no default"));
        let default = get(&self.root, &["Parameters", name, "Default"]).and_then(text).ok_or_else(missing)?;
        let resources = get(&self.root, &["Resources"]).and_then(Yaml::as_mapping).ok_or_else(missing)?;
        let given = |resource| get(resource, &["Properties", "Environment", "Variables"])?.as_mapping();
        let mut variables = resources.values().filter_map(given).flatten();
        let variable = variables.find(|(_, value)| reference(value) == Some(name)).and_then(|(key, _)| key.as_str());
        Ok(Parameter { variable: variable.ok_or_else(missing)?.to_owned(), default })
    }
}

fn get<'y>(node: &'y Yaml<'static>, path: &[&str]) -> Option<&'y Yaml<'static>> {
    path.iter().try_fold(node, |node, key| node.as_mapping_get(key))
}

fn string<'y>(node: &'y Yaml<'_>, key: &str) -> Option<&'y str> {
    node.as_mapping_get(key)?.as_str()
}

/// A number or a string, as it would be written.
fn text(node: &Yaml<'_>) -> Option<String> {
    node.as_integer().map(|number| number.to_string()).or_else(|| node.as_str().map(str::to_owned))
}

/// The name in `!Ref Name`.
fn reference<'y>(node: &'y Yaml<'_>) -> Option<&'y str> {
    match node {
        Yaml::Tagged(tag, name) if tag.handle == "!" && tag.suffix == "Ref" => name.as_str(),
        _ => None,
    }
}

/// One rule. What is not understood is not passed over: it may be what keeps a file.
fn read(
    rule: &Yaml<'_>,
    days: impl Fn(&Yaml<'_>) -> Result<u32, TemplateError>,
) -> Result<LifecycleRule, TemplateError> {
    let mut read = LifecycleRule::default();
    let unknown = |what: &str| TemplateError::Rule(what.to_owned());
    for (key, value) in rule.as_mapping().ok_or_else(|| unknown("not a mapping"))? {
        match (key.as_str().unwrap_or_default(), value.as_str()) {
            ("Id", Some(id)) => id.clone_into(&mut read.id),
            ("Prefix", Some(prefix)) => prefix.clone_into(&mut read.prefix),
            ("Status", _) => {}
            ("ExpirationInDays", _) => read.expire_after_days = Some(days(value)?),
            ("AbortIncompleteMultipartUpload", _) => {
                let after = value.as_mapping_get("DaysAfterInitiation");
                read.abort_after_days = Some(days(after.ok_or_else(|| unknown("without DaysAfterInitiation"))?)?);
            }
            (key, _) => return Err(unknown(key)),
        }
    }
    Ok(read)
}

fn days_of(text: &str) -> Result<u32, TemplateError> {
    let days = text.trim().parse().ok().filter(|days| (1..=36_500).contains(days));
    days.ok_or_else(|| TemplateError::Days(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(rules: &str) -> Template {
        let text = format!(
            "Parameters:\n  Days: {{ Type: Number, Default: 30 }}\nResources:\n  F:\n    Properties:\n      \
             Environment:\n        Variables:\n          OTHER: !GetAtt Bucket.Arn\n          DAYS: !Ref Days\n  \
             Bucket:\n    Properties:\n      LifecycleConfiguration:\n        Rules:\n{rules}"
        );
        Template::parse(&text).unwrap()
    }

    #[test]
    fn a_rules_days_are_the_variables_that_a_function_gets_or_the_parameters_default() {
        let template = template("        - { Id: a, Status: Enabled, Prefix: a/, ExpirationInDays: !Ref Days }\n");
        assert_eq!(template.parameters().unwrap(), [Parameter { variable: "DAYS".into(), default: "30".into() }]);
        for (given, days) in [(None, 30), (Some("7"), 7), (Some(" 36500 "), 36_500)] {
            let rules = template.rules(|name| given.filter(|_| name == "DAYS").map(str::to_owned)).unwrap();
            assert_eq!((rules.len(), rules[0].expire_after_days), (1, Some(days)), "{given:?}");
        }
        for given in ["0", "36501", "-1", "a", ""] {
            assert!(matches!(template.rules(|_| Some(given.into())), Err(TemplateError::Days(_))), "{given}");
        }
    }

    #[test]
    fn what_is_not_understood_is_not_passed_over() {
        let disabled = template("        - { Id: a, Status: Disabled, ExpirationInDays: 1, TagFilters: [] }\n");
        assert_eq!(disabled.rules(|_| None).unwrap(), []);
        for rule in [
            "{ Id: a, Status: Enabled, ExpirationInDays: 1, TagFilters: [] }",
            "{ Id: a, Status: Enabled, ExpirationInDays: !If [A, 1, 2] }",
            "{ Id: a, Status: Enabled, ExpirationInDays: !Ref Unknown }",
            "{ Id: a, Status: Enabled, AbortIncompleteMultipartUpload: {} }",
            "{ Id: a, Status: Enabled, Prefix: !Ref Days }",
        ] {
            assert!(template(&format!("        - {rule}\n")).rules(|_| None).is_err(), "{rule}");
        }
        assert!(Template::parse("Resources: {}").unwrap().rules(|_| None).is_err());
        assert!(Template::parse("a: [").is_err());
    }

    #[test]
    fn the_templates_own_rules_are_read() {
        let template = Template::own().unwrap();
        let rules = template.rules(|_| None).unwrap();
        let days = |prefix: &str| {
            let mut of_prefix = rules.iter().filter(|rule| rule.prefix == prefix);
            of_prefix.find_map(|rule| rule.expire_after_days)
        };
        for (prefix, expected) in [
            ("uploads/", Some(30)),
            ("uploads-profile/", Some(365)),
            ("uploads-ephemeral/", Some(7)),
            ("uploads-permanent/", None),
            ("incoming/", Some(1)),
            ("resuming/", Some(1)),
            ("reports/", Some(365)),
            ("expiry/", None),
            ("", None),
        ] {
            assert_eq!(days(prefix), expected, "{prefix}");
        }
        assert!(rules.iter().any(|rule| rule.prefix.is_empty() && rule.abort_after_days == Some(1)));
        let mut variables: Vec<_> = template.parameters().unwrap().into_iter().map(|known| known.variable).collect();
        variables.sort_unstable();
        assert_eq!(
            variables,
            ["SATCHEL_EPHEMERAL_RETENTION_DAYS", "SATCHEL_PROFILE_RETENTION_DAYS", "SATCHEL_RETENTION_DAYS"]
        );
    }
}
