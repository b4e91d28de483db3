//! "Did you mean …?" for a word that nobody knows.

/// Longest word that is compared, bytes: nothing in the table comes near.
const WORD_BYTES_MAX: usize = 64;

/// The candidate that is nearest to `word`, if one is near enough: a third of its letters may differ. Of several the first.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    if word.is_empty() || word.len() > WORD_BYTES_MAX {
        return None;
    }
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    let ranked = candidates.map(|one| (distance(word, one), one));
    let best = ranked.min_by_key(|(far, _)| *far)?;
    (best.0 <= allowed).then_some(best.1)
}

/// The line that tells of it; nothing without a near candidate. `dash` stands before the name.
pub(crate) fn line<'a>(
    word: &str,
    dash: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<String> {
    nearest(word, candidates).map(|near| format!("did you mean \"{dash}{near}\"?"))
}

/// Letters to insert, remove, replace or swap with their neighbour (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX / 2);
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut best = at(&last, j) + usize::from(x != y);
            best = best.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            if i > 0 && j > 0 && Some(x) == b.get(j - 1) && a.get(i - 1) == Some(y) {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    at(&last, b.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_and_far() {
        let words = ["members", "member-x", "kv", "agent", "version"];
        let near = |word: &str| nearest(word, words.into_iter());
        assert_eq!(near("memebrs"), Some("members"));
        assert_eq!(near("kb"), Some("kv"));
        assert_eq!(near("agnet"), Some("agent"));
        assert_eq!(near("frobnicate"), None);
        assert_eq!(near(""), None);
        assert_eq!(near(&"a".repeat(100_000)), None);
        assert_eq!(distance("abc", "abc"), 0);
        assert_eq!(distance("abc", "acb"), 1);
        assert_eq!(distance("", "abc"), 3);
    }
}
