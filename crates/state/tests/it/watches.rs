//! The table of reads.

#[test]
fn the_document_is_current() {
    expect_test::expect_file!["../../../../docs/watch-table.md"]
        .assert_eq(&state::reads::watch_table());
}
