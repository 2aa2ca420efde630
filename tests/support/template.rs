//! template.yaml as JSON, CloudFormation's short tags written out: `!Ref x` is `{"Ref": "x"}`.

use std::{collections::BTreeSet, fs, path::Path};

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Value, json};

/// The folder of the workspace.
pub const TOP: &str = env!("CARGO_MANIFEST_DIR");

/// The template.
pub struct Template(Value);

/// One of its functions.
pub struct Function<'a> {
    pub id: &'a str,
    template: &'a Template,
    resource: &'a Value,
}

impl Template {
    pub fn load() -> Self {
        let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/template.yaml")).unwrap();
        Self(to_json(&Yaml::load_from_str(&text).unwrap()[0]))
    }

    /// What is at a JSON pointer, `null` where there is nothing.
    pub fn at(&self, pointer: &str) -> &Value {
        self.0.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// The resources of a type: logical id and definition.
    pub fn resources<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        entries(self.at("/Resources")).filter(move |(_, resource)| resource["Type"] == kind)
    }

    pub fn functions(&self) -> impl Iterator<Item = Function<'_>> {
        let functions = self.resources("AWS::Serverless::Function");
        functions.map(|(id, resource)| Function { id, template: self, resource })
    }

    /// The function that API Gateway sends a request to: a declared method beats ANY.
    pub fn route(&self, method: &str, path: &str) -> Option<Function<'_>> {
        let takes = |wanted: &str| {
            self.functions().find(|function| function.routes().any(|(known, p)| known == wanted && matches(&p, path)))
        };
        takes(method).or_else(|| takes("ANY"))
    }

    /// Whether the template mentions a parameter or resource anywhere.
    pub fn mentions(&self, id: &str) -> bool {
        let text = self.0.to_string();
        text.contains(&json!({ "Ref": id }).to_string()) || text.contains(&format!("${{{id}}}"))
    }
}

impl<'a> Function<'a> {
    /// What is at a JSON pointer below the resource.
    pub fn at(&self, pointer: &str) -> &'a Value {
        self.resource.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// A property, or its global value.
    pub fn property(&self, name: &str) -> &'a Value {
        let own = &self.resource["Properties"][name];
        if own.is_null() { &self.template.0["Globals"]["Function"][name] } else { own }
    }

    /// The folder of the sources, which names the function.
    pub fn name(&self) -> &'a str {
        self.property("CodeUri").as_str().unwrap().strip_prefix("functions/").unwrap()
    }

    /// Its own variables and those of all functions.
    pub fn variables(&self) -> impl Iterator<Item = &'a str> {
        let global = &self.template.0["Globals"]["Function"]["Environment"]["Variables"];
        entries(self.at("/Properties/Environment/Variables")).chain(entries(global)).map(|(name, _)| name)
    }

    pub fn events(&self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        entries(self.at("/Properties/Events")).map(|(_, event)| event).filter(move |event| event["Type"] == kind)
    }

    /// Methods and paths of the API.
    pub fn routes(&self) -> impl Iterator<Item = (String, String)> {
        let text = |event: &Value, name: &str| event["Properties"][name].as_str().unwrap().to_owned();
        self.events("Api").map(move |event| (text(event, "Method").to_uppercase(), text(event, "Path")))
    }

    /// The statements of its policies, those under a condition included.
    pub fn statements(&self) -> Vec<Value> {
        let policies = self.at("/Properties/Policies").as_array().cloned().unwrap_or_default();
        let listed = policies.iter().flat_map(|policy| policy["Statement"].as_array().cloned().unwrap());
        listed.map(|statement| chosen(&statement).clone()).collect()
    }
}

/// The folders of functions/ that hold a program, which are the functions.
pub fn folders() -> BTreeSet<String> {
    let folders = fs::read_dir(Path::new(TOP).join("functions")).unwrap().map(|entry| entry.unwrap());
    let programs = folders.filter(|folder| folder.path().join("src/main.rs").exists());
    programs.map(|folder| folder.file_name().into_string().unwrap()).collect()
}

/// Whether a resource path of API Gateway, such as `/upload/{path+}`, has a path below it.
pub fn matches(resource: &str, path: &str) -> bool {
    match resource.split_once('{') {
        None => resource == path,
        Some((before, variable)) => path
            .strip_prefix(before)
            .is_some_and(|rest| !rest.is_empty() && (variable.ends_with("+}") || !rest.contains('/'))),
    }
}

/// The members of an object; none for what is no object.
pub fn entries(object: &Value) -> impl Iterator<Item = (&str, &Value)> {
    object.as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), value))
}

/// The texts of a list; none of what is no list.
pub fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// What stands there where its condition holds.
pub fn chosen(value: &Value) -> &Value {
    value.get("Fn::If").map_or(value, |choice| &choice[1])
}

fn to_json(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Value(scalar) => scalar_to_json(scalar),
        Yaml::Sequence(items) => items.iter().map(to_json).collect(),
        Yaml::Mapping(members) => {
            members.iter().map(|(key, value)| (key.as_str().unwrap().to_owned(), to_json(value))).collect()
        }
        Yaml::Tagged(tag, value) => json!({ long_form(&tag.suffix): to_json(value) }),
        other => panic!("{other:?} in template.yaml"),
    }
}

fn scalar_to_json(scalar: &Scalar) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => (*value).into(),
        Scalar::Integer(value) => (*value).into(),
        Scalar::FloatingPoint(value) => value.into_inner().into(),
        Scalar::String(value) => value.as_ref().into(),
    }
}

fn long_form(tag: &str) -> String {
    if matches!(tag, "Ref" | "Condition") { tag.to_owned() } else { format!("Fn::{tag}") }
}
