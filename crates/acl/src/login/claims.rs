//! What is known of somebody who logs in: fields for selectors, variables for names.

use std::collections::{BTreeMap, BTreeSet};

use bexpr::{Field, Filter, Object, Schema};
use dialect::hil;

use super::config::Config;

/// What a verified credential says. Which fields and variables there are, the [`Method`] says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// `jwt`: mapped claims by their new names.
    pub value: BTreeMap<String, String>,
    /// `jwt`: mapped claims that are lists.
    pub list: BTreeMap<String, Vec<String>>,
    /// `kubernetes`.
    pub service_account: ServiceAccount,
    /// `aws-iam`.
    pub principal: Principal,
}

/// Who logs in from Kubernetes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Its namespace.
    pub namespace: String,
    /// Its name, or what its annotation says.
    pub name: String,
    /// Its unique ID.
    pub uid: String,
}

/// Who logs in from AWS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Principal {
    /// Of the role or user.
    pub entity_name: String,
    /// Its unique ID.
    pub entity_id: String,
    /// Its account.
    pub account_id: String,
    /// With details only: the path.
    pub entity_path: String,
    /// With details only: the tags.
    pub entity_tags: BTreeMap<String, String>,
}

static JWT: Schema<Claims> = Schema {
    fields: &[
        Field::map("value", |claims| &claims.value),
        Field::lists("list", |claims| &claims.list),
    ],
};

static SERVICE_ACCOUNT: Schema<ServiceAccount> = Schema {
    fields: &[
        Field::text("namespace", |account| &account.namespace),
        Field::text("name", |account| &account.name),
        Field::text("uid", |account| &account.uid),
    ],
};

static KUBERNETES: Schema<Claims> = Schema {
    fields: &[Field::nested(
        "serviceaccount",
        &Object {
            schema: &SERVICE_ACCOUNT,
            get: |claims: &Claims| Some(&claims.service_account),
        },
    )],
};

static AWS: Schema<Claims> = Schema {
    fields: &[
        Field::text("entity_name", |claims| &claims.principal.entity_name),
        Field::text("entity_id", |claims| &claims.principal.entity_id),
        Field::text("account_id", |claims| &claims.principal.account_id),
    ],
};

static AWS_DETAILS: Schema<Claims> = Schema {
    fields: &[
        Field::text("entity_name", |claims| &claims.principal.entity_name),
        Field::text("entity_id", |claims| &claims.principal.entity_id),
        Field::text("account_id", |claims| &claims.principal.account_id),
        Field::text("entity_path", |claims| &claims.principal.entity_path),
        Field::map("entity_tags", |claims| &claims.principal.entity_tags),
    ],
};

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// The new names of mapped claims.
    Jwt(BTreeSet<String>),
    Kubernetes,
    Aws,
    /// The tags that are asked for.
    AwsDetails(BTreeSet<String>),
}

/// Which fields and variables the claims of an auth method have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method(Kind);

impl Method {
    /// Of a method with that configuration.
    pub fn of(config: &Config) -> Self {
        Method(match config {
            Config::Jwt(jwt) => Kind::Jwt(jwt.claims.values().cloned().collect()),
            Config::Kubernetes(_) => Kind::Kubernetes,
            Config::AwsIam(aws) if aws.details => Kind::AwsDetails(aws.tags.clone()),
            Config::AwsIam(_) => Kind::Aws,
        })
    }

    /// Compiles a selector against the fields; the empty one is no filter.
    ///
    /// # Errors
    /// As any filter.
    pub(super) fn selector(&self, text: &str) -> Result<Option<Filter<Claims>>, bexpr::Error> {
        let schema = match self.0 {
            Kind::Jwt(_) => &JWT,
            Kind::Kubernetes => &KUBERNETES,
            Kind::Aws => &AWS,
            Kind::AwsDetails(_) => &AWS_DETAILS,
        };
        match text {
            "" => Ok(None),
            text => Filter::compile(text, schema).map(Some),
        }
    }

    /// The variables with the values of these claims.
    pub(super) fn variables<'a>(&'a self, claims: &'a Claims) -> Variables<'a> {
        Variables {
            method: self,
            claims: Some(claims),
        }
    }

    /// The variables as rules are checked with: each has the value `fake`.
    pub(super) fn fake_variables(&self) -> Variables<'_> {
        Variables {
            method: self,
            claims: None,
        }
    }

    fn value<'a>(&self, claims: &'a Claims, name: &str) -> Option<&'a str> {
        let Principal {
            entity_name,
            entity_id,
            account_id,
            entity_path,
            entity_tags,
        } = &claims.principal;
        let account = &claims.service_account;
        let or_empty = |text: Option<&'a String>| text.map_or("", String::as_str);
        match (&self.0, name) {
            (Kind::Jwt(names), _) => {
                let name = name.strip_prefix("value.")?;
                // A mapped claim that is absent is the empty text.
                names
                    .contains(name)
                    .then(|| or_empty(claims.value.get(name)))
            }
            (Kind::Kubernetes, "serviceaccount.namespace") => Some(&account.namespace),
            (Kind::Kubernetes, "serviceaccount.name") => Some(&account.name),
            (Kind::Kubernetes, "serviceaccount.uid") => Some(&account.uid),
            (Kind::Kubernetes, _) => None,
            (_, "entity_name") => Some(entity_name),
            (_, "entity_id") => Some(entity_id),
            (_, "account_id") => Some(account_id),
            (Kind::AwsDetails(_), "entity_path") => Some(entity_path),
            (Kind::AwsDetails(tags), _) => {
                let tag = name.strip_prefix("entity_tags.")?;
                tags.contains(tag).then(|| or_empty(entity_tags.get(tag)))
            }
            (Kind::Aws, _) => None,
        }
    }
}

/// The variables of names. Values are in small letters and are put in as they are: what they contain is not read again.
pub(super) struct Variables<'a> {
    method: &'a Method,
    claims: Option<&'a Claims>,
}

impl hil::Scope for Variables<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        match self.claims {
            Some(claims) => self.method.value(claims, name).map(str::to_lowercase),
            None => {
                let nobody = Claims::default();
                let known = self.method.value(&nobody, name);
                known.map(|_| "fake".to_owned())
            }
        }
    }
}
