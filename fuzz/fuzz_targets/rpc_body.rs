#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| testkit::decoders::rpc_body(input));
