//! Which texts are accepted as service addresses.

use std::net::IpAddr;

/// Checks an address that must not carry a port; names are fine unless they look like a mistyped IP address.
pub(super) fn check(address: &str) -> Result<(), String> {
    if address.is_empty() {
        return Err("address cannot be empty".to_owned());
    }
    let host = address
        .strip_prefix('[')
        .and_then(|a| a.strip_suffix(']'))
        .unwrap_or(address);
    if host.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    if looks_mistyped(host) {
        return Err(format!("malformed IP address: {host}"));
    }
    if split_port(address).is_ok() {
        return Err("address should not contain port".to_owned());
    }
    Ok(())
}

fn looks_mistyped(host: &str) -> bool {
    let numeric = |label: &&str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_digit());
    let dots = host.matches('.').count();
    host.contains("..")
        || host.contains(":::")
        || host.matches("::").count() > 1
        || host.matches(':').count() > 7
        || (dots > 3 && host.split('.').filter(numeric).count() > 2)
}

/// Splits `host:port`, with Go's words for what is wrong.
pub(super) fn split_port(address: &str) -> Result<(String, String), String> {
    let missing = || format!("address {address}: missing port in address");
    let (host, port) = match address.strip_prefix('[') {
        Some(rest) => {
            let bad = || format!("address {address}: missing ']' in address");
            let (host, after) = rest.split_once(']').ok_or_else(bad)?;
            (host, after.strip_prefix(':').ok_or_else(missing)?)
        }
        None => address.rsplit_once(':').ok_or_else(missing)?,
    };
    if !address.starts_with('[') && host.contains(':') {
        return Err(format!("address {address}: too many colons in address"));
    }
    Ok((host.to_owned(), port.to_owned()))
}

/// Reads `host:port` with a numeric port.
pub(super) fn tagged(text: &str) -> Result<(String, i64), String> {
    let (host, port) = split_port(text)?;
    let number = crate::number::parse_decimal(&port).map_err(|e| {
        let port = crate::text::quote(&port);
        format!("strconv.Atoi: parsing {port}: {}", e.text())
    })?;
    Ok((host, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for good in [
            "10.0.0.1",
            "::1",
            "host",
            "web.example.com",
            "[::1]",
            "1.2.3.example",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("", "address cannot be empty"),
            ("10.0.0.1:80", "address should not contain port"),
            ("..bad", "malformed IP address: ..bad"),
            ("1.2.3.4.5", "malformed IP address: 1.2.3.4.5"),
            ("1::2::3", "malformed IP address: 1::2::3"),
        ] {
            assert_eq!(check(bad), Err(why.to_owned()), "{bad}");
        }
        assert_eq!(tagged("1.2.3.4:90"), Ok(("1.2.3.4".to_owned(), 90)));
        assert_eq!(tagged("[::1]:90"), Ok(("::1".to_owned(), 90)));
        let missing = "address 1.2.3.4: missing port in address";
        assert_eq!(tagged("1.2.3.4"), Err(missing.to_owned()));
        let number = "strconv.Atoi: parsing \"x\": invalid syntax";
        assert_eq!(tagged("1.2.3.4:x"), Err(number.to_owned()));
    }
}
