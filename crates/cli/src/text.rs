//! Shapes of output that several commands share: tables, columns, JSON as Go prints it.

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};
use std::time::{SystemTime, UNIX_EPOCH};

/// Columns two spaces apart; every cell but the last of a row is padded to the widest of its column (spec: cli.md §5).
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    columns(rows, 2, 0)
}

/// Columns `gap` spaces apart; rows may differ in length. Without a newline at the end.
pub(crate) fn columns(rows: &[Vec<String>], gap: usize, least: usize) -> String {
    let width = |column: usize| {
        rows.iter()
            .filter(|r| r.len() > column + 1)
            .filter_map(|r| r.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
            .max(least)
    };
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count).map(width).collect();
    let line = |row: &Vec<String>| {
        let mut text = String::new();
        for (i, cell) in row.iter().enumerate() {
            text.push_str(cell);
            if i + 1 < row.len() {
                let pad = widths[i] + gap - cell.chars().count().min(widths[i]);
                text.extend(std::iter::repeat_n(' ', pad));
            }
        }
        text
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A table of text slices.
pub(crate) fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.iter().map(|c| c.trim().to_owned()).collect()
}

/// JSON indented by `indent`, with Go's escapes of `<`, `>` and `&`.
pub(crate) fn json(value: &impl Serialize, indent: &str) -> String {
    let mut out = Vec::new();
    let format = PrettyFormatter::with_indent(indent.as_bytes());
    // Values with text keys written to memory: neither can fail.
    let _ = value.serialize(&mut Serializer::with_formatter(&mut out, format));
    escape(&String::from_utf8_lossy(&out))
}

/// JSON in one line, with Go's escapes.
pub(crate) fn json_compact(value: &Value) -> String {
    escape(&value.to_string())
}

/// These characters stand inside texts only, so replacing them anywhere is right.
fn escape(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            c => out.push(c),
        }
    }
    out
}

/// A text in double quotes with Go's escapes.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A moment as log lines show it, in UTC with milliseconds.
pub(crate) fn log_time(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    let (year, month, day, hour, minute, second) = pki::civil(seconds);
    let millis = since.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables() {
        let rows = [row(["Node", "ID", "DC"]), row(["é1", "", "dc1"])];
        assert_eq!(table(&rows), "Node  ID  DC\né1        dc1");
        let rows = [row(["a", "bb"]), row(["ccc", ""])];
        assert_eq!(table(&rows), "a    bb\nccc  ");
    }

    #[test]
    fn json_like_go() {
        let value = serde_json::json!({"a": ["<&>"], "b": {}, "c": []});
        let expected =
            "{\n\t\"a\": [\n\t\t\"\\u003c\\u0026\\u003e\"\n\t],\n\t\"b\": {},\n\t\"c\": []\n}";
        assert_eq!(json(&value, "\t"), expected);
    }
}
