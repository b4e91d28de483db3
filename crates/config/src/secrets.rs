//! What is a secret in a configuration that is shown: by the name of a key, by the place it stands in, by the form of a text.
//!
//! The rule is the reference's (values whose key names a key, token or secret become `hidden`), and goes on where secrets
//! stand in texts and maps that have no such name: join expressions of clouds, headers, passwords and parameters of URLs.

use serde_json::Value as Json;

/// What stands in the place of a secret.
const HIDDEN: &str = "hidden";
/// Words in a name that make its value a secret.
const WORDS: &[&str] = &[
    "key",
    "token",
    "secret",
    "password",
    "passwd",
    "credential",
    "authorization",
];
/// Names with such a word that are no secrets: labels by which clouds find their machines.
const PLAIN: &[&str] = &["tag_key"];

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !PLAIN.contains(&name.as_str()) && WORDS.iter().any(|word| name.contains(word))
}

/// Hides every secret of a value, however deep.
pub(crate) fn hide(value: &mut Json) {
    match value {
        Json::Object(map) => {
            for (name, inner) in map.iter_mut() {
                if is_secret(name) && inner.is_string() {
                    *inner = Json::from(HIDDEN);
                } else if is_headers(name) {
                    hide_all(inner);
                } else {
                    hide(inner);
                }
            }
        }
        Json::Array(items) => items.iter_mut().for_each(hide),
        Json::String(text) => {
            if let Some(safe) = hide_text(text) {
                *text = safe;
            }
        }
        _ => {}
    }
}

/// Maps of headers that are sent: any of them may hold credentials, whatever its name.
fn is_headers(name: &str) -> bool {
    name.eq_ignore_ascii_case("header") || name.eq_ignore_ascii_case("headers")
}

/// Hides every text of a value.
fn hide_all(value: &mut Json) {
    match value {
        Json::Object(map) => map.values_mut().for_each(hide_all),
        Json::Array(items) => items.iter_mut().for_each(hide_all),
        Json::String(text) => *text = HIDDEN.into(),
        _ => {}
    }
}

/// The text without what is secret in it; `None` when nothing is.
fn hide_text(text: &str) -> Option<String> {
    if text.contains("provider=") {
        return Some(hide_join(text));
    }
    text.contains("://").then(|| hide_url(text))
}

/// A cloud's join expression: `provider=aws tag_key=a secret_access_key="x y"`.
fn hide_join(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let start = rest.len() - rest.trim_start().len();
        let (space, after) = rest.split_at(start);
        out.push_str(space);
        let (word, tail) = after.split_at(end_of_word(after));
        match word.split_once('=') {
            Some((name, _)) if is_secret(name.trim_matches('"')) => {
                out.push_str(name);
                out.push('=');
                out.push_str(HIDDEN);
            }
            _ => out.push_str(word),
        }
        rest = tail;
    }
    out
}

/// Where the first word ends: at white space outside quotes.
fn end_of_word(text: &str) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            letter if letter.is_whitespace() && !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

/// A URL: the password before the host, and parameters with secret names.
fn hide_url(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let authority = match authority.rsplit_once('@') {
        None => authority.to_owned(),
        Some((user, host)) => match user.split_once(':') {
            Some((user, _)) => format!("{user}:{HIDDEN}@{host}"),
            None => format!("{user}@{host}"),
        },
    };
    let tail = match tail.split_once('?') {
        None => tail.to_owned(),
        Some((path, query)) => {
            let pairs = query.split('&').map(|pair| match pair.split_once('=') {
                Some((name, _)) if is_secret(name) => format!("{name}={HIDDEN}"),
                _ => pair.to_owned(),
            });
            format!("{path}?{}", pairs.collect::<Vec<_>>().join("&"))
        }
    };
    format!("{scheme}://{authority}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_are_hidden_wherever_they_stand() {
        let mut shown = json!({
            "RetryJoinLAN": [
                "10.0.0.1",
                "provider=aws tag_key=consul tag_value=\"a b\" access_key_id=AK secret_access_key=\"S \\\" T\" region=eu",
                "provider=os user_name=u password=P",
            ],
            "Watches": [{
                "type": "key", "token": "T",
                "http_handler_config": {
                    "path": "https://user:pass@h:1/x?a=b&token=T", "method": "POST",
                    "header": {"X-Auth": ["H1"], "Cookie": "H2"},
                },
            }],
            "Telemetry": {"StatsdAddr": "udp://u:p@h:8125", "StatsiteAddr": "h:8125"},
            "ConnectCAConfig": {"AuthMethod": {"Params": {"secret_id": "S", "role": "r"}}, "RootPKIPath": "p"},
        });
        hide(&mut shown);
        assert_eq!(
            shown,
            json!({
                "RetryJoinLAN": [
                    "10.0.0.1",
                    "provider=aws tag_key=consul tag_value=\"a b\" access_key_id=hidden secret_access_key=hidden region=eu",
                    "provider=os user_name=u password=hidden",
                ],
                "Watches": [{
                    "type": "key", "token": "hidden",
                    "http_handler_config": {
                        "path": "https://user:hidden@h:1/x?a=b&token=hidden", "method": "POST",
                        "header": {"X-Auth": ["hidden"], "Cookie": "hidden"},
                    },
                }],
                "Telemetry": {"StatsdAddr": "udp://u:hidden@h:8125", "StatsiteAddr": "h:8125"},
                "ConnectCAConfig": {"AuthMethod": {"Params": {"secret_id": "hidden", "role": "r"}}, "RootPKIPath": "p"},
            })
        );
    }

    #[test]
    fn other_texts_stay() {
        for text in [
            "",
            "a=b",
            "tcp://127.0.0.1:8500",
            "http://h/?",
            "x://",
            "provider=",
            "a \"b",
        ] {
            let mut value = Json::from(text);
            hide(&mut value);
            assert_eq!(value, Json::from(text));
        }
    }
}
