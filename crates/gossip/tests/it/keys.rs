//! Encrypted pools: who is let in, how keys change everywhere and on disk.

use crate::support::{pool, settings, start};
use gossip::{JoinError, Key};
use serf::Operation;

const FIRST: &str = "AAECAwQFBgcICQoLDA0ODw==";
const SECOND: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

fn key(text: &str) -> Key {
    Key::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_change_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).join("local.keyring");
    let nodes = pool(3, |settings| {
        settings.encryption.key = Some(key(FIRST));
        settings.encryption.file = Some(file(&settings.serf.name));
        // Answers may be late on a loaded machine; they are waited for no longer than until all are there.
        settings.serf.timing.gossip_interval = std::time::Duration::from_millis(100);
    })
    .await;
    let asked = &nodes[1].pool;
    let second = key(SECOND);
    let report = asked
        .keys(Operation::Use, second.bytes(), 0)
        .await
        .expect("runs");
    assert_eq!(
        report.error().as_deref(),
        Some("3/3 nodes reported failure")
    );
    assert_eq!(report.messages["n2"], "Requested key is not in the keyring");
    for operation in [Operation::Install, Operation::Use] {
        let report = asked
            .keys(operation, second.bytes(), 2)
            .await
            .expect("runs");
        assert_eq!(
            (report.error(), report.answers),
            (None, 3),
            "{operation:?}: {report:?}"
        );
    }
    let list = asked.keys(Operation::List, &[], 0).await.expect("runs");
    assert_eq!(
        list.keys,
        [(FIRST.to_owned(), 3), (SECOND.to_owned(), 3)].into()
    );
    assert_eq!(list.primary, [(SECOND.to_owned(), 3)].into());
    let report = asked
        .keys(Operation::Remove, key(FIRST).bytes(), 0)
        .await
        .expect("runs");
    assert_eq!(report.error(), None, "{report:?}");
    for node in &nodes {
        let text = std::fs::read_to_string(file(node.pool.name())).unwrap();
        assert_eq!(text, format!("[\n  \"{SECOND}\"\n]"));
    }
    // Streams use the new key too, and who starts again finds it on disk whatever the configuration says.
    let mut late = settings("late");
    late.encryption.key = Some(key(SECOND));
    start(late).join(&nodes[0]).await;
    let mut again = settings("again");
    again.encryption.key = Some(key(FIRST));
    again.encryption.file = Some(file("n0"));
    start(again).join(&nodes[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_key_or_another_is_not_let_in() {
    let sealed = |name: &str, text: &str| {
        let mut settings = settings(name);
        settings.encryption.key = Some(key(text));
        start(settings)
    };
    let (plain, first) = (start(settings("plain")), sealed("first", FIRST));
    let second = sealed("second", SECOND);
    let to = first.pool.address();
    // Neither can read what the refusal says, for it is sealed.
    for (node, why) in [
        (
            &plain,
            "Remote state is encrypted and encryption is not configured",
        ),
        (&second, "No installed keys could decrypt the message"),
    ] {
        let refused = node.pool.join(&[to.to_string()], false).await;
        let told = format!("Failed to join {to}: {why}");
        assert_eq!(refused, Err(JoinError(vec![told])));
        assert_eq!(first.pool.members().len(), 1);
    }
    let refused = first
        .pool
        .join(&[plain.pool.address().to_string()], false)
        .await
        .unwrap_err();
    assert!(
        refused.0[0].contains("Encryption is configured but remote state is not encrypted"),
        "{refused}"
    );
    // Whoever is on the way to encryption speaks with both.
    let mut between = settings("between");
    between.encryption.key = Some(key(FIRST));
    (
        between.encryption.verify_incoming,
        between.encryption.verify_outgoing,
    ) = (false, false);
    let between = start(between);
    plain.join(&between).await;
    let no_keys = plain
        .pool
        .keys(Operation::List, &[], 0)
        .await
        .expect("runs");
    assert!(no_keys.failures >= 1, "{no_keys:?}");
    assert_eq!(
        no_keys.messages["plain"],
        "Keyring is empty (encryption not enabled)"
    );
}
